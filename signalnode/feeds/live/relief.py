"""A gateway's restart that nobody notices: the new process takes over market by market before the old one
ends. RELIEF is the life of either.

The new one (`asking`) asks the old one to stand by. That has the names of the seat lead to the new one and
tells all that hear it, so engines dial the new one besides, and both bring everything (`beside`). When a
market has all its channels and its book has had its image for OVERLAP_S, the new one says `Moved`, as in a
handover of one connection (`pool.py`), and the engine lets go of the old one; so the old one counts how many
are left. With none left the new one is `chief`, says that it is ready, and the supervisor ends the old one.

It does so too where the old one is gone or silent, and at the latest after RELIEF_S_MAX: a restart is what
was asked for. Where the new one goes instead, the old one tells so (`returning`) and is `chief` again: only
then do the names lead to it, for an engine that dials it by both would hear all twice.
"""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

import zmq

from signalnode.clock import NS_PER_S
from signalnode.feeds.live import envelope
from signalnode.feeds.live.actions import NEVER_NS, Address, Beside, Moved, ns_of
from signalnode.feeds.live.pool import OVERLAP_S, Step

RELIEF_S_MAX = 30.0  # below the least time that a start has, and longer than a venue takes to agree
ELDER_SILENT_S = 3.0
NUMBERS = 1_000  # left free for connections that the old one still makes

RETURN_S = 1.0  # for engines to hang up

State = Literal["asking", "beside", "chief", "standing_by", "returning"]

RELIEF: dict[tuple[State, str], State] = {
    ("asking", "agreed"): "beside",
    ("asking", "alone"): "chief",
    ("beside", "alone"): "chief",
    ("chief", "asked"): "standing_by",
    ("standing_by", "alone"): "returning",
    ("returning", "asked"): "standing_by",
    ("returning", "due"): "chief",
}


class Elder(Protocol):
    """The process to be relieved, as the new one hears it."""

    def word(self) -> envelope.Heir | None:
        """What it has said last since the last call."""
        ...

    def is_gone(self) -> bool:
        """Whether it has ended."""
        ...


class Markets(Protocol):
    """What a gateway hears, as `pool.Pool` has it, where each of these is told."""

    @property
    def newest(self) -> int: ...
    @property
    def symbols(self) -> list[str]: ...
    def number_from(self, newest: int) -> None: ...
    def stand_by(self) -> list[Step]: ...
    def go_on(self) -> None: ...
    def is_settled(self, symbol: str) -> bool: ...
    def take_over(self, symbol: str) -> list[Step]: ...


class Crew(NamedTuple):
    """What a change of roles does outside: `hold` the seat's lock, `take` it, `let_go` of it, be `ready`."""

    hold: Callable[[], None]
    take: Callable[[], None]
    let_go: Callable[[], None]
    ready: Callable[[], None]


class Relief:
    """One gateway's part in it; `elder` is whom it relieves, if anybody. Pure but for what it is given."""

    def __init__(self, pool: Markets, crew: Crew, elder: Elder | None) -> None:
        self.state: State = "asking" if elder is not None else "chief"
        self._pool, self._crew, self._elder = pool, crew, elder
        self._heir: Callable[[], bool] | None = None  # whether who relieves us is gone
        self._heir_generation = 0
        self._begun_ns = self._heard_ns = self._return_ns = 0
        self._coming: dict[str, int] = {}  # markets that come beside, and since when all of each has come
        if elder is None:
            crew.take()
            crew.ready()

    @property
    def is_beside(self) -> bool:
        """Whether another counts for the engines still."""
        return self.state in ("asking", "beside")

    def progress(self, now_ns: int) -> float:
        """The share of its longest time that has passed."""
        return min(0.99, (now_ns - (self._begun_ns or now_ns)) / ns_of(RELIEF_S_MAX))

    def heir(self, heard: int) -> envelope.Heir | None:
        """What is to be told to all while another is taking over; `heard`: markets that are heard here."""
        if self.state == "returning":
            return envelope.Heir(0, 0, 0)
        if self.state != "standing_by":
            return None
        newest = (self._pool.newest // NUMBERS + 1) * NUMBERS
        return envelope.Heir(self._heir_generation, newest, heard)

    def want(self, symbol: str) -> None:
        """A market is wanted of us; to be told before the pool is."""
        if self.is_beside:
            self._coming.setdefault(symbol, NEVER_NS)

    def drop(self, symbol: str) -> None:
        """It no longer is."""
        self._coming.pop(symbol, None)

    def passed(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The same, with a market told of each connection that comes beside another process's."""
        for step in steps:
            if isinstance(step.action, Address) and step.action.symbol in self._coming:
                yield step._replace(action=Beside(step.action.symbol))
            yield step

    def stand_by(self, generation: int, is_gone: Callable[[], bool]) -> list[Step]:
        """Another asks to take over; `is_gone` says whether it has ended."""
        if not self._move("asked"):
            return []
        self._heir, self._heir_generation = is_gone, generation
        self._crew.let_go()
        return self._pool.stand_by()

    def turn(self, now_ns: int) -> list[Step]:
        """What is to be done by now; called each BEAT_S."""
        if self.state == "standing_by" and self._heir is not None and self._heir():
            return self._go_on(now_ns)
        if self.state == "returning" and now_ns >= self._return_ns:
            self._move("due")
            self._crew.take()
        if self.state == "chief":
            self._crew.hold()
        if not self.is_beside or self._elder is None:
            return []
        self._begun_ns = self._begun_ns or now_ns
        self._heard_ns = self._heard_ns or now_ns
        word = self._elder.word()
        if word is not None:
            self._heard_ns = now_ns
            if self._move("agreed"):
                self._pool.number_from(word.newest)
            self._crew.take()
        silent_s, late_s = ELDER_SILENT_S, RELIEF_S_MAX
        is_over = now_ns - self._heard_ns > ns_of(silent_s) or now_ns - self._begun_ns > ns_of(late_s)
        is_over |= self._elder.is_gone() or (word is not None and word.left == 0)
        found = [step for symbol in self._ready(now_ns, at_once=is_over) for step in self._taken(symbol)]
        if is_over:
            self._move("alone")
            self._crew.take()
            self._crew.ready()
        return found

    def _ready(self, now_ns: int, *, at_once: bool) -> list[str]:
        for symbol, since_ns in self._coming.items():
            is_settled = self._pool.is_settled(symbol)
            self._coming[symbol] = min(since_ns, now_ns) if is_settled else NEVER_NS
        due_ns = now_ns - int(OVERLAP_S * NS_PER_S)
        return [symbol for symbol, since_ns in self._coming.items() if at_once or since_ns <= due_ns]

    def _taken(self, symbol: str) -> list[Step]:
        del self._coming[symbol]
        return self._pool.take_over(symbol)

    def _go_on(self, now_ns: int) -> list[Step]:
        """Who came to relieve us is gone."""
        self._move("alone")
        self._heir, self._return_ns = None, now_ns + ns_of(RETURN_S)
        self._crew.hold()
        self._pool.go_on()
        return [Step(0, 0, Moved(symbol, False)) for symbol in self._pool.symbols]

    def _move(self, event: str) -> bool:
        after = RELIEF.get((self.state, event))
        self.state = after or self.state
        return after is not None


class ElderSocket:
    """See `Elder`: asks it to stand by for us, and hears its answers."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, *, generation: int, pid: int
    ) -> None:
        self._socket = context.socket(zmq.XSUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)
        self._socket.send(b"\1" + envelope.BEAT_TOPIC)
        self._socket.send(envelope.RELIEVE + envelope.pack_relieve(generation, os.getpid()))
        self._is_gone = ended(pid)

    def word(self) -> envelope.Heir | None:
        """See `Elder`."""
        found = None
        while True:
            try:
                header, body = envelope.unpack(self._socket.recv(zmq.NOBLOCK))
                if header.kind == envelope.HEIR:
                    found = envelope.unpack_heir(body)
            except zmq.Again:
                return found
            except (ValueError, struct.error):
                continue

    def is_gone(self) -> bool:
        """See `Elder`."""
        return self._is_gone()

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def ended(pid: int) -> Callable[[], bool]:
    """What says whether a process has ended; of one that is not there at all it has."""
    try:
        file = os.pidfd_open(pid)
    except OSError:
        return lambda: True
    seen = select.poll()
    seen.register(file, select.POLLIN)

    def is_gone() -> bool:
        return bool(seen.poll(0))  # the file is open as long as somebody may ask

    return is_gone
