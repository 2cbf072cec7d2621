"""What programs of tests need, imported and rehearsed: in the process that `tests.forked` forks them from."""

from __future__ import annotations

import signalnode_supervisor.host.loop  # noqa: F401
from signalnode.engine.preload import preload

preload()
