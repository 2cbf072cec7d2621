from __future__ import annotations

from typing import Any

import msgspec
import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.deribit import DeribitDecoder

SENT_MS, MS = 1_626_993_723_632, 1_000_000


class Decoding:
    """A decoder with what it reported."""

    def __init__(self, market: str = "BTC_USDC-PERPETUAL") -> None:
        self.reports: list[str] = []
        self.market = market
        self.decoder = DeribitDecoder(market, 110.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, channel: str, data: object) -> list[Row]:
        parameters = {"channel": channel, "data": data}
        frame = {"jsonrpc": "2.0", "method": "subscription", "params": parameters}
        return list(self.decoder.decode(msgspec.json.encode(frame), 77))

    def trade(self, number: int, direction: str, **more: Any) -> list[Row]:
        one = {"trade_seq": number, "direction": direction, "price": 100.0, "amount": 2.0}
        one |= {"instrument_name": self.market, "timestamp": SENT_MS}
        return self(f"trades.{self.market}.100ms", [one | more])

    def book(self, change: int, previous: int | None = None, *, every: str = "100ms") -> list[Row]:
        what = "new" if previous is None else "change"
        data = {"type": "snapshot" if previous is None else "change", "change_id": change}
        data |= {"bids": [[what, 99.0, 198.0]], "asks": [[what, 101.0, 303.0]]}
        data |= {"instrument_name": self.market, "timestamp": SENT_MS}
        return self(
            f"book.{self.market}.{every}", data | ({} if previous is None else {"prev_change_id": previous})
        )


def test_the_side_of_a_trade_is_the_takers_and_blocks_are_left_out() -> None:
    decode = Decoding()
    assert decode.trade(5, "buy") == [(SENT_MS * MS, 77, TRADE, 1, 100.0, 2.0, 0, 0, 0, 0, 0, 0)]
    assert decode.trade(6, "sell")[0][3] == -1
    assert decode.trade(7, "buy", block_trade_id="12") == []
    assert len(decode.trade(9, "buy")) == 1
    assert decode.trade(9, "buy") == []
    assert decode.reports == ["trade_gap", "trade_repeated"]


def test_a_change_names_the_one_before_and_a_gap_waits_for_a_snapshot() -> None:
    decode = Decoding()
    assert [row[2] for row in decode.book(100)] == [QUOTE, DEPTH]
    assert [row[2] for row in decode.book(190, 100)] == [DEPTH]
    assert decode.book(200, 195) == []
    assert decode.book(210, 200) == []
    assert [row[2] for row in decode.book(150)] == [QUOTE, DEPTH]
    assert decode.reports == ["book_gap"]


def test_of_two_channels_of_one_book_the_first_counts() -> None:
    decode = Decoding()
    decode.book(100)
    assert decode.book(150, every="raw") == []
    assert decode.book(151, 150, every="raw") == []
    assert len(decode.book(190, 100)) == 1
    assert decode.reports == []


@pytest.mark.parametrize(
    ("market", "size"),
    [
        ("BTC-PERPETUAL", 2.0),
        ("BTC-27MAR26", 2.0),
        ("BTC-27MAR26-90000-C", 198.0),
        ("ETH_USDC-PERPETUAL", 198.0),
    ],
)
def test_amounts_of_inverse_futures_are_usd_and_all_others_base_units(market: str, size: float) -> None:
    decode = Decoding(market)
    assert decode.book(100)[0][6:8] == (99.0, size)
    assert decode.trade(1, "buy", price=99.0, amount=198.0)[0][5] == size


def test_grouped_levels_are_an_image_known_no_further() -> None:
    decode = Decoding()
    levels = [[99.0 - at / 1000, 1.0] for at in range(10)]
    data = {"change_id": 5, "bids": levels, "asks": [[99.5, 3.0]], "timestamp": SENT_MS}
    rows = decode(f"book.{decode.market}.none.10.100ms", data | {"instrument_name": decode.market})
    assert [row[2] for row in rows] == [QUOTE]
    assert decode.reports == ["book_shallow"]


def test_what_is_refused_and_what_is_unknown_are_told() -> None:
    decode = Decoding()
    assert decode.decoder.decode(b'{"method":"heartbeat","params":{"type":"test_request"}}', 5) == ()
    assert decode.decoder.decode(b'{"jsonrpc":"2.0","id":0,"result":["trades.BTC-PERPETUAL.raw"]}', 5) == ()
    with pytest.raises(FrameFault, match="13778: raw") as refused:
        decode.decoder.decode(
            b'{"id":1,"error":{"code":13778,"message":"raw_subscriptions_not_available"}}', 5
        )
    assert refused.value.name == "subscription_refused"
    with pytest.raises(FrameFault, match="no channel known"):
        decode(f"book.{decode.market}.none.77.100ms", {})


@pytest.mark.parametrize(
    ("market", "index"),
    [("BTC_USDC-PERPETUAL", "btc_usdc"), ("BTC-PERPETUAL", "btc_usd"), ("ETH-27MAR26", "eth_usd")],
)
def test_an_instrument_is_halted_while_its_index_is_locked(market: str, index: str) -> None:
    decode = Decoding(market)
    assert decode("platform_state", {"price_index": "sol_usdc", "locked": True}) == []
    assert decode.decoder.halt == ""
    decode("platform_state", {"price_index": index, "locked": True})
    assert decode.decoder.halt == "locked"
    decode("platform_state", {"price_index": index, "locked": False})
    assert decode.decoder.halt == ""


def test_an_instrument_that_ends_is_told_and_no_other() -> None:
    decode = Decoding("BTC-27MAR26")
    for name, halt in (("BTC-26JUN26", ""), ("BTC-27MAR26", "closed")):
        decode("instrument.state.any.any", {"instrument_name": name, "state": "closed", "timestamp": SENT_MS})
        assert decode.decoder.halt == halt


def test_maintenance_of_the_platform_halts_every_instrument_until_it_is_over() -> None:
    decode = Decoding("ETH-PERPETUAL")
    for data, halt in (
        ({"maintenance": True}, "maintenance"),
        ({"price_index": "eth_usd", "locked": False}, "maintenance"),
        ({"price_index": "eth_usd", "locked": True}, "maintenance"),
        ({"price_index": "sol_usdc", "locked": False, "maintenance": False}, "locked"),
        ({"price_index": "eth_usd", "locked": False, "maintenance": False}, ""),
    ):
        assert decode("platform_state", data) == []
        assert decode.decoder.halt == halt


def test_an_index_that_is_free_again_opens_no_instrument_that_has_ended() -> None:
    decode = Decoding("BTC-27MAR26")
    decode("instrument.state.any.any", {"instrument_name": "BTC-27MAR26", "state": "settled"})
    decode("platform_state", {"price_index": "btc_usd", "locked": False})
    assert decode.decoder.halt == "settled"
