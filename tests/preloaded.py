"""What programs of tests need, imported and rehearsed: in the process that `tests.forked` forks them from."""

from __future__ import annotations

import importlib

from signalnode.engine.preload import preload

for name in ("signalnode.aggregator.process", "signalnode.cli.requests", "tests.supervisor.node"):
    importlib.import_module(name)
preload()
