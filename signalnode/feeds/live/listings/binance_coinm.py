"""Binance COIN-M futures; sizes are contracts of 100 or 10 USD; see `binance_rules`."""

from __future__ import annotations

from signalnode.feeds.live.listings.binance_rules import binance_listing

LISTING = binance_listing("https://dapi.binance.com", "/dapi/v1")
