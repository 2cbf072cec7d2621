"""What a session must know of a venue: its addresses, its limits, how to ask, and whom a frame is for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

# What a frame is to a connection. `data` goes to its market; `noise` to nobody; `torn` cannot be read.
What = Literal["greeting", "subscribed", "unsubscribed", "data", "refused", "failed", "noise", "torn"]


class Heard(NamedTuple):
    """What one frame says, read no further than to route it."""

    what: What
    symbol: str = ""  # of the market, as the venue spells it; "" where it is of the whole connection
    channel: str = ""
    detail: str = ""  # of a refusal, in the venue's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a venue bears; sources in each venue's file."""

    markets_max: int  # on one connection
    connects_max: int  # of one address within `connects_period_s`
    connects_period_s: float
    sends_per_s: float  # messages that one connection may send
    silence_s_max: float  # longest time without any frame on a connection with subscriptions
    lifetime_s_max: float = float("inf")  # after which the venue closes; we go before
    frame_bytes_max: int = 4_194_304


class Venue(Protocol):
    """One venue's words. All methods are pure."""

    name: str
    ws_url: str
    greets: bool  # whether the venue speaks first, and wants to be waited for
    channels: tuple[str, ...]  # of every market, the book's first
    limits: Limits

    def symbol(self, market: str) -> str:
        """What the venue calls a market of ours."""
        ...

    def subscribe(self, symbol: str, channel: str) -> bytes:
        """The frame that asks for a channel of a market."""
        ...

    def unsubscribe(self, symbol: str, channel: str) -> bytes:
        """The frame that leaves it."""
        ...

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """What a frame says; `symbols` are those of its connection. Never raises."""
        ...


def named_in(frame: bytes, symbols: Collection[str]) -> str:
    """The one of `symbols` that stands in quotes in a frame that cannot be read; "" for none, or several."""
    found = [symbol for symbol in symbols if b'"' + symbol.encode() + b'"' in frame]
    return found[0] if len(found) == 1 else ""
