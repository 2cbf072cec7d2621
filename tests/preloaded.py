"""What programs of tests need, imported and rehearsed: in the process that `tests.forked` forks them from."""

from __future__ import annotations

import gc
import importlib
import sys

from signalnode.cli.specs import PRELOAD

NAMES = (
    "signalnode.cli.requests",
    "tests.supervisor.forking",
    "tests.supervisor.node",
    "tests.supervisor.targets",
)

for name in PRELOAD:
    getattr(importlib.import_module(name), "preload", lambda: None)()
LOADED = frozenset(sys.modules)  # what a node's fork server has loaded, and no more
for name in NAMES:
    importlib.import_module(name)
gc.collect()
gc.freeze()  # what is here nobody has to look through again
