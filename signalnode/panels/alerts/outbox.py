"""What one receiver is still to be told, and when it is tried. Pure: time comes in, a message goes out.

Of each kind one message a minute at the most: what comes meanwhile is held back, and told or counted in the
next. While a receiver is away one message waits for it, tried again after 1, 2, 4 … 60 s; all else is held
back, so that what it is told afterwards is how things stand then. What is over before it was told is counted
alone. After TRIES_MAX tries, or MESSAGE_S_MAX, a message is made anew: states are held again, decisions are
lost, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from signalnode.clock import NS_PER_S
from signalnode.panels.alerts.events import AT_ONCE, BACK, GONE, Event, Now
from signalnode.panels.alerts.message import LINES_MAX, Message

KIND_S = 60.0  # between two messages of one kind
GATHER_S = 1.0  # what comes within this goes into one message
KINDS_MAX = 200  # kinds that wait: states, and strategies that decide; more are lost, and counted
EVENTS_MAX = 4_000  # of one kind that wait; of decisions LINES_MAX, the newest
TRIES_MAX = 30
MESSAGE_S_MAX = 900.0  # a message that is older is made anew
WAIT_S_FIRST, WAIT_S_MAX = 1.0, 60.0  # from one try to the next
RETRY_AFTER_S_MAX = 300.0  # a receiver that asks for more patience is not believed


@dataclass(slots=True)
class _Held:
    since_ns: int
    events: dict[str, Event] = field(default_factory=dict)  # by subject; decisions by their place
    more: int = 0
    passed: int = 0


@dataclass(slots=True)
class Outbox:
    """One receiver's. `told`: by subject, what it was told and not yet that it is over."""

    name: str
    node: str
    told: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    lost: int = 0  # events that it will never be told of
    fault: str = ""  # why the last try failed
    failures: int = 0  # tries since the last that did not
    failed_ns: int = 0  # when the first of those failed
    retry_ns: int = 0
    _held: dict[str, _Held] = field(default_factory=dict)
    _free_ns: dict[str, int] = field(default_factory=dict)  # by kind, when the next may be sent
    _message: Message | None = None  # that is tried, or to be tried again
    _is_tried: bool = False
    _tries: int = 0
    _made_ns: int = 0
    _number: int = 0
    _untold: int = 0  # of the lost ones

    def take(self, event: Event, now: Now) -> None:
        """Tell of this, when it is time."""
        if event.kind == GONE:
            self._drop(event.subject, is_gone=True)
            self.told.pop(event.subject, None)
        elif event.kind == BACK:
            self._take_back(event, now)
        else:
            back = self._held.get(BACK)
            if back is not None and event.decision is None and event.subject in back.events:
                del back.events[event.subject]
                back.passed += 1
            self._hold(event, now)

    def next(self, now: Now) -> Message | None:
        """What is to be tried now; None while one is being tried, or nothing is due."""
        if self._is_tried or now.ns < self.retry_ns:
            return None
        if self._message is not None and self._is_old(now):
            self._make_anew(now)
        if self._message is None:
            self._message = self._made(now)
            self._tries, self._made_ns = 0, now.ns
        self._is_tried = self._message is not None
        return self._message

    def delivered(self) -> None:
        """The receiver has taken it."""
        assert self._message is not None
        for event in self._message.events:
            if event.kind == BACK:
                self.told.pop(event.subject, None)
            elif event.decision is None and not event.is_over:
                self.told[event.subject] = event.kind
        self.sent += 1
        self._message, self._is_tried = None, False
        self.fault, self.failures, self.retry_ns = "", 0, 0

    def failed(self, fault: str, now: Now, retry_after_s: float = 0.0) -> None:
        """It has not; tried again, and not before it asked for."""
        self.failed_ns = self.failed_ns if self.failures else now.ns
        self.fault, self.failures, self._tries = fault, self.failures + 1, self._tries + 1
        wait_s = min(WAIT_S_MAX, WAIT_S_FIRST * 2.0 ** min(self.failures - 1, 10))
        self.retry_ns = now.ns + int(max(wait_s, min(retry_after_s, RETRY_AFTER_S_MAX)) * NS_PER_S)
        self._is_tried = False

    def facts(self, now: Now) -> Mapping[str, object]:
        """For `status`: what was sent and lost, and where nothing goes through, since when."""
        counts = {"sent": self.sent, "lost": self.lost}
        if not self.failures:
            return counts
        return {
            **counts,
            "outage": f"{self.name}: {self.fault}",
            "outage_s": round((now.ns - self.failed_ns) / NS_PER_S, 1),
            "tries": self.failures,
            "next_try_s": round(max(0, self.retry_ns - now.ns) / NS_PER_S, 1),
        }

    def _take_back(self, event: Event, now: Now) -> None:
        self._drop(event.subject)
        tried = self._message.events if self._message else ()
        waiting = [each for each in tried if each.decision is None]
        kinds = {each.kind for each in waiting if each.subject == event.subject and not each.is_over}
        if kinds - {BACK} or (event.subject in self.told and not kinds):
            self._hold(event, now)

    def _drop(self, subject: str, *, is_gone: bool = False) -> None:
        """What waits of this subject is over: counted in the next message of its kind. What has happened all
        the same is told, and that it is over.
        """
        for held in self._held.values():
            if (event := held.events.get(subject)) is None or event.decision is not None:
                continue
            if event.kind in AT_ONCE and not is_gone:
                held.events[subject] = event._replace(is_over=True)
            else:
                del held.events[subject]
                held.passed += 1

    def _hold(self, event: Event, now: Now) -> None:
        held = self._held.get(event.kind)
        if held is None:
            if len(self._held) >= KINDS_MAX:
                self._lose()
                return
            held = self._held[event.kind] = _Held(now.ns)
        held.since_ns = held.since_ns if held.events else now.ns
        if event.decision is not None:
            self._hold_decision(held, f"{event.decision.epoch}.{event.decision.seq}", event)
        elif len(held.events) < EVENTS_MAX or event.subject in held.events:
            held.more += event.subject in held.events
            held.events[event.subject] = event

    def _hold_decision(self, held: _Held, place: str, event: Event) -> None:
        if len(held.events) >= LINES_MAX:
            del held.events[next(iter(held.events))]
            held.more += 1
        held.events[place] = event

    def _made(self, now: Now) -> Message | None:
        due = {
            kind: max(held.since_ns + int(GATHER_S * NS_PER_S), self._free_ns.get(kind, 0))
            for kind, held in self._held.items()
            if held.events
        }
        kind = min(due, key=due.__getitem__, default="")
        if not kind or due[kind] > now.ns:
            return None
        held = self._held.pop(kind)
        self._free_ns = {each: free for each, free in self._free_ns.items() if free > now.ns}
        self._free_ns[kind] = now.ns + int(KIND_S * NS_PER_S)
        self._number += 1
        untold, self._untold = self._untold, 0
        name = f"{now.wall_ns}-{self._number}"
        events = tuple(held.events.values())
        return Message(name, self.node, kind, now.wall_ns, events, held.more, held.passed, untold)

    def _is_old(self, now: Now) -> bool:
        return self._tries >= TRIES_MAX or now.ns - self._made_ns >= MESSAGE_S_MAX * NS_PER_S

    def _make_anew(self, now: Now) -> None:
        """Hold again what is still so; whatever came later of the same subject goes before it."""
        message, self._message = self._message, None
        assert message is not None
        self._free_ns.pop(message.kind, None)
        self._untold += message.lost
        for event in message.events:
            if event.decision is not None:
                self._lose()
            elif event.is_over:
                self._hold(event, now)
            else:
                self._hold_again(event, now)

    def _hold_again(self, event: Event, now: Now) -> None:
        """A state, or the end of one, that was in a message which nobody took."""
        subject = event.subject
        back = self._held.get(BACK)
        is_back = back is not None and subject in back.events
        is_other = any(subject in held.events for kind, held in self._held.items() if kind != BACK)
        if event.kind == BACK:
            if not is_other:
                self._hold(event, now)
        elif is_back:
            assert back is not None
            if subject not in self.told:  # nobody has heard of its beginning
                del back.events[subject]
                back.passed += 1
            if event.kind in AT_ONCE:
                self._hold(event._replace(is_over=True), now)
        elif not is_other or event.kind in AT_ONCE:
            self._hold(event, now)

    def _lose(self) -> None:
        self.lost += 1
        self._untold += 1
