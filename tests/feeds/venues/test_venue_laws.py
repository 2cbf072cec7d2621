"""What the decoder of every registered venue must do with frames of its venue."""

from __future__ import annotations

import random
from math import isclose
from typing import Any

import msgspec
import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.venues import decoder_of
from signalnode.feeds.venues.base import ROW, FrameFault, Row
from signalnode.settings import VENUE_NAMES
from tests.effort import drawn
from tests.feeds.venues.made.base import Market, capture_of, trade_of, writer_of
from tests.feeds.venues.made.spoiling import spoiled

STEPS = 300
NO_NUMBER = "?"
LEVEL = frozenset({"price", "size", "qty", "px", "sz", "price_level", "new_quantity"})  # fields of one


@pytest.fixture(params=VENUE_NAMES)
def venue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ignore(_name: str, _detail: str) -> None:
    """A fault that is expected."""


def values(rows: list[Row], kind: int) -> list[tuple[float, ...]]:
    """What rows of one kind say, without their times."""
    return [row[3:] for row in rows if row[2] == kind]


def test_a_decoder_tells_the_market_that_was_written_down(venue: str) -> None:
    market, writer, faults = Market(3), writer_of(venue), list[str]()
    decoder = decoder_of(venue)(writer.market, DEPTH_BPS, lambda name, _detail: faults.append(name))
    has_book = getattr(writer, "has_book", True)
    opening = [row for frame in writer.opening(market) for row in decoder.decode(frame, 5)]
    quoted = values(opening, QUOTE)[-1:]
    for _ in range(STEPS):
        step = market.step()
        rows = [row for frame in writer.frames(market, step) for row in decoder.decode(frame, 5)]
        traded = values(rows, TRADE)
        for one, trade in zip(traded, step.trades, strict=True):
            assert all(map(isclose, one, trade_of(trade)[3:]))
        quoted = [*quoted, *values(rows, QUOTE)][-1:]
        quote, depth = market.rows(0, 0)
        assert all(map(isclose, quoted[0], quote[3:]))
        if (step.bids or step.asks) and has_book:
            assert all(map(isclose, values(rows, DEPTH)[-1], depth[3:]))
    assert faults == []
    assert decoder.matched
    assert decoder.others == {}


def test_frames_of_another_market_give_nothing_and_are_counted(venue: str) -> None:
    market, writer = Market(3), writer_of(venue)
    decoder = decoder_of(venue)("OTHER-USD", DEPTH_BPS, ignore)
    frames = writer.opening(market) + [one for _ in range(50) for one in writer.frames(market, market.step())]
    assert [row for frame in frames for row in decoder.decode(frame, 5)] == []
    assert not decoder.matched
    assert len(decoder.others) == 1


def without_numbers(value: Any) -> Any:
    """The same frame, but that no level has a price or a size."""
    if isinstance(value, dict):
        return {key: NO_NUMBER if key in LEVEL else without_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_numbers(each) if isinstance(each, dict | list) else NO_NUMBER for each in value]
    return value


def test_a_book_one_of_whose_updates_cannot_be_read_is_not_told_as_sound(venue: str) -> None:
    market, writer = Market(3), writer_of(venue)
    decoder, twin = (decoder_of(venue)(writer.market, DEPTH_BPS, ignore) for _ in range(2))
    for frame in writer.opening(market):
        decoder.decode(frame, 5)
        twin.decode(frame, 5)
    frames = (frame for _ in range(STEPS) for frame in writer.frames(market, market.step()))
    for frame in frames:
        if any(row[2] == DEPTH for row in twin.decode(frame, 5)):
            break
        decoder.decode(frame, 5)
    assert decoder.watch.book.status == "synced"
    with pytest.raises((FrameFault, ValueError)):
        decoder.decode(msgspec.json.encode(without_numbers(msgspec.json.decode(frame))), 5)
    assert decoder.watch.book.status == "gap"


def test_spoiled_frames_are_clean_faults_and_cost_no_sound_state(venue: str) -> None:
    rng, lines = random.Random(11), capture_of(venue, 4, 60).splitlines()
    frames = [line.partition(b" ")[2] for line in lines]
    decoder = decoder_of(venue)(writer_of(venue).market, DEPTH_BPS, ignore)
    refused = 0
    for number in range(drawn(1_000, 1_000_000)):
        frame = frames[number % len(frames)]
        try:
            rows = decoder.decode(spoiled(frame, rng) if rng.random() < 0.8 else frame, 5)
        except (FrameFault, ValueError):
            refused += 1
        else:
            assert all(len(row) == len(ROW.unpack(bytes(ROW.size))) for row in rows)
    assert refused > 0
    for levels in decoder.watch.book.levels():
        assert all(price > 0 and size > 0 for price, size in levels)
