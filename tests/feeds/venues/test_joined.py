"""One connection taking another's place: no trade twice or missing, no quote of a book that is behind."""

from __future__ import annotations

import pytest

from signalnode.book import Delta
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.venues.base import MarketDecoder, Row, trade_row
from signalnode.feeds.venues.binance import BinanceDecoder
from signalnode.feeds.venues.joined import KEPT_NS, Joined

SIDES = ([(99.0, 1.0)], [(101.0, 1.0)])


class Plain(MarketDecoder):
    """Frames are words: `t7` a trade at venue time 7, `b3` update 3 of the book, `i3` its image at 3."""

    def __init__(self) -> None:
        super().__init__("A", DEPTH_BPS, lambda *_: None)
        self.addresses: list[str] = []

    def on_address(self, address: str) -> None:
        self.addresses.append(address)

    def decode(self, frame: bytes, time_received_ns: int) -> tuple[Row, ...]:
        what, number = frame[:1], int(frame[1:])
        if what == b"t":
            return (trade_row(number, time_received_ns, 1, 100.0, 1.0),)
        book = self.watch.book
        if what == b"i":
            book.snapshot(number, [(99.0, float(number))], [(101.0, 1.0)])
        else:
            book.apply(Delta(number, number, [(99.0, float(number))], []))
        return self.watch.rows_and_quote_after(book.status, number, time_received_ns)


@pytest.fixture
def joined() -> Joined:
    made = Joined(Plain)
    made.decode(b"i1", 1, 1)
    return made


def trades(*rows: tuple[Row, ...]) -> list[int]:
    return [row[0] for some in rows for row in some if row[2] == 1]


def quotes(*rows: tuple[Row, ...]) -> list[float]:
    return [row[7] for some in rows for row in some if row[2] == 2]


def test_trades_of_both_are_told_once_whichever_is_ahead(joined):
    joined.beside(2)
    told = [
        joined.decode(b"t%d" % number, 5, over) for over, number in [(1, 1), (2, 2), (2, 3), (1, 2), (1, 3)]
    ]
    told += [joined.decode(b"t%d" % number, 5, over) for over, number in [(1, 4), (1, 4), (2, 4), (2, 4)]]
    told.append(joined.moved(2, 6))
    told += [joined.decode(b"t%d" % number, 7, 2) for number in (4, 5)]  # a third alike, and a new one
    assert trades(*told) == [1, 2, 3, 4, 4, 4, 5]


def test_a_newer_one_that_is_behind_tells_nothing_again_after_the_older_has_gone(joined):
    joined.beside(2)
    told = [joined.decode(b"t%d" % number, 5, 1) for number in (1, 2, 3)]
    told.append(joined.decode(b"t1", 6, 2))
    joined.moved(2, 7)
    told += [joined.decode(b"t%d" % number, 8, 2) for number in (2, 3, 4)]
    assert trades(*told) == [1, 2, 3, 4]
    joined.decode(b"t5", 8 + KEPT_NS, 2)
    assert trades(joined.decode(b"t5", 9 + KEPT_NS, 2)) == [5]  # it is the decoder's own business again


def test_a_book_is_taken_over_at_the_same_update_and_nothing_is_told_twice(joined):
    joined.beside(2)
    told = [joined.decode(b"b2", 2, 1)]
    told.append(joined.decode(b"i1", 3, 2))  # behind
    told.append(joined.decode(b"b3", 4, 1))
    told.append(joined.decode(b"b2", 5, 2))
    told.append(joined.decode(b"b3", 6, 2))  # the same now
    told.append(joined.decode(b"b4", 7, 2))
    told.append(joined.decode(b"b4", 8, 1))
    told.append(joined.moved(2, 9))
    assert quotes(*told) == [2.0, 3.0, 4.0]


def test_a_book_that_was_never_in_step_is_told_when_the_older_has_gone(joined):
    joined.beside(2)
    assert quotes(joined.decode(b"i5", 3, 2)) == []
    assert quotes(joined.moved(2, 9)) == [5.0]
    assert joined.watch.book.last_id == 5


def test_a_broken_book_is_taken_over_as_soon_as_the_newer_has_one(joined):
    joined.beside(2)
    joined.decode(b"b9", 3, 1)
    assert joined.watch.in_gap
    joined.decode(b"i9", 4, 2)
    assert joined.watch.book.status == "synced"


def test_what_came_beside_and_has_gone_leaves_no_trace(joined):
    joined.beside(2)
    told = [
        joined.decode(b"t1", 3, 2),
        joined.moved(0, 4),
        joined.decode(b"t1", 5, 1),
        joined.decode(b"b2", 6, 1),
    ]
    assert trades(*told) == [1]
    assert quotes(*told) == [2.0]


def test_what_is_counted_goes_on(joined):
    joined.watch.gaps, joined.watch.book.snapshots = 3, 4
    joined.beside(2)
    joined.decode(b"i1", 3, 2)
    joined.moved(2, 4)
    assert joined.watch.gaps == 3
    assert joined.watch.book.snapshots == 5


def test_each_decoder_knows_where_its_frames_come_from(joined):
    joined.note_address(1, "wss://old")
    joined.note_address(2, "wss://new")
    joined.beside(2)
    for over in (1, 2, 1, 2):
        joined.decode(b"t1", 3, over)
    assert [side.decoder.addresses[-1:] for side in (joined._older, joined._newer)] == [
        ["wss://old"],
        ["wss://new"],
    ]


def test_where_the_older_book_breaks_what_the_newer_one_had_told_is_told_at_once(joined):
    joined.beside(2)
    assert joined.decode(b"i5", 5, 2) == []
    rows = joined.decode(b"b9", 6, 1)
    assert quotes(rows) == [5.0]
    assert [row[2] for row in rows] == [2, 3]


def test_what_is_begun_anew_decides_as_what_is_new_and_is_counted_on():
    new, old = (Joined(lambda: BinanceDecoder("BTCUSDT", DEPTH_BPS, lambda *_: None)) for _ in range(2))
    image = b'{"lastUpdateId": 7, "bids": [["99", "1"]], "asks": [["101", "1"]]}'
    for symbol in ("BTCUSDT", "ETHUSDT"):
        best = f'{{"u": 1, "s": "{symbol}", "b": "99", "B": "1", "a": "101", "A": "1"}}'
        old.decode(f'{{"stream": "{symbol.lower()}@bookTicker", "data": {best}}}'.encode(), 1, 1)
        old.begin_anew()
        told = [each.decode_reply("https:///api/v3/depth?symbol=BTCUSDT", image, 2, 2) for each in (new, old)]
        assert told == [(), ()]
    assert (old.matched, old.others, new.matched) == (1, {"ETHUSDT": 1}, 0)
