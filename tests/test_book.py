from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signalnode.book import OLD_MAX, Book, Delta
from signalnode.ladder import Level, Side

BIDS: list[Level] = [(99.0, 1.0), (98.0, 2.0)]
ASKS: list[Level] = [(101.0, 3.0), (102.0, 4.0)]


def synced(last_id: int = 10) -> Book:
    book = Book()
    book.snapshot(last_id, BIDS, ASKS)
    return book


def delta(first: int, last: int, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> Delta:
    return Delta(first, last, bids, asks)


def test_an_empty_book_shows_nothing() -> None:
    book = Book()
    assert (book.status, book.top(), book.depth_within(10)) == ("empty", None, None)


def test_a_snapshot_makes_the_book_sound() -> None:
    book = synced()
    assert book.status == "synced"
    assert book.top() == (99.0, 1.0, 101.0, 3.0)


def test_a_delta_that_joins_sets_adds_and_removes_levels() -> None:
    book = synced()
    assert book.apply(delta(11, 12, [(99.0, 0.0), (98.0, 5.0)], [(100.0, 6.0)])) == "synced"
    assert book.levels() == ([(98.0, 5.0)], [(100.0, 6.0), (101.0, 3.0), (102.0, 4.0)])


def test_removing_a_level_that_is_not_there_is_normal() -> None:
    book = synced()
    book.apply(delta(11, 11, [(50.0, 0.0)]))
    assert book.levels() == (BIDS, ASKS)


def test_a_delta_that_is_not_newer_is_dropped() -> None:
    book = synced()
    book.apply(delta(5, 10, [(99.5, 9.0)]))
    assert book.levels() == (BIDS, ASKS)


def test_a_delta_that_overlaps_the_book_is_applied() -> None:
    book = synced()
    assert book.apply(delta(8, 11, [(99.5, 9.0)])) == "synced"
    assert book.last_id == 11


def test_a_missing_delta_is_a_gap_and_shows_nothing_until_the_next_snapshot() -> None:
    book = synced()
    assert book.apply(delta(12, 13, [(99.5, 9.0)])) == "gap"
    assert (book.top(), book.depth_within(10), book.gaps) == (None, None, 1)
    assert book.apply(delta(14, 15, [(99.6, 1.0)])) == "gap"
    assert book.snapshot(12, BIDS, ASKS) == "synced"
    assert book.last_id == 15
    assert book.levels()[0] == [(99.6, 1.0), (99.5, 9.0), *BIDS]


def test_deltas_before_the_first_snapshot_are_kept_and_joined() -> None:
    book = Book()
    for first in range(1, 9, 2):
        assert book.apply(delta(first, first + 1, [(99.0 + first / 100, 1.0)])) == "empty"
    assert book.snapshot(4, BIDS, ASKS) == "synced"
    assert book.last_id == 8
    assert [price for price, _ in book.levels()[0]] == [99.07, 99.05, 99.0, 98.0]


def test_a_snapshot_older_than_every_delta_kept_leaves_a_gap_that_a_later_one_mends() -> None:
    book = Book()
    book.apply(delta(20, 21, [(99.5, 1.0)]))
    assert book.snapshot(10, BIDS, ASKS) == "gap"
    assert book.snapshot(19, BIDS, ASKS) == "synced"
    assert book.last_id == 21


def test_a_snapshot_older_than_a_sound_book_changes_nothing() -> None:
    book = synced(10)
    book.apply(delta(11, 12, [(99.5, 9.0)]))
    assert book.snapshot(11, [(1.0, 1.0)], [(2.0, 1.0)]) == "synced"
    assert book.top() == (99.5, 9.0, 101.0, 3.0)


def test_deltas_kept_for_a_snapshot_are_bounded_and_losing_some_is_a_gap() -> None:
    book = Book(pending_max=3)
    for number in range(1, 6):
        book.apply(delta(number, number))
    assert book.snapshot(1, BIDS, ASKS) == "gap"
    assert book.snapshot(2, BIDS, ASKS) == "synced"


def test_a_crossed_book_shows_nothing_until_deltas_uncross_it() -> None:
    book = synced()
    assert book.apply(delta(11, 11, [(101.0, 1.0)])) == "crossed"
    assert (book.top(), book.depth_within(10)) == (None, None)
    assert book.apply(delta(12, 12, [(101.0, 0.0)])) == "synced"


def test_a_book_with_one_side_shows_no_top() -> None:
    book = Book()
    book.snapshot(1, BIDS, [])
    assert (book.status, book.top()) == ("synced", None)


@pytest.mark.parametrize(
    "level",
    [
        (math.nan, 1.0),
        (math.inf, 1.0),
        (0.0, 1.0),
        (-1.0, 1.0),
        (100.0, math.nan),
        (100.0, -1.0),
        (100.0, math.inf),
    ],
)
def test_an_impossible_level_is_refused_and_counted(level: Level) -> None:
    book = synced()
    book.apply(delta(11, 11, [level], [level]))
    assert book.levels_refused == 2
    assert book.levels() == (BIDS, ASKS)
    assert (book.status, book.top()) == ("gap", None)


def test_the_best_levels_are_kept_where_there_are_too_many() -> None:
    book = Book(levels_max=3)
    book.snapshot(
        1,
        [(float(price), 1.0) for price in range(1, 9)],
        [(float(price), 1.0) for price in range(20, 11, -1)],
    )
    assert [price for price, _ in book.levels()[0]] == [8.0, 7.0, 6.0]
    assert [price for price, _ in book.levels()[1]] == [12.0, 13.0, 14.0]


def test_depth_counts_levels_up_to_the_edge_of_the_band_and_no_further() -> None:
    book = Book()
    book.snapshot(1, [(99.0, 1.0), (90.0, 2.0), (89.9, 4.0)], [(101.0, 8.0), (110.0, 16.0), (110.1, 32.0)])
    assert book.depth_within(1_000) == (3.0, 24.0)
    assert book.depth_within(1) == (0.0, 0.0)


def test_depth_is_known_no_further_than_a_snapshot_of_so_many_levels_reaches() -> None:
    book = Book()
    book.snapshot(1, [(99.0, 1.0), (98.0, 2.0)], [(101.0, 3.0), (102.0, 4.0)], 2)
    assert book.depth_within(200) == (3.0, 7.0)
    assert book.depth_within(201) is None
    book.apply(delta(2, 2, [(95.0, 9.0)]))  # known, but not what stands between
    assert book.depth_within(201) is None
    assert book.top() == (99.0, 1.0, 101.0, 3.0)


def test_a_side_with_fewer_levels_than_were_asked_for_is_whole() -> None:
    book = Book()
    book.snapshot(1, BIDS, ASKS, 3)
    assert book.depth_within(5_000) == (3.0, 7.0)
    book.snapshot(2, BIDS, ASKS, 2)
    assert book.depth_within(5_000) is None
    book.snapshot(3, BIDS, ASKS)
    assert book.depth_within(5_000) == (3.0, 7.0)


def test_levels_that_are_too_many_to_keep_bound_what_is_known() -> None:
    book = Book(levels_max=2)
    book.snapshot(1, [(99.0, 1.0), (98.0, 2.0), (97.0, 1.0)], ASKS)
    assert book.depth_within(200) == (3.0, 7.0)
    assert book.depth_within(300) is None


@pytest.mark.parametrize(("count", "waits"), [(100, 2), (50, 8)])
def test_once_deltas_have_been_everywhere_all_depth_is_known(count: int, waits: int) -> None:
    book = Book()
    prices = (
        [(float(1_000 - at), 1.0) for at in range(count)],
        [(float(1_001 + at), 1.0) for at in range(count)],
    )
    book.snapshot(0, *prices, count)
    for number in range(1, int(waits * 0.98 * count) + 1):  # 98% of the levels are heard of in so many
        assert book.depth_within(9_000) is None
        at = (number - 1) % count
        book.apply(delta(number, number, [(1_000.0 - at, 1.0)], [(1_001.0 + at, 1.0)]))
    assert book.depth_within(9_000) == (count, count)


def test_equal_decimals_are_one_level_however_they_are_written() -> None:
    side = Side(-1, 10)
    for text in ("61837.63", "61837.63000000", "6.183763e4"):
        side.update([(float(text), 1.0)])
    assert side.keys == [-61837.63]


prices = st.integers(1, 40).map(lambda ticks: ticks / 100)
levels = st.lists(st.tuples(prices, st.sampled_from([0.0, 0.5, 1.0, 2.0])), max_size=6)


class NaiveBook:
    """The venue's rule in the plainest words, unbounded."""

    def __init__(self) -> None:
        self.sides: tuple[dict[float, float], dict[float, float]] | None = None
        self.last_id = 0
        self.kept: list[Delta] = []

    def snapshot(self, last_id: int, bids: list[Level], asks: list[Level]) -> None:
        if self.sides is not None and last_id <= self.last_id:
            return
        self.sides = ({}, {})
        self.last_id = last_id
        self._merge(bids, asks)
        kept, self.kept = self.kept, []
        for one in kept:
            self.apply(one)

    def apply(self, one: Delta) -> None:
        if self.sides is None:
            self.kept.append(one)
        elif one.last_id > self.last_id:
            if one.first_id > self.last_id + 1:
                self.sides = None
                self.kept.append(one)
            else:
                self.last_id = one.last_id
                self._merge(one.bids, one.asks)

    def _merge(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        assert self.sides is not None
        for side, changes in zip(self.sides, (bids, asks), strict=True):
            for price, size in changes:
                side[price] = size
            for price in [price for price, size in side.items() if size == 0.0]:
                del side[price]

    def is_crossed(self) -> bool:
        assert self.sides is not None
        return bool(self.sides[0] and self.sides[1]) and max(self.sides[0]) >= min(self.sides[1])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("snapshot"), st.integers(1, 60), st.just(0), levels, levels),
        st.tuples(st.just("delta"), st.integers(0, 3), st.integers(0, 3), levels, levels),
    ),
    max_size=40,
)


@given(steps)
def test_the_book_is_what_the_plainest_reading_of_the_rule_makes_it(
    moves: list[tuple[str, int, int, list[Level], list[Level]]],
) -> None:
    book, naive, newest = Book(), NaiveBook(), 0
    for what, first, span, bids, asks in moves:
        if what == "snapshot":
            book.snapshot(first, bids, asks)
            naive.snapshot(first, bids, asks)
        else:
            one = delta(newest + first, newest + first + span, bids, asks)
            newest = one.last_id
            book.apply(one)
            naive.apply(one)
        if naive.sides is None:
            assert book.status in ("empty", "gap")
            assert book.depth_within(100) is None
        else:
            assert book.status == ("crossed" if naive.is_crossed() else "synced")
            assert book.levels() == (
                sorted(naive.sides[0].items(), reverse=True),
                sorted(naive.sides[1].items()),
            )


@given(levels, levels, st.floats(0, 9_000))
@example([(0.29, 1.0)], [(0.35, 1.0), (0.40, 2.0)], 2_500.0)
def test_depth_is_the_sum_over_the_band_or_nothing(
    bids: list[Level], asks: list[Level], depth_bps: float
) -> None:
    book = Book()
    book.snapshot(1, bids, asks)
    top, depth = book.top(), book.depth_within(depth_bps)
    assert (top is None) == (depth is None)
    if top is None or depth is None:
        return
    mid = (top.bid + top.ask) / 2
    low, high = mid - mid * depth_bps / 10_000, mid + mid * depth_bps / 10_000
    held_bids, held_asks = book.levels()
    bounds = [  # a level on the very edge is in or out by the last bit of a product
        (
            sum(size for price, size in held_bids if price >= low + edge),
            sum(size for price, size in held_asks if price <= high - edge),
        )
        for edge in (1e-12, -1e-12)
    ]
    for least, found, most in zip(bounds[0], depth, bounds[1], strict=True):
        assert found in (pytest.approx(least), pytest.approx(most))
    assert all(math.isfinite(value) and value >= 0 for value in depth)


def test_a_book_that_the_venue_keeps_to_a_window_is_known_as_far_as_the_window_and_no_further() -> None:
    book = Book()
    book.replace(1, BIDS, ASKS, window=2)
    assert book.depth_within(150.0) == (1.0, 3.0)
    assert book.depth_within(201.0) is None
    assert book.follow(1, 2, [(99.5, 7.0)], [(101.0, 0.0)]) == "synced"
    assert book.levels() == ([(99.5, 7.0), (99.0, 1.0)], [(102.0, 4.0)])


def test_an_update_follows_the_one_that_it_names_whatever_its_own_number() -> None:
    book = Book()
    book.replace(500, BIDS, ASKS)
    assert [book.follow(*ids, [], []) for ids in ((500, 507), (507, 3), (3, 3), (3, 9))] == ["synced"] * 4
    assert book.follow(7, 11, [], []) == "gap"
    assert book.follow(11, 12, [], []) == "gap"
    assert (book.top(), book.gaps) == (None, 1)


def test_an_image_in_the_stream_voids_whatever_came_before_it() -> None:
    book = Book()
    book.replace(500, BIDS, ASKS)
    book.follow(900, 901, [(99.9, 1.0)], [])
    assert book.replace(1, BIDS, ASKS) == "synced"
    assert (book.last_id, book.waiting, book.levels()) == (1, 0, (BIDS, ASKS))


def test_what_crosses_is_told_of_a_crossed_book_alone() -> None:
    book = synced()
    assert book.crossing() is None
    book.apply(delta(11, 11, [(101.0, 5.0)]))
    assert (book.status, book.top(), book.crossing()) == ("crossed", None, (101.0, 5.0, 101.0, 3.0))
    book.apply(delta(13, 13))
    assert book.crossing() is None


ODD = [0.0, -1.0, math.nan, math.inf, -math.inf, 1e308, 1.0, 2.0, 3.0]


@given(st.lists(st.tuples(st.sampled_from(ODD), st.sampled_from(ODD)), max_size=4), st.booleans())
@example([(2.0, 1.0), (1.0, math.nan)], False)
@example([(math.nan, 1.0)], False)
@example([(math.inf, 1.0), (1.0, 1.0)], False)
@example([(2.0, 1e308), (1.0, 1e308)], False)
def test_an_image_is_taken_as_its_levels_one_by_one_would_be(image: list[Level], is_ask: bool) -> None:
    one, other = (Side(1 if is_ask else -1, 3) for _ in range(2))
    assert one.replace(image, 0) == sum(other.update([level]) for level in image)
    assert (one.keys, one.sizes) == (other.keys, other.sizes)


def test_a_book_whose_updates_are_all_old_has_been_left_behind() -> None:
    book = synced()
    book.apply(delta(11, 10**9, [(99.0, 7.0)]))
    for number in range(12, 12 + OLD_MAX):
        assert book.status == "synced"
        book.apply(delta(number, number))
    assert (book.status, book.gaps) == ("gap", 1)
    assert book.snapshot(12 + OLD_MAX, BIDS, ASKS) == "synced"


def test_old_updates_that_waited_for_their_snapshot_are_no_sign_of_anything() -> None:
    book = Book()
    for number in range(1, 3 * OLD_MAX):
        book.apply(delta(number, number))
    assert book.snapshot(3 * OLD_MAX, BIDS, ASKS) == "synced"
