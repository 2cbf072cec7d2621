"""Coinbase Advanced Trade: spot products. Source: Coinbase, "List Public Products".

A product with an `alias` shares its book: BTC-USDC comes as BTC-USD, as 400 of 405 in USDC do on a recording.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument


class _Product(msgspec.Struct):
    product_id: str
    status: str
    price_increment: str = ""
    base_increment: str = ""
    trading_disabled: bool = False
    is_disabled: bool = False
    approximate_quote_24h_volume: str = ""
    alias: str = ""


class _Answer(msgspec.Struct):
    products: list[_Product]


def _read(_page: Page, body: bytes) -> Found:
    found = Found()
    for each in decoded(body, _Answer).products:
        stopped = each.trading_disabled or each.is_disabled
        found.instruments.append(
            instrument(
                each.product_id,
                each.alias or each.product_id,
                tick_size=each.price_increment,
                size_step=each.base_increment,
                state="trading disabled" if stopped else each.status or "listed",
                is_open=not stopped and each.status in {"", "online"},
                listed_as=each.product_id,
            )
        )
        if each.approximate_quote_24h_volume:
            found.volumes[each.product_id] = float(each.approximate_quote_24h_volume)
    return found


LISTING = Listing(
    "https://api.coinbase.com",
    (Page("/api/v3/brokerage/market/products?product_type=SPOT"),),
    _read,
)
