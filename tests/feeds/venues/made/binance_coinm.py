from __future__ import annotations

from tests.feeds.venues.made.base import LOTS, TICKS
from tests.feeds.venues.made.binance_usdm import Usdm

CONTRACT_USD = 100


class Coinm(Usdm):
    market = "BTCUSD_PERP"
    symbol = "BTCUSD_PERP"

    def size(self, lots: int, tick: int) -> str:
        return repr(lots / LOTS * (tick / TICKS) / CONTRACT_USD)


WRITER = Coinm
