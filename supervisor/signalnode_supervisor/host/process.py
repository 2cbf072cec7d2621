"""One running process of a child, as the supervisor holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from signalnode_supervisor.host.output import Output
from signalnode_supervisor.spec import ChildSpec


@dataclass(slots=True)
class Process:
    """One running process of a child, and the files through which it is watched."""

    spec: ChildSpec
    pid: int
    mark: str
    start_ticks: int
    started_ns: int
    pidfd: int
    beat_file: int
    output: Output
    adopted: bool = False
    ready: bool = False
    killed: bool = False  # by us
    facts: dict[str, Any] = field(default_factory=dict)  # of its `ready`, for a successor
    pending: bytes = b""  # the beginning of a message that has not come whole

    def run(self) -> dict[str, Any]:
        """What a successor needs to adopt it."""
        return {
            "pid": self.pid,
            "began": self.start_ticks,
            "mark": self.mark,
            "digest": self.spec.digest(),
            "ready": self.ready,
            "started_ns": self.started_ns,
            "facts": self.facts,
        }
