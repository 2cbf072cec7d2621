"""One child as the core sees it: where it stands, what runs for it, and how an exit is described."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signalnode_supervisor.core.lifecycle import ChildState, Event, Stage
from signalnode_supervisor.core.starvation import Strain
from signalnode_supervisor.spec import ChildSpec


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: by `code`, by `signal`, or (both None) nobody can tell."""

    code: int | None = None
    signal: int | None = None
    peak_rss_bytes: int | None = None
    cpu_s: float | None = None
    time_ns: int = 0  # wall clock, for people; 0 when nobody noted it
    why: str = ""  # what stands behind the signal, if anybody knows

    @property
    def clean(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        if self.signal is not None:
            return signal_name(self.signal) + (f", {self.why}" if self.why else "")
        return "status unknown" if self.code is None else f"exit {self.code}"


def signal_name(number: int) -> str:
    """'SIGKILL' for 9; 'signal 77' for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass(frozen=True, slots=True)
class History:
    """Failures that still count. `streak` counts them since the child was last stable."""

    failures_ns: tuple[int, ...] = ()  # monotonic, oldest first, all within the period
    streak: int = 0
    on_probation: bool = False  # its one slow retry: the next failure gives it up again


@dataclass(slots=True)
class Running:
    """What runs for a child: one process. The next one gets a record of its own, so nothing is left over.

    Times are monotonic nanoseconds.
    """

    pid: int
    started_ns: int
    progressed_ns: int  # its start, or when it said `progress`: its time to get ready counts from here
    adopted: bool = False  # an earlier supervisor started it
    heard_ns: int | None = None  # latest heartbeat, or readiness; None before the first
    ready_ns: int | None = None
    progress: float | None = None  # the furthest it said its start has come, 0 to 1; None once it is up
    prolonged: bool = False  # its start takes longer than its timeout, with progress: nobody waits for it
    reload_pending: bool = False  # something changed while it started: it is signalled once it is up
    strain: Strain | None = None  # its deadline was put off, for it waits for a processor
    dismissed: bool = False  # told to end, for another has taken its place
    overdue_ns: int | None = None  # when it is killed, once it was dismissed
    failure: str = ""  # why it is aborted: then its end counts as a failure, whatever its status
    facts: dict[str, Any] = field(default_factory=dict)  # what it says of itself


@dataclass(slots=True)
class Child:
    """One child as it stands; only the core changes it. Times are monotonic nanoseconds."""

    spec: ChildSpec
    stage: Stage = Stage.DOWN
    wanted: bool = True  # up, as far as the operator is concerned
    leaving: bool = False  # no longer in the config: forgotten once it is down
    settled: bool = False  # it has been up, or has failed, at least once: nobody need wait for it at start
    running: Running | None = None
    elder: Running | None = None  # goes on until what runs beside it is up
    previous: Running | None = None  # the one before, for what it said last
    history: History = field(default_factory=History)
    queued_ns: int = 0  # since when it waits for its start
    deadline_ns: int | None = None  # when `deadline_event` happens to it
    deadline_event: Event | None = None
    restarts: int = 0  # processes started beyond the first, since this supervisor started
    reason: str = ""  # why it stands where it stands, for people
    last_exit: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def state(self) -> ChildState:
        return self.stage.state

    @property
    def is_at_rest(self) -> bool:
        """Whether it is down, and no process of it is left."""
        return self.stage is Stage.DOWN and self.elder is None

    @property
    def pid(self) -> int | None:
        """Of what runs; None when nothing does."""
        return self.running.pid if self.running is not None else None
