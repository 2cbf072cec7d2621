"""Binance USD-M futures; see `binance_rules`."""

from __future__ import annotations

from signalnode.feeds.live.listings.binance_rules import binance_listing

LISTING = binance_listing("https://fapi.binance.com", "/fapi/v1")
