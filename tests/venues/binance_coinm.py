"""Binance COIN-M futures: sizes are contracts, of 100 USD for BTC and of 10 for all others."""

from __future__ import annotations

from tests.feeds.venues.made.base import LOTS, TICKS

from .binance_words import CONTRACTS, FuturesProtocol
from .venue import Peer

CONTRACT_USD = 100


class BinanceCoinm(FuturesProtocol):
    """See `FuturesProtocol`. All its markets are of BTC: their contracts are worth the same."""

    name = "binance_coinm"
    symbols = ("BTCUSD_PERP", "BTCUSD_270326", "BTCUSD_270625")
    depth_path = "/dapi/v1/depth"
    state_name = "contractStatus"

    def has(self, peer: Peer, channel: str) -> bool:
        """See `BinanceProtocol`."""
        return channel == CONTRACTS or super().has(peer, channel)

    def size(self, lots: int, tick: int) -> str:
        """See `BinanceProtocol`."""
        return repr(lots / LOTS * (tick / TICKS) / CONTRACT_USD)


PROTOCOL = BinanceCoinm
