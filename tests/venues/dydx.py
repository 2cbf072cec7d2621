"""dYdX v4's socket, as strict as its own (`indexer/services/socks`): 32 subscriptions a channel, the same one
at most twice a second, else 1008; two frames a second that make no sense, else 1008.

`script` holds what is to go wrong: see `Script`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic, time
from typing import Any

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Headers

from .market import Market

SUBSCRIPTIONS_MAX = 32  # a channel
CHANNELS = ("v4_orderbook", "v4_trades")
PRICES = {"BTC-USD": 60_000.0, "ETH-USD": 3_000.0, "SOL-USD": 150.0}


@dataclass
class Script:
    """What goes wrong from now on."""

    status: int = 0  # HTTP status that every new connection gets; 0: it is let in
    retry_after: str = ""
    lose: set[str] = field(default_factory=set)  # markets whose next book update is lost, with its number
    raw: deque[tuple[str, bytes]] = field(default_factory=deque)  # sent once to who has the market's book
    frozen: bool = False  # nothing is sent any more, and nothing closed


class Dydx:
    """The venue; `serving` runs it."""

    def __init__(self, *, steps_per_s: float = 20.0) -> None:
        begun = int(time() * 1_000)  # so that a venue started again repeats no trade
        self.markets = {
            name: Market(seed, price, begun) for seed, (name, price) in enumerate(PRICES.items(), 1)
        }
        self.script = Script()
        self.connects = 0
        self.broken_rules: list[str] = []
        self.sent: dict[str, int] = {}  # frames of data, by market
        self._clients: set[_Client] = set()
        self._pause_s = 1.0 / steps_per_s

    @contextlib.asynccontextmanager
    async def serving(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Serve on this machine; gives the address."""
        async with serve(self._serve, "127.0.0.1", port, process_request=self._admit, ssl=tls) as server:
            steps = asyncio.create_task(self._run())
            try:
                scheme = "ws" if tls is None else "wss"
                yield f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}/v4/ws"
            finally:
                steps.cancel()

    async def close_all(self, code: int) -> None:
        """Close every connection with this code."""
        for client in list(self._clients):
            await client.socket.close(code)

    def _admit(self, _connection: ServerConnection, _request: Request) -> Response | None:
        self.connects += 1
        if not self.script.status:
            return None
        headers = Headers({"Content-Length": "0"})
        if self.script.retry_after:
            headers["Retry-After"] = self.script.retry_after
        return Response(self.script.status, HTTPStatus(self.script.status).phrase, headers, b"")

    async def _serve(self, socket: ServerConnection) -> None:
        client = _Client(self, socket, f"connection-{self.connects}")
        self._clients.add(client)
        try:
            await client.greet()
            async for frame in socket:
                await client.on_frame(frame)
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(client)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            if self.script.frozen:
                continue
            for name, market in self.markets.items():
                changed, trades = market.step()
                lost = name in self.script.lose
                self.script.lose.discard(name)
                for client in list(self._clients):
                    await client.on_step(name, changed, trades, lost=lost)
            while self.script.raw:
                name, frame = self.script.raw.popleft()
                for client in list(self._clients):
                    if ("v4_orderbook", name) in client.subscribed:
                        await client.send_raw(frame)


class _Client:
    """One connection."""

    def __init__(self, venue: Dydx, socket: ServerConnection, name: str) -> None:
        self.subscribed: set[tuple[str, str]] = set()
        self._asked: dict[tuple[str, str], deque[float]] = {}
        self._senseless: deque[float] = deque(maxlen=2)
        self._venue, self.socket, self._name = venue, socket, name
        self._number = -1

    async def greet(self) -> None:
        await self._send({"type": "connected"})

    async def on_step(
        self, name: str, changed: dict[str, Any], trades: list[dict[str, Any]], *, lost: bool
    ) -> None:
        if ("v4_orderbook", name) in self.subscribed and not lost:
            contents = {side: levels for side, levels in changed.items() if levels}
            await self._data("v4_orderbook", name, contents)
        if trades and ("v4_trades", name) in self.subscribed:
            await self._data("v4_trades", name, {"trades": trades})

    async def on_frame(self, frame: str | bytes) -> None:
        try:
            asked = json.loads(frame)
            kind, key = asked["type"], (asked["channel"], asked["id"])
        except (ValueError, KeyError, TypeError):
            await self._break_rule("a frame that makes no sense")
            return
        if kind == "unsubscribe":
            self.subscribed.discard(key)
            await self._send({"type": "unsubscribed", "channel": key[0], "id": key[1]})
        elif kind == "subscribe":
            await self._on_subscribe(*key)
        else:
            await self._break_rule(f"a frame of type {kind}")

    async def _on_subscribe(self, channel: str, name: str) -> None:
        times = self._asked.setdefault((channel, name), deque(maxlen=3))
        times.append(monotonic())
        if len(times) == 3 and times[2] - times[0] < 1.0:
            await self._break_rule(f"{channel} of {name} asked for three times in a second")
        elif channel not in CHANNELS or name not in self._venue.markets:
            await self._error(f"Invalid subscription id for channel: ({channel}-{name})")
        elif (channel, name) in self.subscribed:
            await self._error(f"Already subscribed: {channel} {name}")
        elif sum(each == channel for each, _ in self.subscribed) >= SUBSCRIPTIONS_MAX:
            await self._error(f"Per-connection subscription limit reached for {channel}")
        else:
            book = channel == "v4_orderbook"
            contents = self._venue.markets[name].image() if book else {"trades": []}
            told = {"type": "subscribed", "channel": channel, "id": name, "contents": contents}
            self.subscribed.add((channel, name))
            await self._send(told)

    async def send_raw(self, frame: bytes) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(frame, text=True)

    async def _data(self, channel: str, name: str, contents: dict[str, Any]) -> None:
        self._venue.sent[name] = self._venue.sent.get(name, 0) + 1
        await self._send({"type": "channel_data", "channel": channel, "id": name, "contents": contents})

    async def _error(self, message: str) -> None:
        self._venue.broken_rules.append(message)
        await self._send({"type": "error", "message": message})

    async def _break_rule(self, what: str) -> None:
        self._venue.broken_rules.append(what)
        await self.socket.close(1008, what)

    async def _send(self, told: dict[str, Any]) -> None:
        self._number += 1
        told |= {"connection_id": self._name, "message_id": self._number}
        await self.send_raw(json.dumps(told, separators=(",", ":")).encode())
