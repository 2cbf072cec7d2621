"""One child as the core sees it: where it stands, what runs for it, and how an exit is described."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.spec import ChildSpec


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: by `code`, by `signal`, or (both None) nobody can tell."""

    code: int | None = None
    signal: int | None = None
    peak_rss_bytes: int | None = None
    cpu_s: float | None = None
    time_ns: int = 0  # wall clock, for people; 0 when nobody noted it

    @property
    def clean(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        if self.signal is not None:
            return signal_name(self.signal)
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
class Child:
    """One child as it stands; only the core changes it. Times are monotonic nanoseconds."""

    spec: ChildSpec
    state: ChildState = ChildState.DOWN
    wanted: bool = True  # up, as far as the operator is concerned
    leaving: bool = False  # no longer in the config: forgotten once it is down
    pid: int | None = None
    adopted: bool = False
    settled: bool = False  # it has been up, or has failed, at least once: nobody need wait for it at start
    failing: bool = False  # its present end counts as a failure although we brought it about (hung, late)
    untold: bool = False  # something changed while it started: it gets its `reload_signal` once it is up
    history: History = field(default_factory=History)
    started_ns: int = 0  # process start
    ready_ns: int | None = None  # of this process
    heard_ns: int = 0  # latest heartbeat
    progress: float | None = None  # the furthest it said its start has come, 0 to 1; None when it is up
    moved_ns: int = 0  # when it said that, or process start: its time to get ready counts from here
    prolonged: bool = False  # its start takes longer than its timeout, with progress: nobody waits for it
    queued_ns: int = 0  # since when it waits for its start
    deadline_ns: int | None = None  # when `deadline_event` happens to it
    deadline_event: str = ""
    restarts: int = 0  # processes started beyond the first, since this supervisor started
    reason: str = ""  # why it stands where it stands, for people
    last_exit: Mapping[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.spec.name
