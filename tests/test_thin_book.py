"""Images of a book with far fewer levels than were held before."""

from __future__ import annotations

import pytest

from signalnode.book import Book, Delta
from signalnode.ladder import Level

DEEP = [(100.0 - each, 1.0) for each in range(40)], [(101.0 + each, 1.0) for each in range(40)]


def _side_of(count: int) -> tuple[list[Level], list[Level]]:
    return DEEP[0][:count], DEEP[1][:count]


def test_an_image_with_under_half_of_the_levels_before_is_known_no_further_than_it_goes() -> None:
    book = Book()
    book.replace(1, *DEEP)
    assert book.replace(2, *_side_of(19)) == "thin"
    assert book.depth_within(1_000.0) == (10.0, 10.0)
    assert book.depth_within(3_000.0) is None
    book.follow(2, 3, [(70.0, 1.0)], [])
    assert (book.status, book.depth_within(3_000.0)) == ("thin", None)
    assert book.replace(4, *_side_of(20)) == "thin"
    assert book.replace(5, *_side_of(32)) == "synced"
    assert book.depth_within(3_000.0) == (30.0, 30.0)


def test_a_thin_book_may_be_all_there_is() -> None:
    book = Book()
    book.replace(1, *DEEP)
    book.replace(2, *_side_of(10))
    book.forget()
    assert book.replace(3, *_side_of(10)) == "thin"
    book.believe()
    assert (book.status, book.depth_within(3_000.0)) == ("synced", (10.0, 10.0))
    assert book.replace(4, *_side_of(9)) == "synced"


def test_a_book_of_few_levels_tells_nothing_of_how_many_there_must_be() -> None:
    book = Book()
    book.replace(1, *_side_of(9))
    assert book.replace(2, *_side_of(1)) == "synced"


def test_an_image_that_was_cut_off_where_it_was_asked_to_be_is_not_thin() -> None:
    book = Book()
    book.snapshot(1, *DEEP)
    assert book.snapshot(2, *_side_of(10), limit=10) == "synced"
    assert book.depth_within(3_000.0) is None


def test_an_image_is_thin_beside_what_another_book_holds() -> None:
    book, other = Book(), Book()
    book.expect(other)
    other.replace(1, *DEEP)
    book.expect(other)
    assert book.status == "empty"
    assert book.replace(1, *_side_of(15)) == "thin"


def test_an_image_that_settles_it_may_be_older_than_the_updates_since() -> None:
    book = Book()
    book.snapshot(1, *DEEP)
    book.forget()
    book.snapshot(2, *_side_of(10))
    for number in (3, 4, 5):
        book.apply(Delta(number, number, [(71.0, float(number))], []))
    assert book.snapshot(3, *DEEP) == "synced"
    assert (book.last_id, book.waiting) == (5, 0)
    assert dict(book.levels()[0])[71.0] == 5.0


@pytest.mark.parametrize(("count", "status"), [(31, "thin"), (32, "synced"), (40, "synced")])
def test_an_image_without_the_furthest_fifth_of_the_levels_before_was_cut_off(
    count: int, status: str
) -> None:
    book = Book()
    book.replace(1, *DEEP)
    assert book.replace(2, *_side_of(count)) == status


@pytest.mark.parametrize("moved", [-20.0, 20.0])
def test_a_market_that_moves_and_one_whose_near_levels_are_gone_are_not_cut_off(moved: float) -> None:
    book = Book()
    book.replace(1, *DEEP)
    bids, asks = ([(price + moved, size) for price, size in side[:39]] for side in DEEP)
    assert book.replace(2, bids, asks) == "synced"
    assert book.replace(3, bids[15:], asks[15:]) == "synced"


def test_an_image_of_the_whole_window_is_whole_however_near_it_ends() -> None:
    book = Book()
    book.replace(1, *DEEP, window=40)
    bids = [(100.0 - each / 2, 1.0) for each in range(40)]
    asks = [(101.0 + each / 2, 1.0) for each in range(40)]
    assert book.replace(2, bids, asks, window=40) == "synced"


def test_what_was_held_before_counts_until_an_image_settles_it() -> None:
    book = Book()
    book.replace(1, *DEEP)
    for count in (10, 15, 31):
        assert book.replace(count, *_side_of(count)) == "thin"
    book.believe()
    assert book.replace(40, *_side_of(30)) == "synced"
