from __future__ import annotations

import zlib

import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.kraken import KrakenDecoder
from tests.feeds.venues.made.base import Ticks
from tests.feeds.venues.made.kraken import Kraken, checksum

TIME_NS = 1_723_161_254_000_001_000
BIDS, ASKS = {9_900: 1_000, 9_800: 2_000}, {10_100: 3_000, 10_200: 500}
CONNECTED = b'{"channel":"status","type":"update","data":[{"system":"online","connection_id":%d}]}'


class Decoding:
    """A decoder with what it reported, and a venue whose book it follows, to the depth subscribed to."""

    def __init__(self, depth: int = 10, bids: Ticks = BIDS, asks: Ticks = ASKS) -> None:
        self.reports: list[str] = []
        self.venue = Kraken()
        self.decoder = KrakenDecoder("BTC-USD", 1_000.0, lambda name, _detail: self.reports.append(name))
        self.depth = depth
        self.answer("subscribe", depth=depth)
        self.opening = self.snapshot(bids, asks)

    def __call__(self, frame: bytes) -> list[Row]:
        return list(self.decoder.decode(frame, 77))

    def answer(self, method: str, symbol: str = "BTC/USD", **result: int) -> list[Row]:
        told = "".join(f',"{key}":{value}' for key, value in result.items())
        body = f'{{"channel":"book","symbol":"{symbol}"{told}}}'
        return self(f'{{"method":"{method}","result":{body},"success":true}}'.encode())

    def snapshot(self, bids: Ticks, asks: Ticks) -> list[Row]:
        self.bids, self.asks = dict(bids), dict(asks)
        return self(self.venue.book("snapshot", bids, asks, checksum(bids, asks)))

    def update(self, bids: Ticks, asks: Ticks | None = None, *, spoil: int = 0) -> list[Row]:
        self.bids = self._kept(self.bids | bids, -1)
        self.asks = self._kept(self.asks | (asks or {}), +1)
        check = checksum(self.bids, self.asks) + spoil
        return self(self.venue.book("update", bids, asks or {}, check))

    def _kept(self, ticks: Ticks, sign: int) -> Ticks:
        there = sorted((tick for tick, lots in ticks.items() if lots), key=lambda tick: sign * tick)
        return {tick: ticks[tick] for tick in there[: self.depth]}

    @property
    def best(self) -> tuple[float, float, float, float] | None:
        return self.decoder.watch.book.top()


def test_what_the_venue_halts_is_known_until_it_trades_again() -> None:
    decode = Decoding()
    for kind, state, halt in (
        ("snapshot", "online", ""),
        ("update", "cancel_only", "cancel_only"),
        ("update", "limit_only", ""),
        ("update", "delisted", "delisted"),
    ):
        pairs = f'[{{"symbol":"ETH/USD","status":"maintenance"}},{{"symbol":"BTC/USD","status":"{state}"}}]'
        decode(f'{{"channel":"instrument","type":"{kind}","data":{{"pairs":{pairs}}}}}'.encode())
        assert decode.decoder.halt == halt
    assert decode.reports == []


def test_a_snapshot_gives_the_quote_and_the_depth() -> None:
    assert Decoding().opening == [
        (TIME_NS, 77, QUOTE, 0, 0, 0, 99.0, 1.0, 101.0, 3.0, 0, 0),
        (TIME_NS, 77, DEPTH, 0, 0, 0, 0, 0, 0, 0, 3.0, 3.5),
    ]


def test_an_update_that_gives_the_venues_checksum_is_believed() -> None:
    decode = Decoding()
    assert [row[2] for row in decode.update({9_950: 700, 9_900: 0})] == [QUOTE, DEPTH]
    assert decode.best == (99.5, 0.7, 101.0, 3.0)
    assert decode.reports == []


def test_the_checksum_takes_numbers_as_they_were_sent() -> None:
    """From Kraken's own form: `0.00005100` counts as 5100, and an integer has all of its digits."""
    decode = KrakenDecoder("BTC-USD", 10.0, lambda _name, _detail: None)
    sides = b'"bids":[{"price":100,"qty":0.00005100}],"asks":[{"price":100.50,"qty":20.0}]'
    frame = b'{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD",%s,"checksum":%d}]}'
    assert decode.decode(frame % (sides, zlib.crc32(b"10050" + b"200" + b"100" + b"5100")), 77)
    assert decode.watch.book.status == "synced"


def test_a_checksum_that_differs_silences_the_book_until_the_next_snapshot() -> None:
    decode = Decoding()
    assert decode.update({9_950: 700}, spoil=1) == []
    assert decode.update({9_960: 700}) == []
    assert decode.decoder.watch.in_gap
    assert decode.snapshot(BIDS, ASKS)
    assert decode.best == (99.0, 1.0, 101.0, 3.0)
    assert decode.reports == ["checksum_differs", "book_gap"]


def test_a_snapshot_is_checked_too() -> None:
    decode = Decoding()
    assert decode(decode.venue.book("snapshot", BIDS, ASKS, 5)) == []
    assert decode.best is None


def test_a_lost_update_shows_in_the_next_one() -> None:
    decode = Decoding()
    decode.bids[9_950] = 400
    decode.bids = dict(sorted(decode.bids.items(), reverse=True))
    assert decode.update({9_700: 1}) == []
    assert decode.reports == ["checksum_differs", "book_gap"]


def test_what_falls_out_of_the_depth_is_cut_and_what_comes_back_is_told() -> None:
    bids = {9_900 - at: 1_000 + at for at in range(10)}
    decode = Decoding(10, bids)
    decode.update({9_950: 700})
    decode.update({9_960: 700})
    decode.update({9_950: 0, 9_892: 77})
    assert decode.reports == ["book_shallow"]
    assert len(decode.decoder.watch.book.levels()[0]) == 10


def test_depth_is_known_no_further_than_the_levels_reach() -> None:
    decode = Decoding(10, {9_900 - at: 1_000 for at in range(10)})
    assert [row[2] for row in decode.opening] == [QUOTE]
    assert decode.reports == ["book_shallow"]


def test_without_an_answer_the_least_depth_that_holds_the_snapshot_is_meant() -> None:
    decode = KrakenDecoder("BTC-USD", 10.0, lambda _name, _detail: None)
    bids, asks = {9_900 - at: 1_000 for at in range(11)}, {10_000 + at: 1_000 for at in range(25)}
    decode.decode(Kraken().book("snapshot", bids, asks, checksum(bids, asks)), 77)
    newer = dict.fromkeys(range(9_901, 9_921), 1_000)
    after = dict(sorted((bids | newer).items(), reverse=True))
    decode.decode(Kraken().book("update", newer, {}, checksum(after, asks)), 77)
    assert [len(side) for side in decode.watch.book.levels()] == [25, 25]


def test_between_unsubscribing_and_the_next_snapshot_there_is_no_book() -> None:
    decode = Decoding()
    assert decode.answer("unsubscribe", symbol="ETH/USD") == []
    assert decode.best
    assert decode.answer("unsubscribe") == []
    assert decode.best is None
    assert [row[2] for row in decode.snapshot(BIDS, ASKS)] == [QUOTE, DEPTH]


def test_a_new_connection_brings_its_own_snapshot() -> None:
    decode = Decoding()
    decode(CONNECTED % 2**62)
    assert decode.best is None
    decode.snapshot(BIDS, ASKS)
    decode(CONNECTED % 2**62)
    assert decode.best


@pytest.mark.parametrize("bad", [b"null", b'"1"', b"true", b"[1]", b"9" * 99])
def test_a_level_that_is_no_number_costs_the_book_its_trust(bad: bytes) -> None:
    decode = Decoding()
    frame = decode.venue.book("update", {9_950: 700}, {}, 5).replace(b"99.50", bad)
    with pytest.raises(ValueError, match="number"):
        decode(frame)
    assert decode.decoder.watch.in_gap


def test_a_book_without_a_checksum_cannot_be_believed() -> None:
    decode = Decoding()
    frame = decode.venue.book("update", {9_950: 700}, {}, 5).replace(b'"checksum":5,', b"")
    with pytest.raises(ValueError, match="checksum"):
        decode(frame)
    assert decode.best is None


def test_an_empty_book_shows_nothing() -> None:
    decode = Decoding(10, {}, {})
    assert decode.opening == []
    assert decode.reports == []
    assert [row[2] for row in decode.update(BIDS, ASKS)] == [QUOTE, DEPTH]


def test_the_side_of_a_trade_is_the_takers_and_repeats_and_holes_are_told() -> None:
    decode, venue = Decoding(), Kraken()
    (row,) = decode(venue.trade("update", 7, "buy", 10_050, 2_000))
    assert row == (TIME_NS, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)
    assert decode(venue.trade("update", 8, "sell", 10_050, 2_000))[0][3] == -1
    assert decode(venue.trade("update", 8, "sell", 10_050, 2_000)) == []
    assert decode(venue.trade("update", 11, "sell", 10_050, 2_000))
    assert decode.reports == ["trade_repeated", "trade_gap"]


def test_past_trades_are_no_news() -> None:
    decode = Decoding()
    assert decode(Kraken().trade("snapshot", 50, "buy", 10_050, 1)) == []
    assert decode(Kraken().trade("update", 51, "buy", 10_050, 1))
    assert decode.reports == []


def test_a_refusal_is_told_and_another_symbols_is_not() -> None:
    decode = Decoding()
    refused = (
        b'{"method":"subscribe","success":false,"error":"Subscription depth not supported","symbol":"%s"}'
    )
    with pytest.raises(FrameFault, match="depth not supported") as caught:
        decode(refused % b"BTC/USD")
    assert caught.value.name == "subscription_refused"
    assert decode(refused % b"ETH/USD") == []


@pytest.mark.parametrize("frame", [b'{"channel":"heartbeat"}', b'{"method":"pong","req_id":1}'])
def test_what_keeps_the_connection_alive_says_nothing(frame: bytes) -> None:
    assert Decoding()(frame) == []


def test_an_unknown_channel_is_named() -> None:
    with pytest.raises(FrameFault, match="'level4'"):
        Decoding()(b'{"channel":"level4"}')


def test_a_frame_that_cannot_be_read_costs_the_book_for_the_checksum_sees_ten_levels_of_it() -> None:
    decode = Decoding()
    with pytest.raises(ValueError, match="truncated"):
        decode(b'{"channel":"book","type":"update","data":[{"sy')
    assert decode.best is None


def test_a_halt_of_the_venue_itself_stands_above_what_it_says_of_the_market() -> None:
    decode = Decoding()
    system = '{{"channel":"status","type":"update","data":[{{"system":"{}","connection_id":7}}]}}'
    market = '{{"channel":"instrument","data":{{"pairs":[{{"symbol":"BTC/USD","status":"{}"}}]}}}}'
    for frame, state, halt in (
        (system, "maintenance", "maintenance"),
        (market, "online", "maintenance"),
        (system, "online", ""),
        (market, "delisted", "delisted"),
        (system, "cancel_only", "cancel_only"),
        (system, "online", "delisted"),
    ):
        decode(frame.format(state).encode())
        assert decode.decoder.halt == halt
