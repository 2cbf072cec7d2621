"""One connection to a venue and its subscriptions, without a socket and without a clock: what happened goes
in, with the monotonic time in ns, and what is to be done comes out.

Both lifecycles are tables. What they do not hold has come too late to matter, and changes nothing.

A connection that failed or was closed is made again after a random share of a wait that doubles each time,
BACKOFF_S to BACKOFF_S_MAX ("full jitter"; Brooker, "Exponential Backoff And Jitter", 2015), and not before
the venue's `Retry-After`. One that stood STEADY_S starts over at BACKOFF_S. A refusal that cannot heal, HTTP
4xx but HEALING, is told once, and nothing is tried again.

A subscription without an answer for ANSWER_S is left and asked for anew, for its answer may have been lost;
after ASKED_MAX tries the market is refused. A book that must start over is left and asked for anew as well,
and no subscription twice within RENEW_S_MIN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.sessions.base import Heard, Venue

BACKOFF_S, BACKOFF_S_MAX = 1.0, 60.0
STEADY_S = 60.0
GREETING_S = ANSWER_S = 10.0
ASKED_MAX = 5
RENEW_S_MIN = 2.0
RETRY_AFTER_S_MAX = 3_600.0
HEALING = frozenset({408, 425, 429})  # of 4xx: it was slow, too early, too often
NEVER_NS = 2**63 - 1

Connection = Literal["resting", "connecting", "greeting", "ready", "closing", "refused"]
Subscription = Literal["wanted", "asked", "active", "leaving", "left", "refused"]

CONNECTION: dict[tuple[Connection, str], Connection] = {
    ("resting", "due"): "connecting",
    ("connecting", "opened"): "greeting",
    ("connecting", "failed"): "resting",
    ("connecting", "refused"): "refused",
    ("greeting", "greeted"): "ready",
    ("greeting", "given_up"): "closing",
    ("greeting", "closed"): "resting",
    ("ready", "given_up"): "closing",
    ("ready", "closed"): "resting",
    ("closing", "closed"): "resting",
}

SUBSCRIPTION: dict[tuple[Subscription, str], Subscription] = {
    ("wanted", "sent"): "asked",
    ("asked", "subscribed"): "active",
    ("asked", "failed"): "wanted",
    ("asked", "refused"): "refused",
    ("asked", "overdue"): "leaving",
    ("active", "renewed"): "leaving",
    ("active", "unsubscribed"): "wanted",  # by the venue's own will
    ("leaving", "sent"): "left",
    ("leaving", "unsubscribed"): "wanted",
    ("left", "unsubscribed"): "wanted",
    ("asked", "closed"): "wanted",
    ("active", "closed"): "wanted",
    ("leaving", "closed"): "wanted",
    ("left", "closed"): "wanted",
}


class Open(NamedTuple):
    """Connect to the venue."""


class Send(NamedTuple):
    """Send a frame."""

    frame: bytes


class Close(NamedTuple):
    """Close the connection; `closed` is to be told when it is."""

    reason: str


class Deliver(NamedTuple):
    """Pass a frame on to a market; symbol "" for all of the connection."""

    symbol: str
    frame: bytes


class Tell(NamedTuple):
    """Tell a market what became of it; symbol "" for all of the connection."""

    symbol: str
    state: Literal["heard", "lost", "refused"]
    reason: str


Action = Open | Send | Close | Deliver | Tell


@dataclass(slots=True)
class _Asked:
    """How one channel of one market stands."""

    state: Subscription = "wanted"
    due_ns: int = 0  # before it may be sent, or when its answer is overdue
    tries: int = 0  # since the last answer
    sent_ns: int = -NEVER_NS


class Session:
    """One connection; see the module. Each method returns what is to be done, in order."""

    def __init__(self, venue: Venue, random: Random) -> None:
        self.venue = venue
        self.state: Connection = "resting"
        self.refusal = ""  # why nothing is tried any more
        self.asked: dict[tuple[str, str], _Asked] = {}  # by symbol and channel
        self._farewells: list[bytes] = []  # to be sent for markets that nobody wants any more
        self._random = random
        self._failures = 0  # in a row
        self._due_ns = 0  # of the connection's own next step
        self._send_ns = 0  # before which nothing may be sent
        self._ready_ns = self._heard_ns = 0
        self._reason = "not connected yet"

    @property
    def symbols(self) -> set[str]:
        """The markets that are wanted of this connection."""
        return {symbol for symbol, _ in self.asked}

    @property
    def reason(self) -> str:
        """Why nothing can be heard now; "" where that is not so."""
        return "" if self.state == "ready" else self._reason

    def want(self, symbol: str) -> None:
        """Subscribe to a market, as soon as that can be."""
        for channel in self.venue.channels:
            self.asked.setdefault((symbol, channel), _Asked())

    def drop(self, symbol: str) -> None:
        """Leave a market."""
        for channel in self.venue.channels:
            gone = self.asked.pop((symbol, channel), None)
            if gone is not None and gone.state in ("asked", "active", "leaving") and self.state == "ready":
                self._farewells.append(self.venue.unsubscribe(symbol, channel))

    def renew(self, symbol: str) -> None:
        """Have the book of a market start over; where its image is under way that is enough."""
        asked = self.asked.get((symbol, self.venue.channels[0]))
        if asked is not None and self._step(asked, "renewed"):
            asked.due_ns = asked.sent_ns + _ns(RENEW_S_MIN)

    def due_ns(self) -> int:
        """When `on_time` has something to do; NEVER_NS while that cannot be told."""
        if self.state == "resting":
            return self._due_ns if self.asked else NEVER_NS
        if self.state == "greeting":
            return self._due_ns
        if self.state != "ready":
            return NEVER_NS
        dues = [self._silent_ns(), self._retire_ns()]
        for asked in self.asked.values():
            if asked.state in ("wanted", "leaving"):
                dues.append(max(asked.due_ns, self._send_ns))
            elif asked.state in ("asked", "left"):
                dues.append(asked.due_ns)
        if self._farewells or not self.asked:
            dues.append(self._send_ns)
        return min(dues)

    def on_opened(self, now_ns: int) -> list[Action]:
        """The socket is open."""
        if not self._move("opened"):
            return []
        self._heard_ns, self._due_ns = now_ns, now_ns + _ns(GREETING_S)
        return [] if self.venue.greets else self._greet(now_ns)

    def on_denied(self, wait_ns: int, now_ns: int) -> list[Action]:
        """No connection may be made for so long: the budget of this address is spent."""
        self._move("failed")
        self._due_ns = now_ns + wait_ns
        self._reason = "waits, for this address has connected as often as the venue bears"
        return []

    def on_failed(
        self, reason: str, now_ns: int, *, status: int = 0, retry_after_s: float = 0.0
    ) -> list[Action]:
        """The connection could not be made. `status`: the HTTP status that refused it, else 0."""
        self._reason = reason
        if 400 <= status < 500 and status not in HEALING:
            if not self._move("refused"):
                return []
            self.refusal = reason
            return [Tell("", "refused", reason)]
        if not self._move("failed"):
            return []
        self._back_off(now_ns, retry_after_s)
        return [Tell("", "lost", reason)]

    def on_closed(self, reason: str, now_ns: int, *, retry_after_s: float = 0.0) -> list[Action]:
        """The connection is gone, whoever closed it."""
        if self.state == "connecting":
            return self.on_failed(reason, now_ns)
        was_asked_to = self.state == "closing"
        if not self._move("closed"):
            return []
        if not was_asked_to:
            self._reason = reason
        if self._ready_ns and now_ns - self._ready_ns >= _ns(STEADY_S):
            self._failures = 0
        self._ready_ns = 0
        self._farewells.clear()
        for asked in self.asked.values():
            if self._step(asked, "closed"):
                asked.due_ns, asked.tries = 0, 0
        self._back_off(now_ns, retry_after_s)
        return [Tell("", "lost", self._reason)]

    def on_frame(self, frame: bytes, now_ns: int) -> list[Action]:
        """A frame has come."""
        self._heard_ns = now_ns
        if self.state not in ("greeting", "ready"):
            return []
        heard = self.venue.hear(frame, self.symbols)
        actions = self._passed_on(heard, frame)
        if heard.what == "greeting" and self.state == "greeting":
            return [*actions, *self._greet(now_ns)]
        asked = self.asked.get((heard.symbol, heard.channel))
        if asked is None or not self._step(asked, heard.what):
            return actions
        return [*actions, *self._answered(asked, heard, now_ns)]

    def on_time(self, now_ns: int) -> list[Action]:
        """Time has passed."""
        if self.state == "resting":
            if not self.asked or now_ns < self._due_ns:
                return []
            self._move("due")
            return [Open()]
        if self.state == "greeting":
            return self._give_up("no greeting came") if now_ns >= self._due_ns else []
        return self._on_ready_time(now_ns) if self.state == "ready" else []

    def _on_ready_time(self, now_ns: int) -> list[Action]:
        if not self.asked and not self._farewells:
            return self._give_up("no market wants it")
        if now_ns >= self._silent_ns():
            return self._give_up(f"silent for {self.venue.limits.silence_s_max:g} s")
        if now_ns >= self._retire_ns():
            return self._give_up("made anew before the venue closes it")
        for key, asked in self.asked.items():
            if asked.due_ns > now_ns or asked.state not in ("asked", "left"):
                continue
            if asked.state == "left":
                return self._give_up(f"{key[0]}: no answer about {key[1]}")
            self._step(asked, "overdue")
            if asked.tries >= ASKED_MAX:
                asked.state = "refused"
                return [Tell(key[0], "refused", f"no answer about {key[1]} to {ASKED_MAX} requests")]
        return self._sends(now_ns)

    def _sends(self, now_ns: int) -> list[Action]:
        if now_ns < self._send_ns:
            return []
        frame = self._farewells.pop(0) if self._farewells else self._next_request(now_ns)
        if not frame:
            return []
        self._send_ns = now_ns + _ns(1.0 / self.venue.limits.sends_per_s)
        return [Send(frame)]

    def _next_request(self, now_ns: int) -> bytes:
        for (symbol, channel), asked in self.asked.items():
            if asked.state not in ("wanted", "leaving") or asked.due_ns > now_ns:
                continue
            ask: Callable[[str, str], bytes] = self.venue.unsubscribe
            if asked.state == "wanted":
                ask, asked.sent_ns = self.venue.subscribe, now_ns
                asked.tries += 1
            self._step(asked, "sent")
            asked.due_ns = now_ns + _ns(ANSWER_S)
            return ask(symbol, channel)
        return b""

    def _passed_on(self, heard: Heard, frame: bytes) -> list[Action]:
        if heard.what == "torn":  # it may have been anybody's, where it does not say
            return [Deliver(heard.symbol, frame)]
        if heard.what in ("data", "subscribed", "unsubscribed") and (
            not heard.symbol or (heard.symbol, heard.channel) in self.asked
        ):
            return [Deliver(heard.symbol, frame)]
        return []

    def _answered(self, asked: _Asked, heard: Heard, now_ns: int) -> list[Action]:
        if asked.state == "active":
            asked.tries = 0
            return [Tell(heard.symbol, "heard", "")] if self.is_heard(heard.symbol) else []
        if asked.state == "refused":
            return [Tell(heard.symbol, "refused", heard.detail)]
        wait_s = RENEW_S_MIN if heard.what == "unsubscribed" else self._jittered(asked.tries)
        asked.due_ns = max(asked.sent_ns + _ns(RENEW_S_MIN), now_ns if heard.what == "unsubscribed" else 0)
        if heard.what == "failed":
            asked.due_ns = max(asked.due_ns, now_ns + _ns(wait_s))
        return []

    def is_heard(self, symbol: str) -> bool:
        """Whether the venue has said yes to every channel of a market."""
        return all(self.asked[symbol, channel].state == "active" for channel in self.venue.channels)

    def _greet(self, now_ns: int) -> list[Action]:
        self._move("greeted")
        self._ready_ns, self._send_ns = now_ns, now_ns
        return []

    def _give_up(self, reason: str) -> list[Action]:
        self._move("given_up")
        self._reason = reason
        return [Close(reason)]

    def _silent_ns(self) -> int:
        return self._heard_ns + _ns(self.venue.limits.silence_s_max)

    def _retire_ns(self) -> int:
        lifetime_s = self.venue.limits.lifetime_s_max
        return NEVER_NS if lifetime_s == float("inf") else self._ready_ns + _ns(lifetime_s)

    def _back_off(self, now_ns: int, retry_after_s: float) -> None:
        self._failures += 1
        wait_s = max(self._jittered(self._failures), min(retry_after_s, RETRY_AFTER_S_MAX))
        self._due_ns = now_ns + _ns(wait_s)

    def _jittered(self, failures: int) -> float:
        doubled_s = BACKOFF_S * 2.0 ** min(failures - 1, 16)
        return self._random.random() * min(BACKOFF_S_MAX, doubled_s)

    def _move(self, event: str) -> bool:
        after = CONNECTION.get((self.state, event))
        self.state = after or self.state
        return after is not None

    def _step(self, asked: _Asked, event: str) -> bool:
        after = SUBSCRIPTION.get((asked.state, event))
        asked.state = after or asked.state
        return after is not None


def _ns(seconds: float) -> int:
    return int(seconds * NS_PER_S)
