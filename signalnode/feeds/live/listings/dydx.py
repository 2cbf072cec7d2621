"""dYdX v4: perpetual markets, by name. Source: dYdX, indexer API, `/v4/perpetualMarkets`."""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument


class _Market(msgspec.Struct, rename="camel"):
    status: str
    tick_size: str
    step_size: str
    volume_24h: float | None = msgspec.field(default=None, name="volume24H")


class _Answer(msgspec.Struct):
    markets: dict[str, _Market]


def _read(_page: Page, body: bytes) -> Found:
    found = Found()
    for symbol, each in decoded(body, _Answer).markets.items():
        found.instruments.append(
            instrument(
                symbol,
                symbol,
                tick_size=each.tick_size,
                size_step=each.step_size,
                state=each.status.lower(),
                is_open=each.status == "ACTIVE",
            )
        )
        if each.volume_24h is not None:
            found.volumes[symbol] = each.volume_24h
    return found


LISTING = Listing("https://indexer.dydx.trade", (Page("/v4/perpetualMarkets"),), _read)
