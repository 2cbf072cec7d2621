"""`markets`: what a venue lists; and the names that `init` and `add` were given, held against it."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from signalnode.cli.venues import checked_live, given_addresses
from signalnode.errors import UsageError, VenueError
from signalnode.feeds.venues.base import plain_symbol
from signalnode.names import market_name_fault, market_name_of
from signalnode.panels.table import table_lines
from signalnode.settings.addresses import URL_SCHEMES, url_fault

if TYPE_CHECKING:
    from signalnode.feeds.live.listings.asked import Listed

COLUMNS = ("market", "symbol", "tick size", "size step", "state", "24 h volume")
_NUMBERS = frozenset({"tick size", "size step", "24 h volume"})
NEAR_MAX = 3


class Held(NamedTuple):
    """Markets by our names, each with the `symbol` that its file needs, "" for none; and whether their venue
    was asked for them.
    """

    symbols: dict[str, str]
    is_asked: bool


def markets(arguments: argparse.Namespace) -> int:
    """Print a row for each market that the venue lists."""
    from signalnode.feeds.live.listings.asked import ask

    venue = checked_live(arguments.venue, "markets")
    listed = ask(venue, rest_url_of(arguments, venue))
    found = sorted_by(arguments.sort, matching(arguments.search, listed))
    if arguments.json:
        print(json.dumps({"venue": venue, "markets": [_facts(each) for each in found]}))
        return 0
    if not found:
        raise UsageError(
            f"markets: of the {len(listed)} that {venue} lists, none has {arguments.search!r} in its name"
        )
    print("\n".join(table_lines(COLUMNS, [_cells(each) for each in found], _NUMBERS)))
    if arguments.sort == "volume" and all(each.volume_24h is None for each in found):
        print(f"signalnode: {venue} lists no volumes, so these are in the order of names", file=sys.stderr)
    return 0


def rest_url_of(arguments: argparse.Namespace, venue: str) -> str:
    """The address of a venue's REST: as typed, else as the config gives it; "" for the venue's own."""
    typed: str = arguments.rest_url
    fault = url_fault(typed, URL_SCHEMES["rest_url"]) if typed else None
    if fault:
        raise UsageError(f"--rest-url: {fault}")
    return typed or given_addresses(arguments).get(venue, {}).get("rest_url", "")


def matching(text: str, listed: Iterable[Listed]) -> list[Listed]:
    """Those with `text` in their name, or in their venue's; whatever the case."""
    wanted = text.lower()
    return [
        each
        for each in listed
        if wanted in each.instrument.market.lower() or wanted in each.instrument.symbol.lower()
    ]


def sorted_by(order: str, listed: Sequence[Listed]) -> list[Listed]:
    """By name as they come, or by volume: most first, unknown ones last."""
    if order != "volume":
        return list(listed)
    return sorted(listed, key=lambda each: -1.0 if each.volume_24h is None else each.volume_24h, reverse=True)


def not_held(what: str, venue: str, names: Sequence[str], why: str) -> Held:
    """These names as they are, which is told; raises UsageError for one that only a listing makes a name."""
    for name in names:
        fault = market_name_fault(name)
        if fault:
            mend = f"{venue}, which may know it, cannot be asked; try {market_name_of(name)}"
            raise UsageError(f"{what}: {fault}; {mend}")
    taken = f"{', '.join(names)} taken as typed"
    print(f"signalnode: not held against {venue}'s listing, {taken}: {why}", file=sys.stderr)
    return Held(dict.fromkeys(names, ""), is_asked=False)


def symbols_of(what: str, venue: str, names: Sequence[str], rest_url: str) -> Held:
    """Our names of these markets, held against what their venue lists.

    Where the venue cannot be asked, that is told, and they are taken as they are. Raises UsageError for one
    that the venue does not list.
    """
    from signalnode.feeds.live.listings.asked import ask
    from signalnode.feeds.live.sessions import venue_of

    try:
        listed = ask(venue, rest_url)
    except VenueError as error:
        return not_held(what, venue, names, str(error))
    words, symbols = venue_of(venue), {}
    for name in names:
        found, market = named(name, listed), name
        if found is not None:
            market = found.instrument.market
        else:  # one of several names of ours, BTC-USD-PERP say
            found = next((each for each in listed if each.instrument.symbol == words.symbol(name)), None)
        if found is None:
            raise UsageError(f"{what}: {venue} lists no {name}; {near(venue, name, listed)}")
        fault = market_name_fault(market)
        if fault:
            raise UsageError(f"{what}: {fault}")
        each = found.instrument
        if not each.is_open:
            print(f"signalnode: {market}: {venue} says that it is {each.state}", file=sys.stderr)
        symbols[market] = "" if words.symbol(market) == each.symbol else each.symbol
    return Held(symbols, is_asked=True)


def named(name: str, listed: Iterable[Listed]) -> Listed | None:
    """The market that is meant: by our name, else as its venue spells it."""
    nameable = [each for each in listed if each.instrument.market]
    for spelled in (str, str.upper, plain_symbol):
        for each in nameable:
            if spelled(name) in {spelled(each.instrument.market), spelled(each.instrument.symbol)}:
                return each
    return None


def near(venue: str, name: str, listed: Iterable[Listed]) -> str:
    """What may have been meant: those of a like base, for the quote alone makes no likeness."""
    names = [each.instrument.market for each in listed if each.instrument.market]
    bases = {each.partition("-")[0] for each in names}
    alike = difflib.get_close_matches(name.upper().partition("-")[0], bases, n=NEAR_MAX)
    found = [each for each in names if each.partition("-")[0] in alike]
    best = difflib.get_close_matches(name.upper(), found, n=NEAR_MAX)
    mean = f"did you mean {' or '.join(best)}? " if best else ""
    return f"{mean}`signalnode markets {venue}` shows what it lists"


def _facts(listed: Listed) -> dict[str, object]:
    each = listed.instrument
    return {
        "market": each.market or None,
        "symbol": each.symbol,
        "tick_size": each.tick_size or None,
        "size_step": each.size_step or None,
        "state": each.state or None,
        "is_open": each.is_open,
        "volume_24h": listed.volume_24h,
    }


def _cells(listed: Listed) -> tuple[str, ...]:
    each, volume = listed.instrument, listed.volume_24h
    texts = (each.market, each.symbol, each.tick_size, each.size_step, each.state)
    return (*(text or "-" for text in texts), "-" if volume is None else f"{volume:,.0f}")
