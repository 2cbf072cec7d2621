"""Whether a venue can be heard from here: its REST, its WebSocket, a first frame, a first book; for `doctor`.

What is asked, and when, the venue's own session decides, as in a gateway; only that here one thread waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from random import Random
from typing import NamedTuple

from signalnode.clock import NS_PER_S, monotonic_ns, wall_ns
from signalnode.errors import VenueError
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live.actions import Action, Answer, Close, Deliver, Fetch, Send, Tell, ns_of
from signalnode.feeds.live.announced import in_words
from signalnode.feeds.live.envelope import NOT_LISTED
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.asked import announced_on, halts_of
from signalnode.feeds.live.listings.base import UNREADABLE, Instrument
from signalnode.feeds.live.reach import Tell as Told
from signalnode.feeds.live.reach import reach
from signalnode.feeds.live.rest import Reply, body_of, fetch
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import Route, Venue
from signalnode.feeds.live.talk import Talk
from signalnode.feeds.venues import decoder_of
from signalnode.feeds.venues.base import Decoder, FrameFault

OPENING_S_MAX = 10.0
FIRST_FRAME_S_MAX = 15.0
FIRST_BOOK_S_MAX = 30.0
USUAL_MARKETS = ("BTC-USD", "BTC-USDT")
NAMED_MAX = 5  # markets in one line
CLOCK_S_MAX = 5.0  # that this clock may differ by from the venue's


def look_at_rest(venue: str, rest_url: str, tell: Told) -> str:
    """Ask for the first page of what it lists, and hold the clocks against each other; a symbol that trades,
    to look at then, "" for none. Raises VenueError.
    """
    listing = listing_of(venue)
    base_url, page = rest_url or listing.rest_url, listing.pages[0]
    url = base_url.rstrip("/") + page.url_path
    reply = fetch(base_url, page.url_path, page.body, tell=tell)
    now_ns = wall_ns()
    try:
        listed = listing.read(page, body_of(reply, url)).instruments
    except UNREADABLE as error:
        raise VenueError(
            f"{url}: answers in another form than {venue} ({error}); is rest_url right?"
        ) from None
    pages = f" on the first of {len(listing.pages)} pages" if len(listing.pages) > 1 else ""
    tell("http", f"{reply.status}, {len(listed):,} {'market' if len(listed) == 1 else 'markets'}{pages}")
    ahead_s = clock_ahead_s(reply, now_ns)
    if ahead_s is not None and abs(ahead_s) > CLOCK_S_MAX:
        way = "ahead of" if ahead_s > 0 else "behind"
        what = f"the clock of this machine is {abs(ahead_s):,.0f} s {way} the venue's"
        raise VenueError(f"{what}; set it: timedatectl set-ntp true")
    tell("clock", "no time in the answer to hold ours against" if ahead_s is None else "as the venue's")
    return usual([each for each in listed if each.is_open])


def look_at_announced(venue: str, rest_url: str, tell: Told) -> None:
    """Say what the venue announces of all its markets, where it does so. Raises VenueError."""
    if listing_of(venue).announcing is not None:
        words = [in_words(each) for each in announced_on(venue, rest_url)]
        tell("announced", "; ".join(words[:NAMED_MAX]) or "nothing")


def look_at_markets(venue: str, rest_url: str, names: Mapping[str, str], tell: Told) -> None:
    """Hold markets, our names by their symbols, against all that the venue lists. Raises VenueError where it
    does not list them.
    """
    halts = halts_of(venue, rest_url, names)
    missing = [names[symbol] for symbol, state in halts.items() if state == NOT_LISTED]
    if missing:
        more = f" and {len(missing) - NAMED_MAX} more" if len(missing) > NAMED_MAX else ""
        which = f"{', '.join(missing[:NAMED_MAX])}{more}"
        raise VenueError(f"{which}: no such market; `signalnode markets {venue}` shows what it lists")
    closed = [f"{names[symbol]} is {state}" for symbol, state in halts.items() if state]
    tell("markets", "; ".join([f"the config's {len(names):,} are listed", *closed[:NAMED_MAX]]))


def usual(listed: Sequence[Instrument]) -> str:
    """The symbol of a market that trades much, as far as names tell."""
    for name in USUAL_MARKETS:
        for each in listed:
            if each.market == name:
                return each.symbol
    return listed[0].symbol if listed else ""


def clock_ahead_s(reply: Reply, now_ns: int) -> float | None:
    """How far our clock is ahead of the answer's Date, which counts whole seconds; None where it has none."""
    try:
        date = parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None
    ahead_s = now_ns / NS_PER_S - date
    return max(0.0, ahead_s - 1.0) if ahead_s > 0 else ahead_s


class Place(NamedTuple):
    """Where a market is heard: both addresses, REST's "" for the venue's own, and what the venue calls it."""

    ws_url: str
    rest_url: str
    symbol: str


def look_at_socket(venue: Venue, place: Place, tell: Told) -> None:
    """Open each connection that the market needs, up to its first book. Raises VenueError."""
    for route in venue.routes(place.symbol):
        _Look(venue, route, place, tell).run()


class _Look:
    def __init__(self, venue: Venue, route: Route, place: Place, tell: Told) -> None:
        self._venue, self._route, self._symbol, self._tell = venue, route, place.symbol, tell
        self._url, self._rest_url = place.ws_url + route.url_path, place.rest_url or venue.rest_url
        self._session = Session(venue, Random(), route)
        self._decoder: Decoder = decoder_of(venue.name)(place.symbol, DEPTH_BPS, lambda _name, _detail: None)
        self._frames = 0

    def run(self) -> None:
        start_ns = monotonic_ns()
        self._session.want(self._symbol)
        self._session.on_time(start_ns)
        stream = reach(self._url, self._tell)
        try:
            end_ns = monotonic_ns() + ns_of(OPENING_S_MAX)
            talk = Talk(stream, self._url, self._venue.limits.frame_bytes_max, end_ns)
            self._tell("websocket", f"open{self._route.url_path and ' at '}{self._route.url_path}")
            self._listen(talk)
        finally:
            stream.close()

    def _listen(self, talk: Talk) -> None:
        opened_ns = monotonic_ns()
        self._do(talk, self._session.on_opened(opened_ns))
        while not self._is_done():
            now_ns = monotonic_ns()
            self._do(talk, self._session.on_time(now_ns))
            limit_s = FIRST_BOOK_S_MAX if self._frames else FIRST_FRAME_S_MAX
            end_ns = opened_ns + ns_of(limit_s)
            if now_ns >= end_ns:
                raise VenueError(self._missing(limit_s))
            frame = talk.frame(min(end_ns, max(now_ns, self._session.due_ns())))
            if frame is not None:
                self._frames += 1
                if self._frames == 1:
                    self._tell("first frame", f"{len(frame):,} bytes")
                self._do(talk, self._session.on_frame(frame, monotonic_ns()))
        self._tell_book()

    def _is_done(self) -> bool:
        """The book is there; or, on a connection without one, every channel is."""
        if self._venue.channels[0] in self._route.channels:
            return self._decoder.watch.book.status == "synced"
        return self._session.is_heard(self._symbol)

    def _missing(self, limit_s: float) -> str:
        if not self._frames:
            what = f"open, but no frame within {limit_s:g} s"
            return f"{self._url}: {what}; what stands in between may hold them back"
        what = "no book" if self._session.is_heard(self._symbol) else "no answer to the subscription"
        return f"{self._url}: {self._symbol}: {what} within {limit_s:g} s; try another market by --market"

    def _tell_book(self) -> None:
        top = self._decoder.watch.book.top()
        if top is not None:
            self._tell("first book", f"{self._symbol} bid {top.bid:,g} ask {top.ask:,g}")

    def _do(self, talk: Talk, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                talk.send(action.frame)
            elif isinstance(action, Deliver):
                self._decode(self._decoder.decode, action.frame, wall_ns())
            elif isinstance(action, Answer):
                url = self._rest_url + action.url_path
                self._decode(self._decoder.decode_reply, url, action.body, wall_ns())
            elif isinstance(action, Fetch):
                self._do(talk, self._fetched(action))
            elif isinstance(action, Tell) and action.state == "refused":
                raise VenueError(
                    f"{self._url}: {self._symbol} is refused: {action.reason}; is it listed there?"
                )
            elif isinstance(action, Close):
                raise VenueError(f"{self._url}: {action.reason}; try again later")

    def _fetched(self, asked: Fetch) -> list[Action]:
        reply = fetch(self._rest_url, asked.url_path)
        body_of(reply, self._rest_url + asked.url_path)
        self._tell("image", f"{len(reply.body):,} bytes by REST")
        return self._session.on_answer(asked, reply.status, reply.body, monotonic_ns())

    @staticmethod
    def _decode(decode: Callable[..., object], *given: object) -> None:
        """What cannot be read is no reason to end: the book that does not come is."""
        with contextlib.suppress(FrameFault, ValueError):
            decode(*given)
