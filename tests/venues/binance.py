"""Binance spot."""

from __future__ import annotations

from typing import Any

from .binance_words import BinanceProtocol
from .listing import Listing


class Binance(BinanceProtocol):
    """See `BinanceProtocol`."""

    name = "binance"
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    trades = "trade"
    tells_halts = False
    depth_path = "/api/v3/depth"

    def trade(self, listing: Listing, each: Any) -> dict[str, Any]:
        """Every single one."""
        return {"e": "trade"} | super().trade(listing, each) | {"t": each.number, "M": True}


PROTOCOL = Binance
