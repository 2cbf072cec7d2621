"""What a venue lists of its markets, and how it is asked: pages in, instruments out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from signalnode.clock import NS_PER_MS
from signalnode.names import market_name_of

PAGES_MAX = 50  # of one listing, whatever the venue says
TITLE_CHARS_MAX = 100  # of what is announced
STATES_S = 60.0  # between two readings of a market's state
STATES_SELDOM_S = 300.0  # where its changes come over the connection, and a reading is large


# What `Listing.read` raises where an answer has another form.
UNREADABLE = (ValueError, ArithmeticError, LookupError, msgspec.MsgspecError)


class Page(NamedTuple):
    """One answer of a venue's REST to ask for, behind its base address; POST where there is a body."""

    url_path: str
    body: bytes = b""


class Instrument(NamedTuple):
    """One market as its venue lists it; "" for what it does not say."""

    market: str  # as ours; "" where its venue's name cannot be one
    symbol: str  # as its `[feed]` needs it
    tick_size: str
    size_step: str  # as the venue counts: contracts, where it trades those
    state: str  # in the venue's own word
    is_open: bool  # whether it trades now, as far as the listing says
    listed_as: str  # what its venue calls it where it tells of volumes
    identity: str = ""  # what it keeps when its venue calls it otherwise; "" where there is no such thing


@dataclass(slots=True)
class Found:
    """What one page says. `volumes`: of 24 h in quote currency, by `listed_as`."""

    instruments: list[Instrument] = field(default_factory=list)
    volumes: dict[str, float] = field(default_factory=dict)
    next: Page | None = None


class Reading(NamedTuple):
    """How the states of some markets are read, at a venue whose frames do not say all of them."""

    page: Callable[[Sequence[str]], Page]  # that tells of these symbols, which are of one group
    symbols_max: int = 1_000  # in one request
    is_named: bool = False  # whether it tells of those alone
    weight: float = 1.0  # of one, in the venue's limits
    every_s: float = STATES_S
    group: Callable[[str], str | None] = lambda _symbol: ""  # None: nothing tells of it


def _all(_symbol: str) -> bool:
    return True


class Notice(NamedTuple):
    """What a venue announces of some or all of its markets. Times in ns since 1970, 0 where it tells none."""

    what: str  # maintenance, say
    begin_ns: int = 0
    end_ns: int = 0
    is_under_way: bool = True  # as the venue says; else it is still to come, or about to begin
    halts: bool = True  # whether nothing trades meanwhile; else connections may be lost
    title: str = ""
    covers: Callable[[str], bool] = _all  # which symbols


class Announcing(NamedTuple):
    """Where a venue announces such things. `read` raises one of UNREADABLE."""

    page: Page
    read: Callable[[bytes], list[Notice]]
    weight: float = 1.0  # in the venue's limits
    tells_begun: bool = True  # whether it still tells of what has begun


class Listing(NamedTuple):
    """How a venue is asked, and what it answers. `read` raises one of UNREADABLE.

    `states` is None where frames tell them: then the whole listing is read, where one is doubted.
    `announcing` is None where nothing is announced by REST.
    """

    rest_url: str
    pages: tuple[Page, ...]
    read: Callable[[Page, bytes], Found]
    states: Reading | None = None
    announcing: Announcing | None = None


def instrument(
    name: str,
    symbol: str,
    *,
    tick_size: str,
    size_step: str,
    state: str,
    is_open: bool,
    listed_as: str = "",
    identity: str = "",
) -> Instrument:
    """One market, called as ours by `name`: BTC/USD, say."""
    market, tick_size, size_step = market_name_of(name), plain(tick_size), plain(size_step)
    return Instrument(market, symbol, tick_size, size_step, state, is_open, listed_as or symbol, identity)


def plain(number: str) -> str:
    """A number's text without exponent and trailing zeros: 1E-7 as 0.0000001; "" for none."""
    if not number:
        return ""
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def step_of(decimals: int) -> str:
    """The step of so many decimals: 0.01 for 2."""
    return f"{Decimal(1).scaleb(-decimals):f}"


def product(a: str, b: str) -> float:
    """The product of two numbers in text."""
    return float(a) * float(b)


def decoded(body: bytes, shape: Any) -> Any:
    """`body` as JSON of a shape, checked; numbers may stand in quotes."""
    return msgspec.json.decode(body, type=shape, strict=False)


def ns_of_ms(text: str) -> int:
    """Nanoseconds since 1970 of milliseconds in text; "" is 0. Raises ValueError where no time can be so."""
    time_ns = int(text or 0) * NS_PER_MS
    if not 0 <= time_ns < 2**63:
        raise ValueError(f"no time: {text[:30]}")
    return time_ns


def first_each(instruments: Iterable[Instrument]) -> list[Instrument]:
    """No market twice: whichever is listed second can only be called by its symbol."""
    seen: dict[str, str] = {}
    found = []
    for each in instruments:
        other = seen.setdefault(each.market, each.symbol)
        name = each.market if other == each.symbol else market_name_of(each.symbol)
        found.append(each._replace(market=name))
    return found
