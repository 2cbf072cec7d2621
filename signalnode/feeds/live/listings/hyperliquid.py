"""Hyperliquid: perpetuals, by coin. Source: Hyperliquid, info endpoint, `metaAndAssetCtxs`.

A price has five significant figures, and at most 6 − szDecimals decimals: so its tick moves with it, and is
told at the price of now. What is listed by others, `xyz:NVDA`, stands in a list of its own, `xyz`; spot,
`@107` or `PURR/USDC`, says nothing of states. A coin's place in its list is its number, which it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, Reading, decoded, instrument, step_of

_FIGURES, _DECIMALS_MAX = 5, 6


class _Coin(msgspec.Struct, rename="camel"):
    name: str
    sz_decimals: int
    is_delisted: bool | None = None


class _Meta(msgspec.Struct):
    universe: list[_Coin]


class _Context(msgspec.Struct, rename="camel"):
    mark_px: str | None = None
    day_ntl_vlm: float | None = None


def _read(_page: Page, body: bytes) -> Found:
    meta, contexts = decoded(body, tuple[_Meta, list[_Context]])
    found = Found()
    for number, (coin, context) in enumerate(zip(meta.universe, contexts, strict=True)):
        found.instruments.append(
            instrument(
                f"{coin.name}-USD",
                coin.name,
                tick_size=_tick(context.mark_px, coin.sz_decimals),
                size_step=step_of(coin.sz_decimals),
                state="delisted" if coin.is_delisted else "listed",
                is_open=not coin.is_delisted,
                identity=str(number),
            )
        )
        if context.day_ntl_vlm is not None:
            found.volumes[coin.name] = context.day_ntl_vlm
    return found


def _tick(price: str | None, size_decimals: int) -> str:
    if not price or not Decimal(price):
        return ""
    decimals = min(_FIGURES - 1 - Decimal(price).adjusted(), _DECIMALS_MAX - size_decimals)
    return step_of(max(0, decimals))  # whole prices are always good


def _page_of(symbols: Sequence[str]) -> Page:
    return Page("/info", msgspec.json.encode({"type": "metaAndAssetCtxs", "dex": _dex_of(symbols[0])}))


def _dex_of(symbol: str) -> str | None:
    """Whose list a coin stands in: "" for the venue's own, None for spot."""
    return None if symbol.startswith("@") or "/" in symbol else symbol.rpartition(":")[0]


LISTING = Listing(
    "https://api.hyperliquid.xyz",
    (Page("/info", b'{"type":"metaAndAssetCtxs"}'),),
    _read,
    Reading(_page_of, weight=20.0, group=_dex_of),
)
