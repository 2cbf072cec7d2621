"""Exchanges that are heard by ccxt: how their markets are called, and whether the library is there.

ccxt speaks to them itself, so there are no words here. It is 74 MB, and an extra: this file does without it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Sequence
from pathlib import Path

from signalnode.feeds.live.sessions.base import Heard, Limits, Venue
from signalnode.settings.model import ccxt_exchange

PERPETUAL = "-PERP"
INSTALL = "pip install 'signalnode[ccxt]'"


class CcxtVenue(Venue):
    """`ccxt-kucoin`, say. It has no limits that are known, so these are careful; ccxt spaces its requests out
    by itself.
    """

    channels: tuple[str, ...] = ("book", "trades")
    limits = Limits(
        markets_max=200,
        connects_max=10,
        connects_period_s=60.0,
        sends_per_s=5.0,
        requests_max=60.0,
        requests_period_s=60.0,
    )
    ws_url = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def symbol(self, market: str) -> str:
        """BTC/USDT for BTC-USDT, and BTC/USDT:USDT for BTC-USDT-PERP, as ccxt has it for every exchange."""
        spot = market.removesuffix(PERPETUAL)
        symbol = spot.replace("-", "/", 1)
        return symbol if spot == market else f"{symbol}:{spot.rpartition('-')[2]}"

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """None: ccxt does."""
        return b""

    unsubscribe = subscribe

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:  # noqa: ARG002
        """Nothing: ccxt does."""
        return Heard("noise")


def ccxt_fault(venue: str) -> str:
    """Why a venue cannot be heard by ccxt, with the mend; "" where it can, or is none of those."""
    exchange = ccxt_exchange(venue)
    if not exchange:
        return ""
    found = importlib.util.find_spec("ccxt")
    if found is None or not found.submodule_search_locations:
        return f"{venue} is heard by ccxt, which is not installed; {INSTALL}"
    folder = Path(found.submodule_search_locations[0]) / "pro"
    if (folder / f"{exchange}.py").is_file():
        return ""
    return (
        f"ccxt {'has no exchange' if folder.is_dir() else 'is too old for'} {exchange!r} live; {INSTALL} -U"
    )


def market_name(symbol: str) -> str:
    """What to call a market: BTC-USDT for BTC/USDT, and BTC-USDT-PERP for BTC/USDT:USDT; "" for any other."""
    spot, _, settle = symbol.partition(":")
    base, _, quote = spot.partition("/")
    if not quote or (settle and settle != quote):
        return ""
    return f"{base}-{quote}{PERPETUAL if settle else ''}"
