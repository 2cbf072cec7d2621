"""The connections of one gateway: each market at one place, and a new place where all are full. Pure.

A place is a connection for each of the venue's routes that its markets need: one at most venues. A market
stays where it is until nobody wants it, so whoever comes or goes moves nobody else. Each physical connection
has a number of its own, rising, which goes with its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from signalnode.feeds.live.actions import Action, Address, Deliver, Open, Retire, Tell
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import Route, Venue

MARKETS_MAX = 1_000  # of one gateway, as of a node


class Step(NamedTuple):
    """Something to be done, and about which connection: its place among the sessions, and its number."""

    slot: int
    number: int
    action: Action


@dataclass(slots=True)
class _Place:
    """Markets that need the same routes, and the slots of those, in order."""

    routes: tuple[Route, ...]
    slots: list[int]
    symbols: set[str] = field(default_factory=set)


class Pool:
    """See the module. Methods return what is to be done, in order, with each `Tell` and `Deliver` of a whole
    connection spelled out for its markets.
    """

    def __init__(self, venue: Venue, random: Random) -> None:
        self.venue = venue
        self.sessions: list[Session] = []
        self._numbers: list[int] = []
        self._newest = 0
        self._places: list[_Place] = []
        self._placed: dict[str, _Place] = {}  # by symbol
        self._random = random

    def want(self, symbol: str) -> list[Step]:
        """Have a market's frames come, from now on; where they cannot, say why."""
        place = self._placed.get(symbol)
        if place is None:
            place = self._room(self.venue.routes(symbol))
            if place is None:
                return [Step(0, 0, Tell(symbol, "refused", "the venue bears no more markets from here"))]
            place.symbols.add(symbol)
            self._placed[symbol] = place
        found = []
        for slot in place.slots:
            session = self.sessions[slot]
            session.want(symbol)
            if session.is_open:
                found.append(Step(slot, self._numbers[slot], Address(symbol, session.route.url_path)))
        first = place.slots[0]
        return [*found, *(Step(first, self._numbers[first], each) for each in self._known(symbol))]

    def drop(self, symbol: str) -> None:
        """Let a market go."""
        place = self._placed.pop(symbol, None)
        if place is not None:
            place.symbols.discard(symbol)
            for slot in place.slots:
                self.sessions[slot].drop(symbol)

    def renew(self, symbol: str) -> None:
        """Have a market's book start over."""
        place = self._placed.get(symbol)
        for slot in place.slots if place is not None else ():
            self.sessions[slot].renew(symbol)

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
        found: list[Step] = []
        for action in actions:
            if isinstance(action, Open):
                self._newest += 1
                self._numbers[slot] = self._newest
            if isinstance(action, Retire):
                found += self.steps(slot, self.sessions[slot].give_up(action.reason))
            else:
                found += [Step(slot, self._numbers[slot], one) for one in self._spelled_out(slot, action)]
        return found

    def _spelled_out(self, slot: int, action: Action) -> Iterator[Action]:
        if isinstance(action, Tell):
            for symbol in [action.symbol] if action.symbol else sorted(self.sessions[slot].symbols):
                if action.state != "heard" or self._is_heard(symbol):
                    yield action._replace(symbol=symbol)
        elif isinstance(action, Deliver | Address) and not action.symbol:
            for symbol in sorted(self.sessions[slot].symbols):
                yield action._replace(symbol=symbol)
        else:
            yield action

    def _is_heard(self, symbol: str) -> bool:
        place = self._placed.get(symbol)
        return place is not None and all(self.sessions[slot].is_heard(symbol) for slot in place.slots)

    def _known(self, symbol: str) -> Iterator[Tell]:
        """What can be told of a market at once."""
        sessions = [self.sessions[slot] for slot in self._placed[symbol].slots]
        refusal = next(filter(None, (session.refused(symbol) for session in sessions)), "")
        reason = next(filter(None, (session.reason for session in sessions)), "")
        if refusal:
            yield Tell(symbol, "refused", refusal)
        elif reason:
            yield Tell(symbol, "lost", reason)
        elif self._is_heard(symbol):
            yield Tell(symbol, "heard", "")

    def _room(self, routes: tuple[Route, ...]) -> _Place | None:
        """A place for one more market; None where the venue bears no more."""
        if len(self._placed) >= MARKETS_MAX:
            return None
        for place in self._places:
            if place.routes == routes and len(place.symbols) < self.venue.limits.markets_max:
                return place
        used = sum(len(place.slots) for place in self._places if place.symbols)
        if used + len(routes) > self.venue.limits.connections_max:
            return None
        self._places.append(_Place(routes, [self._slot(route) for route in routes]))
        return self._places[-1]

    def _slot(self, route: Route) -> int:
        self.sessions.append(Session(self.venue, self._random, route))
        self._numbers.append(0)
        return len(self.sessions) - 1
