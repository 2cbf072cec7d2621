"""The connections of one gateway: each market on one of them, and a new one where all are full. Pure.

A market stays where it is until nobody wants it, so whoever comes or goes moves nobody else. Each physical
connection has a number of its own, rising, which goes with its frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from signalnode.feeds.live.session import Action, Deliver, Open, Session, Tell
from signalnode.feeds.live.sessions.base import Venue

MARKETS_MAX = 1_000  # of one gateway, as of a node


class Step(NamedTuple):
    """Something to be done, and about which connection: its place in the pool, and its number."""

    slot: int
    number: int
    action: Action


class Pool:
    """See the module. Methods return what is to be done, in order, with each `Tell` and `Deliver` of a whole
    connection spelled out for its markets.
    """

    def __init__(self, venue: Venue, random: Random) -> None:
        self.venue = venue
        self.sessions: list[Session] = []
        self._numbers: list[int] = []
        self._newest = 0
        self._slots: dict[str, int] = {}  # by symbol
        self._random = random

    def want(self, symbol: str) -> list[Step]:
        """Have a market's frames come, from now on; where they cannot, say why."""
        if symbol not in self._slots:
            if len(self._slots) >= MARKETS_MAX:
                return [Step(0, 0, Tell(symbol, "refused", f"over {MARKETS_MAX} markets"))]
            self._slots[symbol] = self._room()
        slot = self._slots[symbol]
        session = self.sessions[slot]
        session.want(symbol)
        reason = session.reason
        told = Tell(symbol, "refused" if session.refusal else "lost", reason)
        if not reason and session.is_heard(symbol):
            told = Tell(symbol, "heard", "")
        return [Step(slot, self._numbers[slot], told)] if told.reason or told.state == "heard" else []

    def drop(self, symbol: str) -> None:
        """Let a market go."""
        slot = self._slots.pop(symbol, None)
        if slot is not None:
            self.sessions[slot].drop(symbol)

    def renew(self, symbol: str) -> None:
        """Have a market's book start over."""
        if symbol in self._slots:
            self.sessions[self._slots[symbol]].renew(symbol)

    def due_ns(self) -> int | None:
        """When `on_time` has something to do; None without a connection."""
        return min((session.due_ns() for session in self.sessions), default=None)

    def on_time(self, now_ns: int) -> list[Step]:
        """Time has passed."""
        return [
            step
            for slot, session in enumerate(self.sessions)
            for step in self.steps(slot, session.on_time(now_ns))
        ]

    def steps(self, slot: int, actions: Iterable[Action]) -> list[Step]:
        """What a session wants done, as steps."""
        found = []
        for action in actions:
            if isinstance(action, Open):
                self._newest += 1
                self._numbers[slot] = self._newest
            whole = isinstance(action, Tell | Deliver) and not action.symbol
            each = [action]
            if whole:
                each = [action._replace(symbol=one) for one in sorted(self.sessions[slot].symbols)]  # type: ignore[call-arg]
            found += [Step(slot, self._numbers[slot], one) for one in each]
        return found

    def _room(self) -> int:
        used = [0] * len(self.sessions)
        for slot in self._slots.values():
            used[slot] += 1
        for slot, count in enumerate(used):
            if count < self.venue.limits.markets_max:
                return slot
        self.sessions.append(Session(self.venue, self._random))
        self._numbers.append(0)
        return len(self.sessions) - 1
