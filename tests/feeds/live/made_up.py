"""A venue made up to have what any venue has: answers by number, several markets in a request, pings,
standing frames, questions, images over REST, and two routes where asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import Action
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import Heard, Limits, Ping, Request, Route, Venue

BOOK, TRADES = "book", "trades"
LIMITS = Limits(
    markets_max=4,
    connects_max=5,
    connects_period_s=60.0,
    sends_per_s=10.0,
    asks_max=3,
    silence_s_max=30.0,
)


@dataclass
class MadeUp(Venue):
    """Frames are JSON lists: what, symbol, channel, number, detail."""

    name: str = "made_up"
    ws_url: str = "wss://made.up"
    rest_url: str = "https://made.up"
    greets: bool = False
    answers_leaving: bool = True
    answer_is_image: bool = False
    closes_on_unknown: bool = False
    channels: tuple[str, ...] = (BOOK, TRADES)
    standing: tuple[bytes, ...] = ()
    ping: Ping | None = None
    limits: Limits = LIMITS
    has_images: bool = False
    has_facts: bool = False
    has_routes: bool = False
    optional: frozenset[str] = frozenset()

    def symbol(self, market: str) -> str:
        return market

    def routes(self, symbol: str) -> tuple[Route, ...]:
        if self.has_routes:
            return (Route("/book", (BOOK,)), Route("/trades", (TRADES,)))
        return super().routes(symbol)

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        return json.dumps(["subscribe", list(symbols), channel, number]).encode()

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        return json.dumps(["unsubscribe", list(symbols), channel, number]).encode()

    def image(self, symbol: str) -> Request | None:
        return Request(f"/depth?symbol={symbol}", 5.0) if self.has_images else None

    def facts(self, symbol: str) -> Request | None:
        return Request(f"/facts?symbol={symbol}") if self.has_facts else None

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:  # noqa: ARG002
        try:
            what, symbol, channel, number, detail = json.loads(frame)
        except ValueError:
            return Heard("torn")
        return Heard(what, symbol, channel, detail, number)


def said(what: str, symbol: str = "", channel: str = "", number: int = 0, detail: str = "") -> bytes:
    """A frame of the venue's."""
    return json.dumps([what, symbol, channel, number, detail]).encode()


class Timed(Session):
    """A session in time made up, which never falls."""

    now_ns = 0

    def on_frame(self, frame: bytes, now_ns: int) -> list[Action]:
        self.now_ns = max(self.now_ns, now_ns)
        return super().on_frame(frame, self.now_ns)

    def run_until(self, until_s: float) -> list[Action]:
        done: list[Action] = []
        while (due_ns := max(self.now_ns, self.due_ns())) <= int(until_s * NS_PER_S):
            self.now_ns = due_ns
            done += self.on_time(due_ns)
        return done
