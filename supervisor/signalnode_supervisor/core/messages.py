"""What the loop tells the core (inputs) and what the core asks of the loop (commands). Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.liveness import ChildMessage
from signalnode_supervisor.core.starvation import CpuTime
from signalnode_supervisor.spec import ChildSpec

Verb = Literal["start", "stop", "restart", "reload", "shutdown"]


@dataclass(frozen=True, slots=True)
class Adopted:
    """A living process of an earlier supervisor was found. `digest` is of the spec it was started with."""

    name: str
    pid: int
    digest: str
    ready: bool
    started_ns: int
    heard_ns: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begin:
    """The supervisor is there. `stopped` are the names somebody stopped earlier: they stay down."""

    specs: tuple[ChildSpec, ...]
    stopped: frozenset[str] = frozenset()
    adopted: tuple[Adopted, ...] = ()
    last_exits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # from earlier runs


@dataclass(frozen=True, slots=True)
class Started:
    """A `Spawn` was carried out: the process exists."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A process is gone, reaped, and none of its descendants is left."""

    name: str
    pid: int
    exit: Exit
    traceback: str = ""
    last_words: str = ""  # what it printed last, where it left no traceback


@dataclass(frozen=True, slots=True)
class Said:
    """A child spoke on its heartbeat pipe."""

    name: str
    pid: int
    message: ChildMessage


@dataclass(frozen=True, slots=True)
class Tick:
    """Some deadline may have passed. All heartbeat pipes have been read.

    `cpu_times` are of those that are late or silent (`Supervisor.overdue`), `pressure` is the share of the
    time in which somebody waited for a processor.
    """

    cpu_times: Mapping[str, CpuTime] = field(default_factory=dict)
    pressure: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request over the control socket.

    `specs` is what is wanted now; None before it has been read, and, with a `fault`, where it cannot be.
    """

    request: int
    verb: Verb
    names: tuple[str, ...] = ()
    specs: tuple[ChildSpec, ...] | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Halt:
    """End everything; said again, hurry."""


Input = Begin | Started | Ended | Said | Tick | Asked | Halt


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process for this spec as soon as the fork server can; then say `Started`."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Forget a `Spawn` that has not been carried out."""

    name: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a signal to a child's process; with `descendants`, whatever it has forked is killed too."""

    name: str
    pid: int
    signal: int
    descendants: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The one answer to a request."""

    request: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RememberStopped:
    """Write down which names are stopped, before any reply that follows."""

    stopped: frozenset[str]


@dataclass(frozen=True, slots=True)
class Log:
    """Something for the log."""

    level: Literal["debug", "info", "warning", "error"]
    event: str
    child: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordExit:
    """An exit, to be kept over restarts."""

    name: str
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retire:
    """This child is gone for good: forget its files."""

    name: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Every child is down after a `Halt`."""


Command = Spawn | Withdraw | Send | Reply | RememberStopped | Log | RecordExit | Retire | Finish
