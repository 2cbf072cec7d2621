from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.gemini import GeminiDecoder

EXCERPT = Path(__file__).parents[2] / "data" / "venues" / "gemini.jsonl.zst"
OLD = {"type": "trade", "symbol": "BTCUSD", "event_id": 5, "timestamp": 9, "price": "1", "quantity": "1"}


class Decoding:
    """A decoder with what it reported."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.decoder = GeminiDecoder("BTC-USD", 110.0, lambda name, _detail: self.reports.append(name))

        self.now_ns = 77

    def __call__(self, frame: dict[str, Any]) -> list[Row]:
        return list(self.decoder.decode(msgspec.json.encode(frame), self.now_ns))

    def book(self, *changes: tuple[str, str, str], **more: Any) -> list[Row]:
        return self({"type": "l2_updates", "symbol": "BTCUSD", "changes": changes} | more)

    def trade(self, number: int, side: str) -> list[Row]:
        return self(OLD | {"event_id": number, "side": side, "price": "100.5", "quantity": "2"})


BOOK = (("buy", "99", "1"), ("sell", "101", "3"))


def test_the_side_of_a_trade_is_the_takers_and_it_comes_once() -> None:
    decode = Decoding()
    assert decode.trade(5, "buy") == [(9_000_000, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)]
    assert decode.trade(9, "sell")[0][3] == -1
    assert decode.trade(9, "sell") == []
    assert decode.reports == ["trade_repeated"]


def test_block_and_auction_trades_are_left_out() -> None:
    decode = Decoding()
    assert [decode.trade(5, "block"), decode.trade(6, "auction")] == [[], []]
    assert decode.reports == []


@pytest.mark.parametrize("told", [{"trades": [OLD], "auction_events": []}, {"auction_events": []}])
def test_the_first_message_is_the_book_and_its_past_trades_are_no_news(told: dict[str, Any]) -> None:
    decode = Decoding()
    assert decode.book(("buy", "99.5", "1")) == []
    quote, depth = decode.book(*BOOK, **told)
    assert quote == (77, 77, QUOTE, 0, 0, 0, 99.0, 1.0, 101.0, 3.0, 0, 0)
    assert depth == (77, 77, DEPTH, 0, 0, 0, 0, 0, 0, 0, 1.0, 3.0)
    assert [row[2] for row in decode.book(("buy", "99", "0.0"), ("buy", "98.5", "1"))] == [QUOTE, DEPTH]


def test_a_book_that_comes_again_replaces_the_one_before() -> None:
    decode = Decoding()
    decode.book(("buy", "99.5", "1"), *BOOK, trades=[])
    assert decode.book(*BOOK, trades=[])[0][6] == 99.0
    assert decode.reports == []


def test_what_traded_while_a_book_was_asked_for_anew_is_news_and_what_did_before_or_long_ago_is_not() -> None:
    decode = Decoding()
    assert (
        decode.book(*BOOK, trades=[OLD | {"event_id": each, "side": "buy"} for each in (4, 3)])[0][2] == QUOTE
    )
    decode.trade(5, "buy")
    decode.now_ns += 2_000_000_000
    past = [OLD | {"event_id": each, "side": side} for each, side in ((8, "block"), (7, "sell"), (6, "buy"))]
    told = decode.book(*BOOK, trades=[*past, OLD | {"event_id": 5, "side": "buy"}, OLD | {"side": "buy"}])
    assert [(row[2], row[3]) for row in told] == [(TRADE, 1), (TRADE, -1), (DEPTH, 0)]
    decode.now_ns += 20_000_000_000
    assert [row[2] for row in decode.book(*BOOK, trades=[OLD | {"event_id": 12, "side": "buy"}])] == [DEPTH]
    assert decode.reports == []
    assert [row[2] for row in decode.book(*BOOK, trades=[{"event_id": "x"}])] == [DEPTH]
    assert decode.reports == ["frame_malformed"]


def test_the_real_book_is_sound_and_past_trades_are_no_news() -> None:
    events, faults = load_events_with_faults(EXCERPT, venue="gemini", market="ANKR-USD")
    assert faults.counts == {}
    kinds = np.bincount(events["kind"], minlength=4)
    assert (kinds[TRADE], kinds[DEPTH]) == (3, 107)
    assert (events[events["kind"] == TRADE]["time_event_ns"] > 1_624_493_666_000_000_000).all()


def test_what_is_refused_and_what_is_unknown_are_told() -> None:
    decode = Decoding()
    with pytest.raises(FrameFault, match="InvalidSymbol") as refused:
        decode({"result": "error", "reason": "InvalidSymbol"})
    assert refused.value.name == "subscription_refused"
    with pytest.raises(FrameFault, match="no type known"):
        decode({"type": "l3"})
