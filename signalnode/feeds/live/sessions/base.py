"""What a session must know of a venue: its addresses, its limits, how to ask, and whom a frame is for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple, Protocol

import msgspec

OLDEST = -1  # of a request's number: that which has had no answer for longest
SOMEBODY = -2  # one of those that have had no answer, in no order
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding any bytes may raise

# What a frame is to a connection: `data` goes to its market, `noise` to nobody, and `torn` cannot be read;
# `asks` wants `detail` sent back at once; `retiring` says that the venue will close soon.
What = Literal[
    "greeting", "subscribed", "unsubscribed", "data", "refused", "failed", "noise", "torn", "asks", "retiring"
]


class Heard(NamedTuple):
    """What one frame says, read no further than to route it.

    An answer that names its request's number alone says so in `number`: the session knows what that was, so
    there `subscribed` is any yes. Data with no symbol goes to every market of the connection.

    `parts` are what of a frame about many markets is for each of those of the connection: a frame of its own.

    `listed` are the subscriptions, as symbol and channel, that a yes is about: of a request with a number
    those that were accepted, and without one all that the connection has now.
    """

    what: What
    symbol: str = ""  # of the market, as the venue spells it; "" where it is of the whole connection
    channel: str = ""
    detail: str = ""  # of a refusal, in the venue's words; what is to be sent back
    number: int = 0
    listed: frozenset[tuple[str, str]] | None = None
    parts: dict[str, bytes] | None = None


class Ping(NamedTuple):
    """What must be said each so many seconds, beside the protocol's own pings."""

    frame: bytes
    every_s: float


class Request(NamedTuple):
    """What is asked of a venue's REST: behind its base address, and what it weighs in the venue's limits."""

    url_path: str
    weight: float = 1.0


class Route(NamedTuple):
    """Channels that come over one connection, and where that goes, behind the venue's `ws_url`."""

    url_path: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a venue bears; sources in each venue's file."""

    markets_max: int  # on one connection
    connects_max: int  # of one address within `connects_period_s`
    connects_period_s: float
    connections_max: int = 1_000  # of one gateway at once
    sends_per_s: float  # messages that one connection may send, for as long as it wants to
    sends_at_once: int = 1  # and after a rest, so that within a second it may be their sum
    asks_max: int = 1  # markets in one request of a channel
    asks_hourly_max: float = inf  # requests to subscribe or to leave, of one connection
    # Longest time without any frame on a connection with subscriptions; inf where none need come, as at a
    # venue without heartbeats whose markets are quiet: there the pings of the protocol tell who is gone.
    silence_s_max: float = inf
    book_silence_s_max: float = inf  # of one market's book; after that it is asked for anew
    lifetime_s_max: float = inf  # after which the venue closes; we go before
    refresh_s: float = inf  # so long a connection stays at most where nothing shows what a book lost
    requests_max: float = 60.0  # REST, by weight, of one address within `requests_period_s`
    requests_period_s: float = 60.0
    frame_bytes_max: int = 4_194_304
    answer_bytes_max: int = 4_194_304  # of one REST answer


class Venue(Protocol):
    """One venue's words; its class names this one as its base. All methods are pure."""

    name: str
    ws_url: str
    rest_url: str = ""  # base of every `Request`; "" where none is made
    greets: bool = False  # whether the venue speaks first, and wants to be waited for
    answers_leaving: bool = True  # else a subscription is left as soon as that is said
    is_counted: bool = False  # whether it numbers a connection's frames: then every market gets them all
    closes_on_unknown: bool = False  # the connection, without a word, where it is asked for what there is not
    answer_is_image: bool = False  # whether the yes to a book's subscription brings the book itself
    channels: tuple[str, ...]  # of every market, the book's first
    optional: frozenset[str] = frozenset()  # channels that a market is heard without, where they are refused
    standing: tuple[bytes, ...] = ()  # sent once on each connection, before any subscription
    ping: Ping | None = None
    limits: Limits

    def symbol(self, market: str) -> str:
        """What the venue calls a market of ours."""
        ...

    def routes(self, symbol: str) -> tuple[Route, ...]:  # noqa: ARG002
        """The connections that a market needs: one with all channels, at `ws_url` itself, at most venues."""
        return (Route("", self.channels),)

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """The frame that asks for a channel of at most `limits.asks_max` markets.

        `number` is the request's, from 1 on each connection.
        """
        ...

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """The frame that leaves it."""
        ...

    def image(self, symbol: str) -> Request | None:  # noqa: ARG002
        """What to fetch for a book to start from; None where it comes over the connection."""
        return None

    def facts(self, symbol: str) -> Request | None:  # noqa: ARG002
        """What to fetch before a market's frames can be read; None where they say all themselves."""
        return None

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """What a frame says; `symbols` are those of its connection. Never raises."""
        ...


def named_in(frame: bytes, symbols: Collection[str]) -> str:
    """The one of `symbols` that stands in quotes in a frame that cannot be read; "" for none, or several."""
    found = [symbol for symbol in symbols if b'"' + symbol.encode() + b'"' in frame]
    return found[0] if len(found) == 1 else ""
