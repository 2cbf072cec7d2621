"""The connections of one gateway: each market at one place, and a new place where all are full. Pure.

A place is a connection for each of the venue's routes that its markets need: one at most venues. A market
stays where it is until nobody wants it, so whoever comes or goes moves nobody else. Each physical connection
has a number of its own, rising, which goes with its frames.

A place whose connection asks to be replaced gets heirs: new connections beside the old ones, with the same
markets. `Beside` tells the markets of each. When the venue has said yes to all of them, and books that are
fetched have come, both bring everything for OVERLAP_S; then `Moved` says that the heirs have taken over, and
the old ones are closed. So it is at once where an old one is lost meanwhile. Where an heir fails it is
called off, and tried again after RETRY_S; where heirs are not ready within HANDOVER_S_MAX, or the venue bears
no more connections, the old ones are closed and made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from signalnode.feeds.live.actions import (
    NEVER_NS,
    Action,
    Address,
    Beside,
    Deliver,
    Moved,
    Open,
    Retire,
    Tell,
    ns_of,
)
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import Route, Venue

TO_ALL = (Deliver, Address, Beside)  # actions that mean every market of a connection where they name none
MARKETS_MAX = 1_000  # of one gateway, as of a node
OVERLAP_S = 2.0  # longer than one connection may be behind the other
RETRY_S = 30.0
HANDOVER_S_MAX = 120.0


class Step(NamedTuple):
    """Something to be done, and about which connection: its place among the sessions, and its number."""

    slot: int
    number: int
    action: Action


@dataclass(slots=True, eq=False)
class _Place:
    """Markets that need the same routes, and the slots of those, in order."""

    routes: tuple[Route, ...]
    slots: list[int]
    symbols: set[str] = field(default_factory=set)
    heirs: list[int] = field(default_factory=list)  # slots that are to take over
    reason: str = ""  # why heirs are wanted; "" where they are not
    due_ns: int = 0  # of the handover's next step
    begun_ns: int = 0
    ready_ns: int = NEVER_NS  # since when heirs bring everything


class Pool:
    """See the module. Methods return what is to be done, in order, with each `Tell` and `Deliver` of a whole
    connection spelled out for its markets.
    """

    def __init__(self, venue: Venue, random: Random) -> None:
        self.venue = venue
        self.sessions: list[Session] = []
        self._numbers: list[int] = []
        self._owners: list[_Place | None] = []  # by slot
        self._newest = 0
        self._places: list[_Place] = []
        self._placed: dict[str, _Place] = {}  # by symbol
        self._random = random
        self._stands_by = False

    def want(self, symbol: str) -> list[Step]:
        """Have a market's frames come, from now on; where they cannot, say why."""
        place = self._placed.get(symbol)
        if place is None:
            place = self._room(self.venue.routes(symbol))
            if place is None:
                return [Step(0, 0, Tell(symbol, "refused", "the venue bears no more markets from here"))]
            place.symbols.add(symbol)
            self._placed[symbol] = place
        found: list[Step] = []
        for slot in (*place.slots, *place.heirs):
            session = self.sessions[slot]
            session.want(symbol)
            if slot in place.heirs and self._numbers[slot]:
                found.append(self._step(slot, Beside(symbol)))
            if session.is_open:
                found.append(self._step(slot, Address(symbol, session.route.url_path)))
        return [*found, *(self._step(place.slots[0], each) for each in self._known(symbol))]

    def drop(self, symbol: str) -> None:
        """Let a market go."""
        place = self._placed.pop(symbol, None)
        if place is not None:
            place.symbols.discard(symbol)
            for slot in (*place.slots, *place.heirs):
                self.sessions[slot].drop(symbol)

    def renew(self, symbol: str) -> None:
        """Have a market's book start over."""
        place = self._placed.get(symbol)
        for slot in (*place.slots, *place.heirs) if place is not None else ():
            self.sessions[slot].renew(symbol)

    @property
    def symbols(self) -> list[str]:
        """Of the markets that are wanted."""
        return list(self._placed)

    @property
    def newest(self) -> int:
        """The highest number of a connection so far."""
        return self._newest

    def number_from(self, newest: int) -> None:
        """Give connections higher numbers than this."""
        self._newest = max(self._newest, newest)

    def stand_by(self) -> list[Step]:
        """Replace no connection until `go_on`: another process takes over."""
        self._stands_by = True
        return [step for place in self._places if place.heirs for step in self._call_off(place)]

    def go_on(self) -> None:
        """Nobody takes over after all."""
        self._stands_by = False

    def is_settled(self, symbol: str) -> bool:
        """Whether all of a market has come that will come at first: its channels and its book."""
        place = self._placed.get(symbol)
        return place is not None and self._has_come([self.sessions[each] for each in place.slots], {symbol})

    def take_over(self, symbol: str) -> list[Step]:
        """What to tell a market that was heard by another process until now."""
        place = self._placed.get(symbol)
        if place is None:
            return []
        number = max(self._numbers[slot] for slot in place.slots) or self._newest
        found = [Step(place.slots[0], number, Moved(symbol, True))]
        return found + [self._step(place.slots[0], each) for each in self._known(symbol)]

    def due_ns(self) -> int | None:
        """When `on_time` has something to do; None without a connection."""
        dues = [session.due_ns() for session in self.sessions]
        dues += [self._handover_due_ns(place) for place in self._places if place.reason]
        return min(dues, default=None)

    def next_try_ns(self) -> int | None:
        """When a connection that is wanted is made again; None where none waits for that."""
        resting = [each for each in self.sessions if each.state == "resting" and each.symbols]
        return min((each.due_ns() for each in resting), default=None)

    def on_time(self, now_ns: int) -> list[Step]:
        """Time has passed."""
        found: list[Step] = []
        for slot, session in enumerate(self.sessions):
            actions = session.on_time(now_ns)
            if actions:
                found += self.steps(slot, actions)
        for place in self._places:
            if place.reason and not self._stands_by:
                found += self._hand_over(place, now_ns)
        return found

    def number(self, slot: int) -> int:
        """Of the connection of a slot."""
        return self._numbers[slot]

    def steps(self, slot: int, actions: Iterable[Action]) -> list[Step]:
        """What a session wants done, as steps."""
        found: list[Step] = []
        for action in actions:
            place = self._owners[slot]
            is_heir = place is not None and slot in place.heirs
            if isinstance(action, Open):
                self._newest += 1
                self._numbers[slot] = self._newest
                if is_heir:
                    found += self._to_each(slot, Beside(""))
            if isinstance(action, Retire):
                if place is not None and not is_heir and not place.reason:
                    place.reason, place.due_ns = action.reason, 0
            elif isinstance(action, Tell) and place is not None and (is_heir or place.heirs):
                found += self._told_in_handover(place, slot, action, is_heir=is_heir)
            else:
                found += self._to_each(slot, action)
        return found

    def _told_in_handover(self, place: _Place, slot: int, tell: Tell, *, is_heir: bool) -> list[Step]:
        is_whole = not tell.symbol and tell.state != "heard"
        if is_heir:  # what is told of one market is told once it has taken over
            if tell.state == "refused":
                place.reason = place.reason if tell.symbol else ""
            return self._call_off(place) if is_whole else []
        if not is_whole:
            return self._to_each(slot, tell)
        place.reason = ""
        return self._finish(place, tell.reason)

    def _handover_due_ns(self, place: _Place) -> int:
        if self._stands_by:
            return NEVER_NS
        is_news = bool(place.heirs) and self._are_ready(place) is (place.ready_ns == NEVER_NS)
        return 0 if is_news else place.due_ns

    def _hand_over(self, place: _Place, now_ns: int) -> list[Step]:
        """The next step of a handover, where it is due."""
        if not place.symbols:
            place.reason = ""
            return self._call_off(place)
        if not place.heirs:
            return self._begin(place, now_ns) if now_ns >= place.due_ns else []
        if not self._are_ready(place):
            place.ready_ns, place.due_ns = NEVER_NS, place.begun_ns + ns_of(HANDOVER_S_MAX)
            return self._give_up(place) if now_ns >= place.due_ns else []
        place.ready_ns = min(place.ready_ns, now_ns)
        place.due_ns = place.ready_ns + ns_of(OVERLAP_S)
        if now_ns < place.due_ns:
            return []
        place.reason = ""
        return self._finish(place, "")

    def _begin(self, place: _Place, now_ns: int) -> list[Step]:
        if self._used() + len(place.routes) > self.venue.limits.connections_max:
            return self._give_up(place)
        place.begun_ns, place.ready_ns = now_ns, NEVER_NS
        place.due_ns = now_ns + ns_of(HANDOVER_S_MAX)
        place.heirs = [self._slot(route, place) for route in place.routes]
        found: list[Step] = []
        for slot, older in zip(place.heirs, place.slots, strict=True):
            for symbol in sorted(place.symbols):
                self.sessions[slot].want(symbol)
            self.sessions[slot].inherit(self.sessions[older])
            found += self.steps(slot, self.sessions[slot].on_time(now_ns))
        return found

    def _are_ready(self, place: _Place) -> bool:
        return self._has_come([self.sessions[slot] for slot in place.heirs], place.symbols)

    def _has_come(self, sessions: Sequence[Session], symbols: Collection[str]) -> bool:
        """Whether the venue has said yes or no to all of these, and books that are fetched have come."""
        return all(
            each.is_heard(symbol) or bool(each.refused(symbol)) for each in sessions for symbol in symbols
        ) and not any(each.images.is_waiting(symbols) for each in sessions)

    def _finish(self, place: _Place, reason: str) -> list[Step]:
        """The heirs take over; `reason`: why an old connection is lost, "" where none is."""
        gone, place.slots, place.heirs = place.slots, place.heirs, []
        first, found = place.slots[0], self._moved(place, place.slots, is_done=True)
        for symbol in sorted(place.symbols):
            known = list(self._known(symbol))
            if reason and not known:
                known = [Tell(symbol, "lost", reason)]
            found += [self._step(first, each) for each in known]
        return found + self._let_go(gone, "another has taken its place")

    def _call_off(self, place: _Place) -> list[Step]:
        """The heirs are no good; the old connections go on."""
        gone, place.heirs = place.heirs, []
        place.due_ns = place.begun_ns + ns_of(RETRY_S)
        found = self._moved(place, gone, is_done=False)
        return found + self._let_go(gone, "its handover was called off")

    def _moved(self, place: _Place, heirs: Sequence[int], *, is_done: bool) -> list[Step]:
        """To tell each market what became of heirs, where one was opened at all."""
        number = max((self._numbers[slot] for slot in heirs), default=0)
        symbols = sorted(place.symbols) if number else ()
        return [Step(heirs[0], number, Moved(symbol, is_done)) for symbol in symbols]

    def _give_up(self, place: _Place) -> list[Step]:
        """No heirs: the old connections are closed, and made anew."""
        reason, place.reason = place.reason, ""
        found = self._call_off(place)
        for slot in place.slots:
            found += self.steps(slot, self.sessions[slot].give_up(reason))
        return found

    def _let_go(self, slots: Iterable[int], reason: str) -> list[Step]:
        found: list[Step] = []
        for slot in slots:
            session = self.sessions[slot]
            for symbol in list(session.symbols):
                session.drop(symbol)
            self._owners[slot] = None
            found += self.steps(slot, session.give_up(reason))
        return found

    def _step(self, slot: int, action: Action) -> Step:
        return Step(slot, self._numbers[slot], action)

    def _to_each(self, slot: int, action: Action) -> list[Step]:
        if isinstance(action, Tell) or (isinstance(action, TO_ALL) and not action.symbol):
            return [self._step(slot, one) for one in self._spelled_out(slot, action)]
        return [Step(slot, self._numbers[slot], action)]  # as nearly always

    def _spelled_out(self, slot: int, action: Tell | Deliver | Address | Beside) -> Iterator[Action]:
        if isinstance(action, Tell):
            session = self.sessions[slot]
            for symbol in [action.symbol] if action.symbol else sorted(session.symbols):
                if action.state == "heard" and not self._is_heard(symbol):
                    continue
                if action.state == "lost" and self._refusal(symbol):  # which no new connection mends
                    continue
                yield action._replace(symbol=symbol)
        else:
            for symbol in sorted(self.sessions[slot].symbols):
                yield action._replace(symbol=symbol)

    def _is_heard(self, symbol: str) -> bool:
        place = self._placed.get(symbol)
        return place is not None and all(self.sessions[slot].is_heard(symbol) for slot in place.slots)

    def _refusal(self, symbol: str) -> str:
        """Why a market is not tried any more; "" where it is."""
        place = self._placed.get(symbol)
        slots = () if place is None else place.slots
        return next(filter(None, (self.sessions[slot].refused(symbol) for slot in slots)), "")

    def _known(self, symbol: str) -> Iterator[Tell]:
        """What can be told of a market at once."""
        sessions = [self.sessions[slot] for slot in self._placed[symbol].slots]
        refusal = self._refusal(symbol)
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
        if self._used() + len(routes) > self.venue.limits.connections_max:
            return None
        place = _Place(routes, [])
        place.slots = [self._slot(route, place) for route in routes]
        self._places.append(place)
        return place

    def _used(self) -> int:
        """Connections that are wanted."""
        return sum(len(place.slots) + len(place.heirs) for place in self._places if place.symbols)

    def _slot(self, route: Route, place: _Place) -> int:
        """A new session, where none stands that nobody wants any more."""
        session = Session(self.venue, self._random, route)
        for slot, owner in enumerate(self._owners):
            if owner is None and self.sessions[slot].state in ("resting", "refused"):
                self.sessions[slot], self._owners[slot], self._numbers[slot] = session, place, 0
                return slot
        self.sessions.append(session)
        self._numbers.append(0)
        self._owners.append(place)
        return len(self.sessions) - 1
