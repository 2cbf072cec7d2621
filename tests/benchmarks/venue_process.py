"""The venue server in a process of its own, and a bare client of it in another: what live rows stand beside.

Both say what they saw over a pipe when asked. Times are of the machine's monotonic clock, one for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import ssl
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import trustme
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.feeds.venues.made.base import TICKS, Step
from tests.venues.dydx import BOOK, TRADES, Dydx
from tests.venues.listing import Listing
from tests.venues.protocol import Message
from tests.venues.server import Server
from tests.venues.venue import Peer

START_TICK = 100_000
PATIENCE_S = 60.0
CLIENT_MARKETS_MAX = 32


class Marked(Dydx):
    """Each step moves the book a tick, so that its mid names a frame; `stamps` says when it was made."""

    def __init__(self) -> None:
        self.stamps: dict[float, int] = {}

    def data(self, listing: Listing, channel: str) -> list[Message]:
        if channel == BOOK:
            book = listing.market
            mid = (max(book.bids) + min(book.asks)) / 2 / TICKS
            self.stamps[round(mid, 4)] = time.monotonic_ns()
        return super().data(listing, channel)


class Climbing(Listing):
    """A market whose book climbs a tick with each step, for `Marked`."""

    def __init__(self, symbol: str, seed: int, begun: int) -> None:
        super().__init__(symbol, seed, begun)
        self._at = START_TICK
        self.market.bids = dict.fromkeys(range(self._at - 50, self._at), 1_000)
        self.market.asks = dict.fromkeys(range(self._at, self._at + 50), 1_000)

    def move(self, time_ns: int) -> None:
        at, self.new_trades = self._at, []
        self._at += 1
        changed = Step({at: 1_000, at - 50: 0}, {at: 0, at + 50: 1_000}, ())
        self.step = self.market.apply(changed)
        self.market.time_ns = time_ns
        self.update += 1


class Timed(Dydx):
    """Says how long each client took from its connection to its last book."""

    def __init__(self) -> None:
        self.took_s: dict[int, float] = {}

    def seal(self, peer: Peer, message: Message) -> bytes:
        if isinstance(message, dict) and message["type"] == "subscribed":
            self.took_s[peer.number] = time.monotonic() - peer.opened_s
        return super().seal(peer, message)


def _serve(line: Connection, pem: str, symbols: tuple[str, ...], steps_per_s: float, kind: str) -> None:
    """Commands: sent, stamps, took, close, stop."""
    server = Server("dydx", steps_per_s=steps_per_s, symbols=symbols)
    protocol: Any = Marked() if kind == "marked" else Timed()
    server.venue.protocol = protocol
    if kind == "marked":
        server.venue.listings = {symbol: Climbing(symbol, 1, 1) for symbol in symbols}
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    uvloop.run(_serve_on(server, protocol, line, tls))


async def _serve_on(server: Server, protocol: Any, line: Connection, tls: ssl.SSLContext) -> None:
    stopped = asyncio.Event()

    def on_asked() -> None:
        asked = line.recv()
        venue = server.venue
        answer: Any = None
        if asked == "sent":
            answer = sum(venue.sent.values()), venue.connects, list(venue.broken_rules)
        elif asked == "stamps":
            answer = protocol.stamps
        elif asked == "took":
            answer = protocol.took_s
        elif asked == "close":
            venue.close_all(1012)
            server.flush()
        else:
            stopped.set()
        line.send(answer)

    async with server.serving(tls=tls):
        asyncio.get_running_loop().add_reader(line.fileno(), on_asked)
        os.set_blocking(line.fileno(), True)  # uvloop's do not wait, and an answer may be longer than a pipe
        line.send(server.ws_url)
        await stopped.wait()


class VenueProcess:
    """`url` and `authority` are what a client needs."""

    def __init__(self, line: Connection, pid: int, authority: Path) -> None:
        self._line, self.pid, self.authority = line, pid, authority
        self.url = str(line.recv())

    def ask(self, what: str) -> Any:
        """See `_serve`."""
        self._line.send(what)
        assert self._line.poll(PATIENCE_S)
        return self._line.recv()


@contextlib.contextmanager
def venue_process(
    directory: Path, symbols: tuple[str, ...], steps_per_s: float, kind: str = "timed"
) -> Iterator[VenueProcess]:
    """A venue with these markets; `kind`: "marked" or "timed"."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "authority.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
    with _process(_serve, str(directory / "server.pem"), symbols, steps_per_s, kind) as (line, pid):
        venue = VenueProcess(line, pid, directory / "authority.pem")
        yield venue
        venue.ask("stop")


def _listen(line: Connection, url: str, authority: str, symbols: tuple[str, ...], decodes: bool) -> None:
    """A bare client, until it is told to stop; says how many frames came, and when by their mid."""
    uvloop.run(_listen_on(line, url, authority, symbols, decodes=decodes))


async def _listen_on(
    line: Connection, url: str, authority: str, symbols: tuple[str, ...], *, decodes: bool
) -> None:
    tls = ssl.create_default_context(cafile=authority)
    frames, heard = [0], dict[float, int]()

    async def listen(some: tuple[str, ...]) -> None:
        with contextlib.suppress(ConnectionClosed):
            async with connect(url, ssl=tls, compression=None, max_queue=64) as socket:
                for symbol in some:
                    for channel in (BOOK, TRADES):
                        await socket.send(
                            msgspec.json.encode({"type": "subscribe", "channel": channel, "id": symbol})
                        )
                while True:
                    frame = await socket.recv(decode=False)
                    frames[0] += 1
                    if decodes:
                        told = msgspec.json.decode(frame)
                        if told["type"] == "channel_data":
                            bid = float(told["contents"]["bids"][0][0])
                            heard[round(bid + 0.5 / TICKS, 4)] = time.monotonic_ns()

    stopped = asyncio.Event()

    def on_asked() -> None:
        asked = line.recv()
        line.send((frames[0], heard))
        if asked == "stop":
            stopped.set()

    asyncio.get_running_loop().add_reader(line.fileno(), on_asked)
    groups = [
        symbols[start : start + CLIENT_MARKETS_MAX] for start in range(0, len(symbols), CLIENT_MARKETS_MAX)
    ]
    tasks = [asyncio.create_task(listen(some)) for some in groups]
    line.send("up")
    await stopped.wait()
    for task in tasks:
        task.cancel()


class BareClient:
    """What is asked of it: "frames" or "stop"; both answer with frames and times."""

    def __init__(self, line: Connection, pid: int) -> None:
        self._line, self.pid = line, pid
        assert line.recv() == "up"

    def ask(self, what: str = "frames") -> tuple[int, dict[float, int]]:
        """Frames so far, and when each was there, by its mid."""
        self._line.send(what)
        told: tuple[int, dict[float, int]] = self._line.recv()
        return told


@contextlib.contextmanager
def bare_client(venue: VenueProcess, symbols: tuple[str, ...], *, decodes: bool) -> Iterator[BareClient]:
    """`websockets` on uvloop, which receives, maybe decodes, and does nothing."""
    with _process(_listen, venue.url, str(venue.authority), symbols, decodes) as (line, pid):
        client = BareClient(line, pid)
        yield client
        client.ask("stop")


@contextlib.contextmanager
def _process(target: Any, *args: Any) -> Iterator[tuple[Connection, int]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *args), daemon=True)
    process.start()
    try:
        yield ours, process.pid or 0
    finally:
        process.join(5.0)
        process.kill()
