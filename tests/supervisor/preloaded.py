"""What a supervisor of tests and its children need, imported: in the process they are forked from."""

from __future__ import annotations

import gc
import importlib

from signalnode_supervisor.inside.holes import fill_holes

for name in ("tests.forked", "tests.supervisor.node", "tests.supervisor.targets"):
    importlib.import_module(name)
gc.collect()
fill_holes()
gc.freeze()  # what is here nobody has to look through again
