"""A venue, a pool of sessions and the feeds of its markets in one process, in virtual time, without sockets.

Each tick is one step of the venue, delivered at once. What the feeds say is held against the market as it
truly is: `Truth` has the claims.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from random import Random

from signalnode.clock import NS_PER_S
from signalnode.feeds.live import envelope
from signalnode.feeds.live.actions import (
    Address,
    Answer,
    Beside,
    Close,
    Deliver,
    Fetch,
    Moved,
    Open,
    Retire,
    Send,
    Tell,
)
from signalnode.feeds.live.connection import PING_S, PONG_S
from signalnode.feeds.live.envelope import Header
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.pool import Pool, Step
from signalnode.feeds.live.reasons import UNANSWERED
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.states import States
from tests.effort import drawn

from . import venue as made
from .faults import What
from .listening import Listener, Tapped
from .protocol import protocol_of
from .truth import Truth
from .venue import Peer, Venue

TICK_NS = drawn(100_000_000, 50_000_000)
STEPS_PER_S = NS_PER_S / TICK_NS
WIRED_MAX = 300
SETTLED_S = drawn(0.4, 1.0)  # a book that stays whole for so long is sound
OFFSET_NS = 1_795_000_000 * NS_PER_S  # of the gateway's clock, which is the venue's as well
GATEWAY = "gateway.virtual"
# Venues that number no updates: a lost one shows nowhere. Hyperliquid's next tells all again.
UNSEEN = frozenset({"dydx", "gemini", "bitstamp", "hyperliquid"})


class Wire:
    """The feed's socket, without one: what the gateway says comes in, what the feed asks goes out."""

    def __init__(self, ask: Callable[[bytes], None]) -> None:
        self.messages: deque[bytes] = deque()
        self._ask = ask

    def send(self, message: bytes, _flags: int = 0) -> None:
        self._ask(message)


class Wired(Tapped):
    """A feed on such a wire."""

    def _drain(self, now_ns: int) -> None:
        messages: deque[bytes] = self.socket.messages  # type: ignore[attr-defined]
        while messages:
            self._message_ns = now_ns
            self.take_in(*envelope.unpack(messages.popleft()))


class Virtual:
    """The first `count` markets of a venue; see the module."""

    def __init__(self, name: str, *, count: int = 1, seed: int = 1) -> None:
        self.now_ns = NS_PER_S
        self.venue = Venue(protocol_of(name), now_s=1.0)
        self.pool = Pool(venue_of(name), Random(seed))
        self._listing = listing_of(name)
        self._states = States(self._listing, self.pool.venue.limits)
        self.peers: dict[int, Peer] = {}  # by slot
        self.slow: set[str] = set()  # markets whose engine is too slow: what it is sent is lost
        self.frozen: set[int] = set()  # slots whose connection is half open: nothing comes, nothing is closed
        self._frozen_ns: dict[int, int] = {}  # since when
        self.listeners: dict[str, Listener] = {}
        self.wires: dict[str, Wire] = {}
        self.truths: dict[str, Truth] = {}
        self.venue_ahead_ns = 0  # of the venue's clock
        self.offset_ns = OFFSET_NS  # of the gateway's
        self.image_ahead = 0  # steps by which what is fetched is newer than the frames that have come
        self.spoil: Callable[[bytes], bytes] | None = None  # done to every frame on its way
        self.wired: deque[bytes] = deque(maxlen=WIRED_MAX)  # the newest that went over a wire
        self.told: dict[str, str] = {}  # of markets that no feed listens to, the newest
        self._sequences: Counter[str] = Counter()
        for symbol in list(self.venue.listings)[:count]:
            self._listen(name, symbol)

    @property
    def symbol(self) -> str:
        """The first market's."""
        return next(iter(self.listeners))

    @property
    def feed(self) -> LiveFeed:
        """The first market's."""
        return self.listeners[self.symbol].feed

    def want(self, symbol: str) -> None:
        """Have a market asked for besides, to which no feed listens."""
        self._do(self.pool.want(symbol))

    def tick(self, tick_ns: int = TICK_NS) -> None:
        """One step of the venue, and what comes of it."""
        self._move(self.venue.step, tick_ns)

    def cross(self) -> None:
        """A tick in which the first market's book stands crossed, and no other moves."""
        self._move(lambda time_ns: self.venue.cross(self.symbol, time_ns), TICK_NS)

    def finish(self, directory: Path) -> None:
        """No trade was lost or told twice, live is replay, and the venue had nothing to object to."""
        for symbol, listener in self.listeners.items():
            self.truths[symbol].check_trades()
            assert self.truths[symbol].checked
            listener.check_replay(directory / "passed_on")
        assert not self.venue.broken_rules

    def _move(self, step: Callable[[int], None], tick_ns: int) -> None:
        self.now_ns += tick_ns
        self._step(step)
        self._ping()
        self.venue.on_time(self.now_ns / NS_PER_S)
        self._pump()
        self._on_time()
        self._look_up()
        for symbol, wire in self.wires.items():
            wire.messages.append(self._beat())
            listener = self.listeners[symbol]
            events = listener.turn(self.now_ns)
            is_told = self._is_reached(symbol, "book") and not self._is_spoiled(symbol)
            is_sound = listener.is_sound and is_told
            self.truths[symbol].on_events(events, sound=is_sound)

    def _step(self, step: Callable[[int], None]) -> None:
        spoiled = {fault.symbol for fault in self.venue.script.faults if fault.what == "trades"}
        step(self.now_ns + OFFSET_NS + self.venue_ahead_ns)
        for symbol, truth in self.truths.items():
            truth.on_step(is_due=symbol not in spoiled and self._is_reached(symbol, "trades"))

    def until(self, holds: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
        """Tick until it holds; and fail where it never does."""
        end_ns = self.now_ns + int(seconds * NS_PER_S)
        while not holds():
            assert self.now_ns < end_ns, f"never: {what}; {self.feed.outage}; {self.feed.faults}"
            self.tick()

    def run(self, seconds: float, tick_ns: int = TICK_NS) -> None:
        """So much time passes, `tick_ns` a step."""
        for _ in range(round(seconds * NS_PER_S / tick_ns)):
            self.tick(tick_ns)

    def until_sound(self) -> None:
        """Until all books are whole, and were SETTLED_S before as well."""
        self.until(self.is_sound, "a sound book")
        self.run(SETTLED_S)
        self.until(self.is_sound, "a sound book")

    def replace_connections(self) -> None:
        """Have every connection be made anew as planned."""
        for slot in range(len(self.pool.sessions)):
            self._do(self.pool.steps(slot, [Retire("planned")]))

    def restart_gateway(self, ahead_ns: int) -> None:
        """Another takes its place, whose clock is ahead of the one before."""
        for peer in self.peers.values():
            self.venue.on_closed(peer)
        self.peers.clear()
        self.offset_ns += ahead_ns
        self._sequences.clear()
        self.pool = Pool(self.pool.venue, Random(2))
        for symbol in self.listeners:
            self._do(self.pool.want(symbol))

    def reconnect(self) -> None:
        """Whatever was lost unseen is told anew."""
        self.venue.close_all(1012)
        self.run(0.1)
        for truth in self.truths.values():
            truth.forget()

    def until_spoiled(self) -> None:
        """Until every fault of the script was done."""
        self.until(lambda: not self.venue.script.faults, "frames to spoil")

    def is_sound(self) -> bool:
        """Whether every market is heard and has its book."""
        return all(listener.is_sound for listener in self.listeners.values())

    def _listen(self, name: str, symbol: str) -> None:
        listener = Listener("", GATEWAY, name, symbol, Wired)
        self.wires[symbol] = Wire(lambda asked: self._on_asked(symbol, asked))
        listener.feed._socket = self.wires[symbol]  # type: ignore[assignment] # what it uses of one
        self.listeners[symbol] = listener
        self.truths[symbol] = Truth(self.venue, symbol)
        self._states.want(symbol, self.now_ns)
        self._do(self.pool.want(symbol))

    def _is_reached(self, symbol: str, what: What) -> bool:
        """Whether a change of this moment goes, as it is, to somebody whose connection stands."""
        if (symbol, what) in self.venue.script.silent or symbol in self.slow:
            return False
        for slot, peer in self.peers.items():
            channels = {
                key for key in peer.subscribed if key[0] == symbol and self.venue.what(key[1]) == what
            }
            if channels - peer.spoiled and slot not in self.frozen and not peer.is_closed:
                return what == "trades" or not channels & peer.spoiled
        return False

    def _is_spoiled(self, symbol: str) -> bool:
        """Whether somebody's newest frame of a book was, so that the next one shows it."""
        return any(
            of == symbol and self.venue.what(channel) == "book"
            for peer in self.peers.values()
            for of, channel in peer.spoiled
        )

    def _on_asked(self, symbol: str, asked: bytes) -> None:
        assert asked == envelope.RENEW + envelope.topic_of(symbol)
        self.pool.renew(symbol)

    def _on_time(self) -> None:
        for _ in range(1_000):
            due_ns = self.pool.due_ns()
            if due_ns is None or due_ns > self.now_ns:
                return
            self._do(self.pool.on_time(self.now_ns))
            self._pump()
        raise AssertionError("the pool is due for ever")

    def _look_up(self) -> None:
        """What is read by the clock of the venue's listing."""
        asked = self._states.next(self.now_ns)
        if asked is not None and asked.page is not None:
            target = self.venue.protocol.rest_path + asked.page.url_path
            answer = self.venue.answer(target, self.now_ns / NS_PER_S, asked.page.body)
            listed = self._listing.read(asked.page, answer.body).instruments if answer.status == 200 else None
            for symbol, halt in self._states.on_read(listed, self.now_ns):
                self._say(symbol, envelope.TOLD, 0, f"halted {halt}".encode())

    def _pump(self) -> None:
        """Deliver all that the venue has put out."""
        for slot, peer in list(self.peers.items()):
            while peer.out and slot not in self.frozen and self.peers.get(slot) is peer:
                out = peer.out.popleft()
                if isinstance(out, bytes):
                    self.wired.append(out)
                    out = out if self.spoil is None else self.spoil(out)
                if isinstance(out, made.Close):
                    self._gone(slot, f"closed: received {out.code} {out.reason}")
                elif len(out) > self.pool.venue.limits.frame_bytes_max:
                    for truth in self.truths.values():
                        truth.excuse()  # what stood behind it on the wire is lost
                    self._gone(slot, "closed: sent 1009")
                else:
                    session = self.pool.sessions[slot]
                    self._do(self.pool.steps(slot, session.on_frame(out, self.now_ns)))

    def _ping(self) -> None:
        """What the shell's own pings make of peers that are gone, at a venue that has no others."""
        if self.pool.venue.ping is not None:
            return
        self._frozen_ns = {slot: self._frozen_ns.get(slot, self.now_ns) for slot in self.frozen}
        for slot, since_ns in list(self._frozen_ns.items()):
            if slot in self.peers and self.now_ns - since_ns >= (PING_S + PONG_S) * NS_PER_S:
                self._gone(slot, UNANSWERED)

    def _gone(self, slot: int, reason: str) -> None:
        self.venue.on_closed(self.peers.pop(slot))
        self.frozen.discard(slot)
        self._do(self.pool.steps(slot, self.pool.sessions[slot].on_closed(reason, self.now_ns)))

    def _do(self, steps: list[Step]) -> None:
        for slot, number, action in steps:
            if isinstance(action, Deliver):
                self._say(action.symbol, envelope.FRAME, number, action.frame)
            elif isinstance(action, Tell):
                self._say(action.symbol, envelope.TOLD, number, f"{action.state} {action.reason}".encode())
            elif isinstance(action, Address):
                self._say(action.symbol, envelope.ADDRESS, number, f"wss://{action.url_path}".encode())
            elif isinstance(action, Answer):
                answer = envelope.pack_answer(f"https://{action.url_path}", action.body)
                self._say(action.symbol, envelope.ANSWER, number, answer)
            elif isinstance(action, Beside):
                self._say(action.symbol, envelope.BESIDE, number, b"")
            elif isinstance(action, Moved):
                self._say(action.symbol, envelope.MOVED, number if action.is_done else 0, b"")
            elif isinstance(action, Fetch):
                self._fetch(slot, action)
            elif isinstance(action, Open):
                self._connect(slot)
            elif isinstance(action, Send) and slot in self.peers:
                if slot not in self.frozen:
                    self.venue.on_frame(self.peers[slot], action.frame, self.now_ns / NS_PER_S)
            elif isinstance(action, Close) and slot in self.peers:
                self._gone(slot, action.reason)

    def _connect(self, slot: int) -> None:
        session = self.pool.sessions[slot]
        path = self.venue.protocol.path + session.route.url_path
        refused = self.venue.refused(path)
        if refused is None:
            self.peers[slot] = self.venue.open(path, self.now_ns / NS_PER_S)
            self._do(self.pool.steps(slot, session.on_opened(self.now_ns)))
            self._pump()
            return
        wait_s = float(dict(refused.headers).get("Retry-After", 0))
        failed = session.on_failed(
            f"HTTP {refused.status}", self.now_ns, status=refused.status, retry_after_s=wait_s
        )
        self._do(self.pool.steps(slot, failed))

    def _fetch(self, slot: int, fetch: Fetch) -> None:
        target = self.venue.protocol.rest_path + fetch.url_path
        for _ in range(self.image_ahead):
            self._step(self.venue.step)
        answer = self.venue.answer(target, self.now_ns / NS_PER_S)
        wait_s = float(dict(answer.headers).get("Retry-After", 0))
        session, reason = self.pool.sessions[slot], f"HTTP {answer.status}"
        done = session.on_answer(
            fetch, answer.status, answer.body, self.now_ns, reason=reason, retry_after_s=wait_s
        )
        self._do(self.pool.steps(slot, done))

    def _say(self, symbol: str, kind: int, number: int, body: bytes) -> None:
        if symbol not in self.wires:
            if kind == envelope.TOLD:
                self.told[symbol] = body.decode()
            return
        self._sequences[symbol] += 1
        if symbol in self.slow:
            return
        header = Header(kind, self.now_ns + self.offset_ns, number, self._sequences[symbol])
        self.wires[symbol].messages.append(envelope.pack(envelope.topic_of(symbol), header, body))

    def _beat(self) -> bytes:
        header = Header(envelope.BEAT, self.now_ns + self.offset_ns, 0, 0)
        return envelope.pack(envelope.BEAT_TOPIC, header, envelope.pack_beat(self.offset_ns))
