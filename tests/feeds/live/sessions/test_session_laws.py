"""What the words of every live venue must do with frames of it, sound and spoiled."""

from __future__ import annotations

from math import inf

import pytest

from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.venues import decoder_of
from signalnode.settings import LIVE_VENUES
from tests.feeds.venues.made.base import Market, writer_of

BYTES = (b"", b"\xff\xfe", b"null", b"[]", b"{}", b'"x"', b"NaN", b'{"x":' + b"[" * 100_000, b"9" * 5_000)
FETCHED = b'{"lastUpdateId"'  # what came by REST

at_every_venue = pytest.mark.parametrize("name", LIVE_VENUES)


def frames_of(name: str) -> tuple[str, list[bytes]]:
    """What a venue calls a market, and frames of it."""
    market, writer = Market(3), writer_of(name)
    opening = [one for one in writer.opening(market) if not one.startswith(FETCHED)]
    made = [one for _ in range(40) for one in writer.frames(market, market.step())]
    return venue_of(name).symbol(writer.market), opening + made


@at_every_venue
def test_whatever_tells_of_a_market_goes_to_it(name: str) -> None:
    venue, (symbol, frames) = venue_of(name), frames_of(name)
    decoder = decoder_of(name)(symbol, DEPTH_BPS, lambda *_: None)
    told = 0
    for frame in frames:
        heard = venue.hear(frame, {symbol, "OTHER-USD"})
        if decoder.decode(frame, 5):
            told += 1
            assert heard.what in {"data", "subscribed"}
            assert heard.symbol in {symbol, ""}
            assert heard.channel.partition(".")[0] in {each.partition(".")[0] for each in venue.channels}
    assert told


@at_every_venue
def test_no_bytes_whatever_are_too_much_for_it(name: str) -> None:
    venue = venue_of(name)
    for frame in BYTES:
        assert venue.hear(frame, {venue.symbol("BTC-USD")}).what in {"torn", "noise", "data"}


@at_every_venue
def test_what_the_venue_calls_a_market_it_calls_so_again(name: str) -> None:
    venue = venue_of(name)
    symbol = venue.symbol("BTC-USD")
    assert venue.symbol(symbol) == symbol
    for channel in venue.channels:
        assert venue.subscribe([symbol], channel, 7) != venue.unsubscribe([symbol], channel, 7)


@at_every_venue
def test_a_venue_that_need_say_nothing_is_pinged_by_the_protocol(name: str) -> None:
    words = venue_of(name)
    assert words.ping is None or words.limits.silence_s_max < inf
