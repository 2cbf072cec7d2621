"""What programs of tests need, imported and rehearsed: in the process that `tests.forked` forks them from."""

from __future__ import annotations

import gc
import importlib

from signalnode.engine.preload import preload

NAMES = (
    "signalnode.aggregator.process",
    "signalnode.cli.requests",
    "tests.supervisor.forking",
    "tests.supervisor.node",
    "tests.supervisor.targets",
)

for name in NAMES:
    importlib.import_module(name)
preload()
gc.collect()
gc.freeze()  # what is here nobody has to look through again
