"""What every registered feed must do, whatever it plays."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
import pytest

from signalnode.errors import CheckpointError
from signalnode.events import Events, join_events
from signalnode.feeds import FEEDS, Feed
from signalnode.settings import VENUE_NAMES, MarketSettings
from tests.effort import drawn, reach

FOREVER_NS = 2**63 - 1
COUNT = 15_000  # more than two laps of the files

SettingsOf = Callable[[str], MarketSettings]


# Each kind of feed; and captures of each venue, whose decoders have laws of their own: here of three.
KINDS = [*sorted(set(FEEDS) - {"live"}), *reach(("bitstamp", "ccxt", "kraken"), VENUE_NAMES)]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each kind's files are decoded once."""
    return tmp_path_factory.mktemp("decoded")


@pytest.fixture
def open_again(
    kind: str, settings_of: SettingsOf, open_closing: Callable[[MarketSettings, Path], Feed], decoded: Path
) -> Callable[[], Feed]:
    state_dir = decoded / kind
    state_dir.mkdir(exist_ok=True)
    return lambda: open_closing(settings_of(kind), state_dir)


def take_all(feed: Feed, count: int = COUNT) -> Events:
    return feed.take(FOREVER_NS, count)


def test_every_kind_in_the_settings_has_a_feed(settings_of: SettingsOf) -> None:
    from signalnode.settings import FEED_KEYS

    assert set(FEEDS) == set(FEED_KEYS)


def test_the_same_feed_gives_the_same_bits_however_it_is_asked(open_again: Callable[[], Feed]) -> None:
    whole = take_all(open_again())
    feed, pieces, left = open_again(), [], COUNT
    rng = random.Random(4)
    while left:
        next_ns = feed.next_time_ns()
        assert next_ns is not None
        piece = feed.take(next_ns + rng.randrange(10**9), min(left, rng.randrange(1, 3_000)))
        assert len(piece)
        assert int(piece["time_received_ns"][0]) == next_ns
        pieces.append(piece)
        left -= len(piece)
    assert join_events(pieces).tobytes() == whole.tobytes()


def test_kernel_time_never_runs_backwards_across_laps_either(open_again: Callable[[], Feed]) -> None:
    times = take_all(open_again())["time_received_ns"]
    assert len(times) == COUNT
    assert (np.diff(times) >= 0).all()


def test_no_event_comes_after_the_time_asked_for_and_none_before_it_is_kept_back(
    open_again: Callable[[], Feed],
) -> None:
    feed = open_again()
    start_ns = feed.next_time_ns()
    assert start_ns is not None
    assert len(feed.take(start_ns - 1, 100)) == 0
    until_ns = start_ns + 2 * 10**9
    taken = feed.take(until_ns, 10**6)
    assert taken["time_received_ns"][-1] <= until_ns
    next_ns = feed.next_time_ns()
    assert next_ns is not None
    assert next_ns > until_ns


def test_opened_again_and_put_at_any_position_it_goes_on_bit_for_bit(open_again: Callable[[], Feed]) -> None:
    whole = take_all(open_again())
    for at in random.Random(7).sample(range(COUNT - 500), drawn(4, 12)):
        first = open_again()
        take_all(first, at)
        position = msgpack.unpackb(msgpack.packb(first.position))
        first.close()
        second = open_again()
        second.seek(position)
        assert second.position == position
        assert take_all(second, 500).tobytes() == whole[at : at + 500].tobytes()
        second.close()


def test_a_feed_already_playing_can_be_put_elsewhere(open_again: Callable[[], Feed]) -> None:
    feed = open_again()
    take_all(feed, 700)
    position = feed.position
    expected = take_all(feed, 2_500)
    feed.seek(position)
    assert feed.position == position
    assert take_all(feed, 2_500).tobytes() == expected.tobytes()


def test_a_position_read_before_the_first_event_is_the_beginning(open_again: Callable[[], Feed]) -> None:
    whole = take_all(open_again(), 100)
    feed = open_again()
    feed.seek(open_again().position)
    assert take_all(feed, 100).tobytes() == whole.tobytes()


@pytest.mark.parametrize("position", [{}, {"digest": "of others", "lap": 0, "row": 0}, {"synthetic": [1]}])
def test_a_position_of_something_else_is_refused(
    open_again: Callable[[], Feed], position: dict[str, object]
) -> None:
    with pytest.raises(CheckpointError):
        open_again().seek(position)


@pytest.mark.parametrize("spoil", [{"row": -1}, {"row": 10**9}, {"row": "x"}, {"row": None}])
def test_a_position_outside_the_feed_is_refused(
    open_again: Callable[[], Feed], spoil: dict[str, object]
) -> None:
    feed = open_again()
    with pytest.raises(CheckpointError):
        feed.seek(feed.position | spoil)


def test_preparing_tells_how_far_it_is_and_is_done_once(
    kind: str, settings_of: SettingsOf, open_closing: Callable[[MarketSettings, Path], Feed], tmp_path: Path
) -> None:
    def open_again() -> Feed:
        return open_closing(settings_of(kind), tmp_path)

    done = list(open_again().prepare())
    assert done == sorted(done)
    assert all(0 < fraction <= 1 for fraction in done)
    assert list(open_again().prepare()) == []


def test_a_sound_feed_has_no_faults_and_is_never_degraded(open_again: Callable[[], Feed]) -> None:
    feed = open_again()
    times = take_all(feed, 1_000)["time_received_ns"]
    assert feed.faults == {}
    assert not any(feed.degraded(int(time_ns)) for time_ns in times[::100])
