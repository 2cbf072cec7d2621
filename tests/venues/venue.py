"""A venue without a socket and without a clock: its listings, its clients, and what is to go wrong.

`Script` holds what goes wrong from now on; single frames are spoiled by the `faults` in it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from .faults import Fault, What
from .listing import Listing
from .protocol import Message, Protocol

OUT_MAX = 20_000  # frames that wait for a client who does not read, before it is closed
NS_PER_S = 1_000_000_000


class Close(NamedTuple):
    """The connection's end, from our side."""

    code: int
    reason: str = ""


class Answer(NamedTuple):
    """Of HTTP."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Maintenance(NamedTuple):
    """As a venue announces it, by its REST."""

    begin_ns: int
    end_ns: int
    is_under_way: bool


@dataclass
class Script:
    """What goes wrong from now on."""

    status: int = 0  # HTTP status that every new connection gets; 0: it is let in
    rest_status: int = 0  # and every REST request
    maintenance: Maintenance | None = None
    retry_after: str = ""
    location: str = ""  # of a redirect
    faults: list[Fault] = field(default_factory=list)  # of frames, each until it is done
    silent: set[tuple[str, What]] = field(default_factory=set)  # of which the venue makes no frames
    frozen: bool = False  # nothing is sent any more, and nothing closed


class Peer:
    """One connection. `out` holds what is to be sent, in order."""

    def __init__(self, venue: Venue, number: int, path: str, now_s: float) -> None:
        self.venue, self.number, self.path = venue, number, path
        self.opened_s = self.now_s = self.heard_s = now_s
        self.subscribed: dict[tuple[str, str], None] = {}  # symbol and channel, in the order asked
        self.state: dict[str, Any] = {}  # the protocol's own
        self.out: deque[bytes | Close] = deque()
        self.is_closed = False
        self.spoiled: set[tuple[str, str]] = set()  # symbols and channels whose newest frame was
        self._times: dict[object, deque[float]] = {}

    def send(self, message: Message) -> None:
        """Send an answer."""
        self._put(self.venue.protocol.seal(self, message))

    def data(self, symbol: str, channel: str, message: Message) -> None:
        """Send data, through what the script does to it. A number it takes is taken also where it is lost."""
        script, what = self.venue.script, self.venue.what(channel)
        if (symbol, what) in script.silent:
            return
        frame = self.venue.protocol.seal(self, message)
        is_spoiled = False
        for fault in script.faults:
            if (fault.symbol, fault.what) == (symbol, what) and fault.peer in (0, self.number):
                fault.peer = self.number
                frames, is_spoiled = fault.pass_on(frame), True
                if not fault.count:
                    script.faults.remove(fault)
                break
        else:
            frames = [frame]
        (self.spoiled.add if is_spoiled else self.spoiled.discard)((symbol, channel))
        for each in frames:
            self.venue.sent[symbol] = self.venue.sent.get(symbol, 0) + 1
            self._put(each)

    def close(self, code: int, reason: str = "") -> None:
        """Close, behind what is to be sent still."""
        if not self.is_closed:
            self.is_closed = True
            self.out.append(Close(code, reason))

    def break_rule(self, what: str, code: int = 0) -> None:
        """Note that the client broke a rule, and close where there is a code for that."""
        self.venue.broken_rules.append(what)
        if code:
            self.close(code, what)

    def is_too_often(self, what: object, count_max: int, period_s: float) -> bool:
        """Count one more of `what`; whether these are over `count_max` within any `period_s`."""
        times = self._times.setdefault(what, deque(maxlen=count_max + 1))
        times.append(self.now_s)
        return len(times) > count_max and times[-1] - times[0] < period_s

    def _put(self, frame: bytes) -> None:
        if self.is_closed:
            return
        if len(self.out) >= OUT_MAX:
            self.out.clear()
            self.close(1008, "does not read")
        else:
            self.out.append(frame)


class Venue:
    """See the module. `begun` is where numbers begin; a venue that starts again repeats none."""

    def __init__(
        self, protocol: Protocol, *, symbols: tuple[str, ...] = (), begun: int = 1_000_000, now_s: float = 0.0
    ) -> None:
        self.protocol, self.script = protocol, Script()
        self.listings = {
            symbol: Listing(symbol, seed, begun) for seed, symbol in enumerate(symbols or protocol.symbols, 1)
        }
        self.peers: set[Peer] = set()
        self.connects = 0
        self.broken_rules: list[str] = []
        self.sent: dict[str, int] = {}  # frames of data, by symbol
        self.kept_back: dict[str, list[tuple[str, Message]]] = {}  # updates of these books, while they wait
        self.now_s = now_s
        self._whats: dict[str, What] = {}  # by channel: asked for many times a step

    def what(self, channel: str) -> What:
        """Whether a channel is a book's, of quotes or of trades."""
        what = self._whats.get(channel)
        if what is None:
            what = "trades" if channel.startswith(self.protocol.trades) else "book"
            if self.protocol.quotes and channel.startswith(self.protocol.quotes):
                what = "quotes"
            self._whats[channel] = what
        return what

    def refused(self, path: str) -> Answer | None:
        """What a client gets instead of a connection; None where it is let in."""
        self.connects += 1
        if self.script.status:
            return self._bad(self.script.status)
        return None if self.protocol.accepts(path) else Answer(404)

    def open(self, path: str, now_s: float) -> Peer:
        """A client that was let in."""
        self.now_s = now_s
        peer = Peer(self, self.connects, path, now_s)
        self.peers.add(peer)
        self.protocol.on_open(peer)
        return peer

    def on_frame(self, peer: Peer, frame: bytes, now_s: float) -> None:
        """A client has sent something."""
        peer.now_s = peer.heard_s = self.now_s = now_s
        if not peer.is_closed:
            self.protocol.on_frame(peer, frame)

    def on_closed(self, peer: Peer) -> None:
        """A client is gone."""
        peer.is_closed = True
        self.peers.discard(peer)
        faults = self.script.faults
        faults[:] = [fault for fault in faults if fault.peer != peer.number]  # nothing is left to spoil

    def on_time(self, now_s: float) -> None:
        """Time has passed."""
        self.now_s = now_s
        for peer in list(self.peers):
            peer.now_s = now_s
            if not peer.is_closed:
                self.protocol.on_time(peer)

    def step(self, time_ns: int) -> None:
        """Every market takes a step; `time_ns`: since 1970."""
        wanted = self._wanted()
        for symbol, listing in self.listings.items():
            listing.move(time_ns)
            self._tell(listing, wanted.get(symbol, {}))

    def cross(self, symbol: str, time_ns: int) -> None:
        """Let a book be crossed until the next step."""
        self.listings[symbol].cross(time_ns)
        self._tell(self.listings[symbol], self._wanted().get(symbol, {}))

    def tell_image(self, symbol: str) -> None:
        """Send a book whole to all that hear it, and behind it the updates that were kept back."""
        wanted = self._wanted().get(symbol, {})
        for channel in (each for each in wanted if self.what(each) == "book"):
            image = self.protocol.image(self.listings[symbol], channel)
            for peer in wanted[channel] if image is not None else ():
                peer.send(image)
        for channel, message in self.kept_back.pop(symbol, ()):
            for peer in wanted.get(channel, ()):
                peer.data(symbol, channel, message)

    def close_all(self, code: int, reason: str = "") -> None:
        """Close every connection with this code."""
        for peer in list(self.peers):
            peer.close(code, reason)

    def answer(self, target: str, now_s: float, body: bytes = b"") -> Answer:
        """What REST says to a GET of `target`, or where there is a body to a POST."""
        self.now_s = now_s
        if self.script.rest_status:
            return self._bad(self.script.rest_status)
        path, _, query = target.partition("?")
        if body:
            found = self.protocol.posted(self, path, body)
        else:
            found = self.protocol.answer(self, path, dict(parse_qsl(query)))
        return Answer(404, b"{}") if found is None else found

    def _bad(self, status: int) -> Answer:
        named = (("Retry-After", self.script.retry_after), ("Location", self.script.location))
        return Answer(status, b"", tuple((name, value) for name, value in named if value))

    def _wanted(self) -> dict[str, dict[str, list[Peer]]]:
        """Who is subscribed, by symbol and channel."""
        wanted: dict[str, dict[str, list[Peer]]] = {}
        for peer in self.peers:
            for symbol, channel in peer.subscribed:
                wanted.setdefault(symbol, {}).setdefault(channel, []).append(peer)
        return wanted

    def _tell(self, listing: Listing, wanted: dict[str, list[Peer]]) -> None:
        # What traded, then what became of the book.
        for channel in sorted(wanted, key=self.what, reverse=True):
            for message in self.protocol.data(listing, channel):
                if self.what(channel) == "book" and listing.symbol in self.kept_back:
                    self.kept_back[listing.symbol].append((channel, message))
                    continue
                for peer in wanted[channel]:
                    peer.data(listing.symbol, channel, message)
