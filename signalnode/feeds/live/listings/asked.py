"""A venue's whole listing, asked for over REST; for commands, and for gateways whose markets fell silent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from signalnode.errors import VenueError
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.base import PAGES_MAX, UNREADABLE, Found, Instrument, first_each
from signalnode.feeds.live.rest import body_of, fetch

NOT_LISTED = "not listed"


class Listed(NamedTuple):
    """A market and what it traded in 24 h, in quote currency; None where the venue does not say."""

    instrument: Instrument
    volume_24h: float | None


def halts_of(venue: str, rest_url: str, symbols: Iterable[str]) -> dict[str, str]:
    """By what word of its venue each market is not traded now; "" where it is. One that is not listed is
    `not listed`, or left out where another spelling of it is. Raises VenueError.
    """
    listed = {each.instrument.symbol: each.instrument for each in ask(venue, rest_url)}
    spellings = {_bare(symbol) for symbol in listed}
    halts = {}
    for symbol in symbols:
        if symbol in listed:
            halts[symbol] = "" if listed[symbol].is_open else listed[symbol].state or "not open"
        elif _bare(symbol) not in spellings:
            halts[symbol] = NOT_LISTED
    return halts


def _bare(symbol: str) -> str:
    """Without a category before it, and without signs: linear:BTCUSDT as BTCUSDT."""
    return "".join(filter(str.isalnum, symbol.rpartition(":")[2])).upper()


def ask(venue: str, rest_url: str = "") -> list[Listed]:
    """Every market that the venue lists, in the order of names. `rest_url`: another address than its own.

    Raises VenueError.
    """
    listing = listing_of(venue)
    base_url = rest_url or listing.rest_url
    instruments: list[Instrument] = []
    volumes: dict[str, float] = {}
    pages = list(listing.pages)
    for count, page in enumerate(pages):  # it grows meanwhile
        url = base_url.rstrip("/") + page.url_path
        if count >= PAGES_MAX:
            raise VenueError(f"{url}: more than {PAGES_MAX} pages; is it the right address?")
        body = body_of(fetch(base_url, page.url_path, page.body), url)
        try:
            found: Found = listing.read(page, body)
        except UNREADABLE as error:
            raise VenueError(
                f"{url}: answers in another form than {venue} ({error}); is it the right address?"
            ) from None
        instruments += found.instruments
        volumes |= found.volumes
        if found.next is not None:
            pages.append(found.next)
    listed = (Listed(each, volumes.get(each.listed_as)) for each in first_each(instruments))
    return sorted(listed, key=lambda each: (each.instrument.market, each.instrument.symbol))
