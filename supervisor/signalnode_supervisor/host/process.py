"""The running processes of children, as the supervisor holds them."""

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
    place: str = ""  # of its lock and its group: its name, and another while one of that name lives
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
            "place": self.place,
            "digest": self.spec.digest(),
            "ready": self.ready,
            "started_ns": self.started_ns,
            "facts": self.facts,
        }


def places_of(name: str) -> tuple[str, str]:
    """What a child's locks and groups are named by; no child can have the second for its name."""
    return name, f"{name}~"


class Family:
    """All that live: of each child the newest, and elders, which those have come to relieve."""

    def __init__(self) -> None:
        self.newest: dict[str, Process] = {}
        self._elders: dict[int, Process] = {}  # by pid

    def all(self) -> list[Process]:
        return [*self._elders.values(), *self.newest.values()]

    def find(self, name: str, pid: int) -> Process | None:
        """The process of that child with that pid."""
        return next((each for each in self._of(name) if each.pid == pid), None)

    def room(self, name: str) -> tuple[str, Process | None]:
        """The place for one more of that child, and whom it relieves."""
        living = self._of(name)
        taken = {process.place for process in living}
        free = [place for place in places_of(name) if place not in taken]
        return (free or [name])[0], living[-1] if living else None

    def add(self, process: Process) -> None:
        """What lived of that child so far is an elder from now on."""
        elder = self.newest.get(process.spec.name)
        if elder is not None:
            self._elders[elder.pid] = elder
        self.newest[process.spec.name] = process

    def remove(self, process: Process) -> bool:
        """It is gone; whether it was the newest."""
        if self._elders.pop(process.pid, None) is not None:
            return False
        del self.newest[process.spec.name]
        return True

    def _of(self, name: str) -> list[Process]:
        return [process for process in self.all() if process.spec.name == name]
