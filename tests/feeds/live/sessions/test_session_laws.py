"""What the words of every live venue must do with frames of it, sound and spoiled."""

from __future__ import annotations

import random

import pytest

from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.venues import decoder_of
from signalnode.settings import LIVE_VENUES
from tests.effort import drawn
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
    venue, (symbol, frames), rng = venue_of(name), frames_of(name), random.Random(5)
    for _ in range(drawn(500, 1_000_000)):
        frame = rng.choice(frames)
        at = rng.randrange(len(frame))
        put = rng.choice((rng.randbytes(2), b"null", b"{}", b"[[]]", b"-1", frame[at : at + 30]))
        venue.hear(frame[:at] + put + frame[at + rng.randrange(9) :], {symbol})
    for frame in BYTES:
        venue.hear(frame, {symbol})


@at_every_venue
def test_what_the_venue_calls_a_market_it_calls_so_again(name: str) -> None:
    venue = venue_of(name)
    symbol = venue.symbol("BTC-USD")
    assert venue.symbol(symbol) == symbol
    for channel in venue.channels:
        assert venue.subscribe([symbol], channel, 7) != venue.unsubscribe([symbol], channel, 7)
