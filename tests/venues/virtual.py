"""A venue, gateway processes and the feeds of its markets in one process, in virtual time, without sockets.

Each tick is one step of the venue, delivered at once. What the feeds say is held against the market as it
truly is: `Truth` has the claims.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from random import Random

from signalnode.clock import NS_PER_S
from signalnode.feeds.live import envelope
from signalnode.feeds.live.actions import Retire
from signalnode.feeds.live.announced import Announced
from signalnode.feeds.live.envelope import Header
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.states import States
from signalnode.feeds.venues import loss_seen_by
from signalnode.settings import LIVE_VENUES
from tests.effort import drawn

from .faults import What
from .listening import Listener, Tapped
from .process import Process
from .protocol import protocol_of
from .truth import Truth
from .venue import Answer, Peer, Venue

TICK_NS = drawn(100_000_000, 50_000_000)
STEPS_PER_S = NS_PER_S / TICK_NS
WIRED_MAX = 300
SETTLED_S = drawn(0.4, 1.0)  # a book that stays whole for so long is sound
OFFSET_NS = 1_795_000_000 * NS_PER_S  # of the gateway's clock, which is the venue's as well
GATEWAY = "gateway.virtual"
# Venues that number no updates: a lost one shows nowhere. Hyperliquid's next tells all again.
UNSEEN = frozenset(name for name in LIVE_VENUES if loss_seen_by(name) in {"nothing", "whole books"})


class Wire:
    """The feed's inlet, without a socket: what gateways say comes in, what the feed asks goes out to all.

    `gateway` is dialled from the beginning; `dialled` gives who is by the other name.
    """

    def __init__(self, symbol: str, gateway: Process, dialled: Callable[[], Process]) -> None:
        self.messages: deque[bytes] = deque()
        self.gateways = {"": gateway}  # by the name they were dialled by
        self._symbol, self._dialled = symbol, dialled

    def send(self, message: bytes) -> bool:
        assert message == envelope.RENEW + envelope.topic_of(self._symbol)
        for gateway in self.gateways.values():
            gateway.pool.renew(self._symbol)
        return True

    def connect(self, name: str) -> None:
        gateway = self._dialled()
        if gateway not in self.gateways.values():
            gateway.want(self._symbol)
        self.gateways[name] = gateway

    def disconnect(self, name: str) -> None:
        gateway = self.gateways.pop(name)
        if gateway not in self.gateways.values():
            gateway.drop(self._symbol)

    def beat(self) -> None:
        """What is said each tick by all that are there."""
        for gateway in dict.fromkeys(self.gateways.values()):
            self.messages.extend(() if gateway.is_gone else gateway.beats())

    def dial_instead(self, gone: Process, gateway: Process) -> None:
        """Where one was another is now: its names lead there."""
        is_known = gateway in self.gateways.values()
        for name, dialled in self.gateways.items():
            if dialled is gone:
                self.gateways[name] = gateway
        if not is_known:
            gateway.want(self._symbol)  # and so it says at once how things stand


class Wired(Tapped):
    """A feed on such a wire."""

    def _drain(self, now_ns: int) -> None:
        messages: deque[bytes] = self.inlet.messages  # type: ignore[attr-defined]
        while messages:
            self._message_ns = now_ns
            self.take_in(*envelope.unpack(messages.popleft()))


class Virtual:
    """The first `count` markets of a venue; see the module."""

    def __init__(self, name: str, *, count: int = 1, seed: int = 1) -> None:
        self.now_ns = NS_PER_S
        protocol = protocol_of(name)
        self.venue = Venue(protocol, symbols=protocol.symbols[:count], now_s=1.0)  # none that nobody hears
        self.gateway = Process(self, Pool(venue_of(name), Random(seed)), 1)
        self.young: Process | None = None  # that relieves it
        self._listing = listing_of(name)
        self._states = States(self._listing, self.pool.venue.limits)
        self._announced = Announced(self._listing.announcing)
        self.slow: set[str] = set()  # markets whose engine is too slow: what it is sent is lost
        self.listeners: dict[str, Listener] = {}
        self.wires: dict[str, Wire] = {}
        self.truths: dict[str, Truth] = {}
        self.venue_ahead_ns = 0  # of the venue's clock
        self.offset_ns = OFFSET_NS  # of the gateway's
        self.image_ahead = 0  # steps by which what is fetched is newer than the frames that have come
        self.spoil: Callable[[bytes], bytes] | None = None  # done to every frame on its way
        self.wired: deque[bytes] = deque(maxlen=WIRED_MAX)  # the newest that went over a wire
        self.told: dict[str, str] = {}  # of markets that no feed listens to, the newest
        for symbol in list(self.venue.listings)[:count]:
            self._listen(name, symbol)

    @property
    def pool(self) -> Pool:
        """Of the process that counts."""
        return self.gateway.pool

    @property
    def peers(self) -> dict[int, Peer]:
        """Its connections, by slot."""
        return self.gateway.peers

    @property
    def processes(self) -> list[Process]:
        """All there are, the older first."""
        return [self.gateway] if self.young is None else [self.gateway, self.young]

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
        self.gateway.want(symbol)

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
        self.serve()
        for symbol, wire in self.wires.items():
            wire.beat()
            listener = self.listeners[symbol]
            events = listener.turn(self.now_ns)
            is_told = self._is_reached(symbol, "book") and not self._is_spoiled(symbol)
            is_sound = listener.is_sound and is_told
            self.truths[symbol].on_events(events, sound=is_sound)

    def serve(self) -> None:
        """What venue and gateways do at this moment."""
        young = self.young
        if young is not None and self.gateway.relief.state == "chief":
            self.gateway.do(self.gateway.relief.stand_by(young.generation, lambda: young.is_gone))
        for process in self.processes:
            process.ping()
        self.venue.on_time(self.now_ns / NS_PER_S)
        for process in self.processes:
            process.pump()
            process.on_time()
        if self.young is not None and self.young.is_ready:
            self.gateway.end()
        self._look_up()

    def _step(self, step: Callable[[int], None]) -> None:
        spoiled = {fault.symbol for fault in self.venue.script.faults if fault.what == "trades"}
        step(self.now_ns + OFFSET_NS + self.venue_ahead_ns)
        for symbol, truth in self.truths.items():
            truth.on_step(is_due=symbol not in spoiled and self._is_reached(symbol, "trades"))

    def until(
        self, holds: Callable[[], bool], what: str, *, seconds: float = 120.0, tick_ns: int = TICK_NS
    ) -> None:
        """Tick until it holds; and fail where it never does."""
        end_ns = self.now_ns + int(seconds * NS_PER_S)
        while not holds():
            assert self.now_ns < end_ns, f"never: {what}; {self.feed.outage}; {self.feed.faults}"
            self.tick(tick_ns)

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
            self.gateway.do(self.pool.steps(slot, [Retire("planned")]))

    def relieve_gateway(self) -> None:
        """Have another process take its place, as a planned restart does; it counts when `young` is None."""
        pool, generation = Pool(self.pool.venue, Random(3)), self.gateway.generation + 1
        self.young = Process(self, pool, generation, self.gateway)

    def restart_gateway(self, ahead_ns: int) -> None:
        """Another takes its place, whose clock is ahead of the one before."""
        for process in self.processes:
            process.end()
        self.offset_ns += ahead_ns
        gone = self.gateway
        self.gateway = Process(self, Pool(self.pool.venue, Random(2)), gone.generation + 1)
        for wire in self.wires.values():
            wire.dial_instead(gone, self.gateway)

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

    def on_wire(self, frame: bytes) -> bytes:
        """What comes of a frame on its way from the venue."""
        self.wired.append(frame)
        return frame if self.spoil is None else self.spoil(frame)

    def fetched(self, url_path: str) -> Answer:
        """What the venue's REST says."""
        for _ in range(self.image_ahead):
            self._step(self.venue.step)
        return self.venue.answer(self.venue.protocol.rest_path + url_path, self.now_ns / NS_PER_S)

    def on_ended(self, process: Process) -> None:
        """A process is gone: the one beside it is the only one."""
        if self.young is not None:
            self.gateway = self.gateway if process is self.young else self.young
            self.young = None
            for wire in self.wires.values():
                wire.dial_instead(process, self.gateway)

    def on_said(self, process: Process, symbol: str, header: Header, body: bytes) -> None:
        """A gateway tells a market's engine something."""
        wire = self.wires.get(symbol)
        if wire is None:
            if header.kind == envelope.TOLD:
                self.told[symbol] = body.decode()
        elif symbol not in self.slow and process in wire.gateways.values():
            wire.messages.append(envelope.pack(envelope.topic_of(symbol), header, body))

    def _listen(self, name: str, symbol: str) -> None:
        listener = Listener("", GATEWAY, name, symbol, Wired)
        self.wires[symbol] = Wire(symbol, self.gateway, lambda: self.processes[-1])
        listener.feed._inlet = self.wires[symbol]  # type: ignore[assignment] # what it uses of one
        self.listeners[symbol] = listener
        self.truths[symbol] = Truth(self.venue, symbol)
        self._states.want(symbol, self.now_ns)
        self._announced.want(symbol, self.now_ns)
        self.gateway.want(symbol)

    def _is_reached(self, symbol: str, what: What) -> bool:
        """Whether a change of this moment goes, as it is, to somebody whose connection stands."""
        if (symbol, what) in self.venue.script.silent or symbol in self.slow:
            return False
        for process in self.processes:
            for slot, peer in process.peers.items():
                if slot in process.frozen or peer.is_closed:
                    continue
                spoiled = [key in peer.spoiled for key in peer.subscribed if self._is_of(key, symbol, what)]
                if not all(spoiled):
                    return what == "trades" or not any(spoiled)
        return False

    def _is_of(self, key: tuple[str, str], symbol: str, what: What) -> bool:
        return key[0] == symbol and self.venue.what(key[1]) == what

    def _is_spoiled(self, symbol: str) -> bool:
        """Whether somebody's newest frame of a book was, so that the next one shows it."""
        peers = (peer for process in self.processes for peer in process.peers.values() if peer.spoiled)
        return any(self._is_of(key, symbol, "book") for peer in peers for key in peer.spoiled)

    def _look_up(self) -> None:
        """What is read by the clock of the venue's listing."""
        asked = self._states.next(self.now_ns)
        if asked is not None and asked.page is not None:
            target = self.venue.protocol.rest_path + asked.page.url_path
            answer = self.venue.answer(target, self.now_ns / NS_PER_S, asked.page.body)
            listed = self._listing.read(asked.page, answer.body).instruments if answer.status == 200 else None
            for symbol, halt in self._states.on_read(listed, self.now_ns):
                self.gateway.say(symbol, envelope.TOLD, 0, envelope.pack_told("halted", halt))
        announcing = self._announced.next(self.now_ns)
        if announcing is not None:
            target = self.venue.protocol.rest_path + announcing.page.url_path
            answer = self.venue.answer(target, self.now_ns / NS_PER_S)
            if answer.status == HTTPStatus.OK:
                self._announced.on_read(announcing.read(answer.body), self.now_ns + OFFSET_NS)
        for symbol, said in self._announced.news(self.now_ns + OFFSET_NS):
            told = envelope.pack_told(envelope.ANNOUNCED[not said.halts], said.text)
            self.gateway.say(symbol, envelope.TOLD, 0, told)
