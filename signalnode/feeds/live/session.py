"""One connection to a venue and its subscriptions, without a socket and without a clock: what happened goes
in, with the monotonic time in ns, and what is to be done comes out.

All lifecycles are tables: CONNECTION and SUBSCRIPTION in `lives.py`, IMAGE in `images.py`. What they do not
hold has come too late to matter, and changes nothing.

A connection that failed or was closed is made again after a random share of a wait that doubles each time,
BACKOFF_S to BACKOFF_S_MAX ("full jitter"; Brooker, "Exponential Backoff And Jitter", 2015), and not before
the venue's `Retry-After`. One that stood as long as that wait, and STEADY_S_MIN at least, starts over at
BACKOFF_S. A refusal that cannot heal by itself, HTTP 3xx and 4xx but HEALING, is told once, and tried again
each REFUSED_S: who blocks may unblock.

One that the venue will close soon, by its word or at RETIRE_SHARE of its lifetime, one that is doubted, and
one whose books have stood so long that nobody knows what they lost (half to all of `Limits.refresh_s`), asks
to be replaced (`Retire`), once; it stays until it is let go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from random import Random

from signalnode.feeds.live.actions import (
    NEVER_NS,
    RETRY_AFTER_S_MAX,
    Action,
    Address,
    Answer,
    Close,
    Deliver,
    Fetch,
    Open,
    Retire,
    Send,
    Tell,
    backoff_s,
    cannot_heal,
    jittered_s,
    ns_of,
)
from signalnode.feeds.live.images import Images
from signalnode.feeds.live.lives import CONNECTION, Change, ConnectionState
from signalnode.feeds.live.pace import Pace
from signalnode.feeds.live.sessions.base import Heard, Route, Venue
from signalnode.feeds.live.subscriptions import Subscriptions

STEADY_S_MIN, GREETING_S, REFUSED_S = 10.0, 10.0, 3_600.0
RETIRE_SHARE, RETIRE_SPREAD = 23 / 24, 1 / 24  # of a lifetime: not all at once
IDLE_S = 10.0  # a connection that no market wants is kept: an engine that starts again is soon back
OUTBOX_MAX = 16  # frames that wait to be sent besides subscriptions


class Session:
    """One connection by `route`; see the module. Each method returns what is to be done, in order."""

    def __init__(self, venue: Venue, random: Random, route: Route | None = None) -> None:
        self.venue, self.route = venue, route or Route("", venue.channels)
        self.state: ConnectionState = "resting"
        self.refusal = ""  # why nothing is tried for a long time
        self.subscriptions = Subscriptions(venue, random)
        self.images = Images(venue, random)
        self._outbox: deque[bytes] = deque(maxlen=OUTBOX_MAX)
        self._random = random
        self._failures = 0  # in a row
        self._due_ns = 0  # of the connection's own next step
        self._pace = Pace(venue.limits)
        self._silence_ns = ns_of(venue.limits.silence_s_max)
        self._lifetime_ns = ns_of(venue.limits.lifetime_s_max)
        self._ping_ns = NEVER_NS
        self._retire_ns = self._idle_ns = NEVER_NS
        self._ready_ns = self._heard_ns = 0
        self._refused: dict[str, str] = {}  # markets, with the reason
        self._learnt: set[str] = set()  # markets whose facts, or book, were fetched
        self._reason = "not connected yet"
        self._known_due_ns = -1  # what `due_ns` said last, while nothing has changed; −1 otherwise

    @property
    def symbols(self) -> set[str]:
        """The markets that are wanted of this connection."""
        return self.subscriptions.symbols

    @property
    def reason(self) -> str:
        """Why nothing can be heard now; "" where that is not so."""
        return "" if self.state == "ready" else self._reason

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that brings frames, or will soon."""
        return self.state in ("greeting", "ready")

    @property
    def has_moved(self) -> bool:
        """Whether what `due_ns` says may be another."""
        return self._known_due_ns < 0

    def refused(self, symbol: str) -> str:
        """Why a market is not tried any more; "" where it is."""
        return self.refusal or self._refused.get(symbol, "")

    def is_heard(self, symbol: str) -> bool:
        """Whether the venue has said yes to every channel of a market that comes here, and refused none."""
        return self.state == "ready" and symbol not in self._refused and self.subscriptions.is_heard(symbol)

    def want(self, symbol: str) -> None:
        """Subscribe to a market, as soon as that can be."""
        self._known_due_ns, self._idle_ns = -1, NEVER_NS
        self.subscriptions.want(symbol, self.route.channels)
        if self.state == "ready":
            self._learn(symbol)

    def inherit(self, older: Session) -> None:
        """Go on with what another connection of the same markets has learnt."""
        self.subscriptions.inherit(older.subscriptions)
        if self.venue.closes_on_unknown:
            self._refused.update(older._refused)

    def drop(self, symbol: str) -> None:
        """Leave a market."""
        self._known_due_ns = -1
        self.subscriptions.drop(symbol)
        self.images.drop(symbol)
        self._refused.pop(symbol, None)
        self._learnt.discard(symbol)

    def renew(self, symbol: str) -> None:
        """Have the book of a market start over; where its image is under way that is enough."""
        self._known_due_ns = -1
        asked = self.subscriptions.asked.get((symbol, self.subscriptions.book))
        if asked is None:
            return
        if self.venue.facts(symbol) is not None:
            self.images.need(symbol)  # it may be another engine that asks
        if asked.state == "active" and not asked.spoke_ns and asked.silent_ns < NEVER_NS:
            return  # it was agreed to, and the first that it brings is on the way
        if self.venue.image(symbol) is None:
            self.subscriptions.renew((symbol, self.subscriptions.book))
        elif asked.state == "active":
            self.images.need(symbol)

    def due_ns(self) -> int:
        """When `on_time` has something to do; NEVER_NS while that cannot be told."""
        if self._known_due_ns < 0:
            self._known_due_ns = self._worked_out_due_ns()
        return self._known_due_ns

    def on_opened(self, now_ns: int) -> list[Action]:
        """The socket is open."""
        if not self._move("opened"):
            return []
        self._heard_ns, self._due_ns, self.refusal = now_ns, now_ns + ns_of(GREETING_S), ""
        if not self.venue.greets:
            self._greet(now_ns)
        return [Address("", self.route.url_path)]

    def on_denied(self, wait_ns: int, now_ns: int) -> list[Action]:
        """No connection may be made for so long: the budget of this address is spent."""
        self._move("failed")
        self._due_ns = now_ns + wait_ns
        self._reason = "waits, for the venue bears no more from this address now"
        return []

    def on_failed(
        self, reason: str, now_ns: int, *, status: int = 0, retry_after_s: float = 0.0
    ) -> list[Action]:
        """The connection could not be made. `status`: the HTTP status that refused it, else 0."""
        self._reason = reason
        if cannot_heal(status):
            if not self._move("refused"):
                return []
            is_news, self.refusal = reason != self.refusal, reason
            self._due_ns = now_ns + ns_of(max(REFUSED_S, min(retry_after_s, RETRY_AFTER_S_MAX)))
            return [Tell("", "refused", reason)] if is_news else []
        if not self._move("failed"):
            return []
        self.refusal = ""
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
        if self._ready_ns and now_ns - self._ready_ns >= ns_of(max(STEADY_S_MIN, backoff_s(self._failures))):
            self._failures = 0
        self._ready_ns, self._ping_ns, self._retire_ns, self._idle_ns = 0, NEVER_NS, NEVER_NS, NEVER_NS
        self._outbox.clear()
        refused = [action for change in self.subscriptions.close() for action in self._told(change)]
        self._note_refused(refused)
        self.images.close()
        self._back_off(now_ns, retry_after_s)
        return [Tell("", "lost", self._reason), *refused]

    def on_frame(self, frame: bytes, now_ns: int) -> list[Action]:
        """A frame has come."""
        self._heard_ns = now_ns
        if self.state not in ("greeting", "ready"):
            return []
        heard = self.venue.hear(frame, self.subscriptions.symbols)
        if heard.what == "data":
            return self._on_data(heard, frame, now_ns)
        if heard.what == "torn":  # it may have been anybody's, where it does not say
            return [Deliver(heard.symbol, frame)]
        return [] if heard.what == "noise" else self._on_word(heard, frame, now_ns)

    def on_answer(
        self,
        fetch: Fetch,
        status: int,
        body: bytes,
        now_ns: int,
        *,
        reason: str = "",
        retry_after_s: float = 0.0,
    ) -> list[Action]:
        """What was fetched has come; status 0 where nothing could be had, `reason` says why."""
        self._known_due_ns = -1
        found = self.images.on_answer(fetch, status, body, now_ns, reason=reason, retry_after_s=retry_after_s)
        if any(isinstance(action, Answer) for action in found):
            self._learnt.add(fetch.symbol)
            self.subscriptions.release(fetch.symbol, now_ns)
        elif found:  # there is no such market, though its channels were agreed to
            self.subscriptions.refuse(fetch.symbol, reason)
        self._note_refused(found)
        return found

    def on_fetch_denied(self, fetch: Fetch, wait_ns: int, now_ns: int) -> None:
        """It was not asked for: the budget of this address is spent for so long."""
        self._known_due_ns = -1
        self.images.on_denied(fetch.symbol, wait_ns, now_ns)

    def on_time(self, now_ns: int) -> list[Action]:
        """Time has passed."""
        if now_ns < self._known_due_ns:
            return []
        self._known_due_ns = -1
        if self.state in ("resting", "refused"):
            if not self.symbols or now_ns < self._due_ns:
                return []
            self._move("due")
            return [Open()]
        if self.state == "greeting":
            return self.give_up("no greeting came") if now_ns >= self._due_ns else []
        return self._on_ready_time(now_ns) if self.state == "ready" else []

    def give_up(self, reason: str) -> list[Action]:
        """Close the connection, and make it anew where it is wanted."""
        if not self._move("given_up"):
            return []
        self._reason = reason
        return [Close(reason)]

    def _worked_out_due_ns(self) -> int:
        if self.state == "greeting" or (self.state in ("resting", "refused") and self.symbols):
            return self._due_ns
        if self.state != "ready":
            return NEVER_NS
        own_ns = min(self._silent_ns(), self._ready_ns + self._lifetime_ns, self._retire_ns, self._ping_ns)
        if self._outbox:
            own_ns = min(own_ns, self._pace.due_ns)
        if not self.subscriptions.asked:
            own_ns = min(own_ns, self._pace.due_ns if self._idle_ns == NEVER_NS else self._idle_ns)
        return min(own_ns, self.subscriptions.due_ns(self._pace.due_ns), self.images.due_ns())

    def _on_ready_time(self, now_ns: int) -> list[Action]:
        if not self.subscriptions.asked:
            self._idle_ns = min(self._idle_ns, now_ns + ns_of(IDLE_S))
            if now_ns >= self._idle_ns:
                return self.give_up("no market wants it")
        if now_ns >= self._silent_ns():
            return self.give_up(f"silent for {self.venue.limits.silence_s_max:g} s")
        if now_ns >= self._ready_ns + self._lifetime_ns:
            return self.give_up("made anew before the venue closes it")
        late = self.subscriptions.overdue(now_ns)
        if late is not None:
            return self.give_up(f"{late[0]}: no answer about {late[1]}")
        found: list[Action] = []
        if self.venue.ping is not None and now_ns >= self._ping_ns:
            self._ping_ns = now_ns + ns_of(self.venue.ping.every_s)
            found += self._now(self.venue.ping.frame, now_ns)
        if now_ns >= self._retire_ns:
            is_old = self.venue.limits.lifetime_s_max <= self.venue.limits.refresh_s
            found += self._retire("the venue is to close it" if is_old else "its books are asked for anew")
        for change in self.subscriptions.on_time(now_ns):
            found += self._told(change)
        self._note_refused(found)
        return [*found, *self.images.on_time(now_ns), *self._sends(now_ns)]

    def _sends(self, now_ns: int) -> list[Action]:
        found: list[Action] = []
        while now_ns >= self._pace.due_ns:
            frame = self._outbox.popleft() if self._outbox else self.subscriptions.request(now_ns)
            if not frame:
                break
            found += self._now(frame, now_ns)
        return found

    def _now(self, frame: bytes, now_ns: int) -> list[Action]:
        """Send at once; requests wait for it."""
        self._pace.take(now_ns)
        return [Send(frame)]

    def _on_word(self, heard: Heard, frame: bytes, now_ns: int) -> list[Action]:
        """What a frame has to say to us."""
        self._known_due_ns = -1
        if heard.what == "greeting":
            if self.state == "greeting":
                self._greet(now_ns)
            return [Deliver("", frame)]  # it may say whether the venue trades
        if heard.what == "asks":
            return self._now(heard.detail.encode(), now_ns)
        if heard.what == "retiring":
            return self._retire(heard.detail or "the venue is about to close it")
        return [*self._passed_on(heard, frame), *self._on_answer(heard, now_ns)]

    def _on_data(self, heard: Heard, frame: bytes, now_ns: int) -> list[Action]:
        if heard.parts is not None:
            return [Deliver(symbol, part) for symbol, part in heard.parts.items()]
        is_wanted = not heard.symbol or heard.symbol in self.subscriptions.symbols
        if is_wanted and heard.symbol and heard.channel in self.venue.channels:  # else asked for once, of all
            asked = self.subscriptions.on_data((heard.symbol, heard.channel), now_ns)
            is_wanted = asked is not None and asked.is_wanted
            if asked is not None and asked.silent_ns < self._known_due_ns:
                self._known_due_ns = -1  # its silence is watched from now on
        if self.venue.is_counted:
            return [Deliver("", frame)]
        return [Deliver(heard.symbol, frame)] if is_wanted else []

    def _passed_on(self, heard: Heard, frame: bytes) -> list[Action]:
        if heard.what not in ("subscribed", "unsubscribed"):
            return []
        if self.venue.is_counted:
            return [Deliver("", frame)]
        return [Deliver(heard.symbol, frame)] if heard.symbol in self.symbols else []

    def _on_answer(self, heard: Heard, now_ns: int) -> list[Action]:
        found = [
            action for change in self.subscriptions.on_answer(heard, now_ns) for action in self._told(change)
        ]
        self._note_refused(found)
        return found

    def _note_refused(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Tell) and action.state == "refused":
                self._refused[action.symbol] = action.reason

    def _told(self, change: Change) -> list[Action]:
        if change.state == "doubted":
            return self._retire(change.detail)
        if change.state == "refused":
            return [Tell(change.symbol, "refused", change.detail)]
        if change.channel == self.subscriptions.book and self.venue.image(change.symbol) is not None:
            self.images.need(change.symbol)
        return [Tell(change.symbol, "heard", "")] if self.is_heard(change.symbol) else []

    def _greet(self, now_ns: int) -> None:
        self._move("greeted")
        self._ready_ns = now_ns
        self._outbox.extend(self.venue.standing)
        if self.venue.ping is not None:
            self._ping_ns = now_ns + ns_of(self.venue.ping.every_s)
        refresh_s = self.venue.limits.refresh_s * (0.5 + self._random.random() / 2)
        lifetime_s = self.venue.limits.lifetime_s_max * (RETIRE_SHARE - self._random.random() * RETIRE_SPREAD)
        self._retire_ns = now_ns + ns_of(min(lifetime_s, refresh_s))
        for symbol in self.symbols:
            self._learn(symbol)

    def _learn(self, symbol: str) -> None:
        """Have the facts of a market come before its frames, where there are such and nobody has them."""
        if symbol not in self._learnt and self.venue.facts(symbol) is not None:
            self.subscriptions.hold(symbol)
            self.images.need(symbol)

    def _retire(self, reason: str) -> list[Action]:
        self._retire_ns = NEVER_NS
        return [Retire(reason)]

    def _silent_ns(self) -> int:
        if self.subscriptions.book not in self.route.channels:
            return NEVER_NS  # trades alone may be few
        return self._heard_ns + self._silence_ns

    def _back_off(self, now_ns: int, retry_after_s: float) -> None:
        self._failures += 1
        wait_s = max(jittered_s(self._random, self._failures), min(retry_after_s, RETRY_AFTER_S_MAX))
        self._due_ns = now_ns + ns_of(wait_s)

    def _move(self, event: str) -> bool:
        self._known_due_ns = -1
        after = CONNECTION.get((self.state, event))
        self.state = after or self.state
        return after is not None
