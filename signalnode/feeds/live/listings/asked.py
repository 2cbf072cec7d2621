"""A venue's listing, asked for over REST: for commands, and for gateways that look after their markets."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from signalnode.errors import VenueError
from signalnode.feeds.live.envelope import NOT_LISTED
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.base import (
    PAGES_MAX,
    UNREADABLE,
    Found,
    Instrument,
    Notice,
    Page,
    first_each,
)
from signalnode.feeds.live.rest import StatusError, body_of, fetch
from signalnode.feeds.live.states import bare
from signalnode.settings.model import ccxt_exchange

T = TypeVar("T")


class Listed(NamedTuple):
    """A market and what it traded in 24 h, in quote currency; None where the venue does not say."""

    instrument: Instrument
    volume_24h: float | None


def halts_of(venue: str, rest_url: str, symbols: Iterable[str]) -> dict[str, str]:
    """By what word of its venue each market is not traded now; "" where it is. One that is not listed is
    `not listed`, or left out where another spelling of it is. Raises VenueError.
    """
    listed = {each.instrument.symbol: each.instrument for each in ask(venue, rest_url)}
    spellings = {bare(symbol) for symbol in listed}
    halts = {}
    for symbol in symbols:
        if symbol in listed:
            halts[symbol] = "" if listed[symbol].is_open else listed[symbol].state or "not open"
        elif bare(symbol) not in spellings:
            halts[symbol] = NOT_LISTED
    return halts


def listed_on(venue: str, rest_url: str, page: Page | None) -> list[Instrument] | None:
    """The markets of one page, or of the whole listing; None where the venue knows one of those that the page
    names not (HTTP 400). Raises VenueError.
    """
    if page is None:
        return [each.instrument for each in ask(venue, rest_url)]
    try:
        return _read(venue, rest_url or listing_of(venue).rest_url, page).instruments
    except StatusError as error:
        if error.status == http.client.BAD_REQUEST:
            return None
        raise


def announced_on(venue: str, rest_url: str) -> list[Notice]:
    """What the venue announces of all its markets. Raises VenueError."""
    listing = listing_of(venue)
    if listing.announcing is None:
        return []
    base_url, announcing = rest_url or listing.rest_url, listing.announcing
    return _understood(venue, base_url, announcing.page, announcing.read)


def ask(venue: str, rest_url: str = "") -> list[Listed]:
    """Every market that the venue lists, in the order of names. `rest_url`: another address than its own.

    Raises VenueError.
    """
    if ccxt_exchange(venue):
        from signalnode.feeds.live.by_ccxt import listed_by_ccxt

        return [Listed(*each) for each in listed_by_ccxt(venue, rest_url)]
    listing = listing_of(venue)
    base_url = rest_url or listing.rest_url
    instruments: list[Instrument] = []
    volumes: dict[str, float] = {}
    pages = list(listing.pages)
    for count, page in enumerate(pages):  # it grows meanwhile
        if count >= PAGES_MAX:
            raise VenueError(f"{base_url}: more than {PAGES_MAX} pages; is it the right address?")
        found = _read(venue, base_url, page)
        instruments += found.instruments
        volumes |= found.volumes
        if found.next is not None:
            pages.append(found.next)
    listed = (Listed(each, volumes.get(each.listed_as)) for each in first_each(instruments))
    return sorted(listed, key=lambda each: (each.instrument.market, each.instrument.symbol))


def _read(venue: str, base_url: str, page: Page) -> Found:
    return _understood(venue, base_url, page, lambda body: listing_of(venue).read(page, body))


def _understood(venue: str, base_url: str, page: Page, read: Callable[[bytes], T]) -> T:
    url = base_url.rstrip("/") + page.url_path
    body = body_of(fetch(base_url, page.url_path, page.body), url)
    try:
        return read(body)
    except UNREADABLE as error:
        raise VenueError(
            f"{url}: answers in another form than {venue} ({error}); is it the right address?"
        ) from None
