"""Binance spot; see `binance_rules`."""

from __future__ import annotations

from signalnode.feeds.live.listings.binance_rules import SPOT, binance_listing

LISTING = binance_listing("https://api.binance.com", SPOT)
