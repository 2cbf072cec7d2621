"""Binance USD-M futures: books and quotes come over `/public`, trades over `/market`."""

from __future__ import annotations

from .binance_words import CONTRACTS, DEPTH, QUOTES, FuturesProtocol
from .venue import Peer

ROUTES = {"/public/stream": {DEPTH, QUOTES}, "/market/stream": {"aggTrade", CONTRACTS}}


class BinanceUsdm(FuturesProtocol):
    """See `FuturesProtocol`."""

    name, path = "binance_usdm", ""
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    depth_path = "/fapi/v1/depth"

    def accepts(self, path: str) -> bool:
        """The old single path is retired."""
        return path.partition("?")[0] in ROUTES

    def has(self, peer: Peer, channel: str) -> bool:
        """See `BinanceProtocol`."""
        return channel in ROUTES[peer.path.partition("?")[0]]


PROTOCOL = BinanceUsdm
