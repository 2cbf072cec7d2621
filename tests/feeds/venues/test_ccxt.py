from __future__ import annotations

import json
from typing import Any

import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds.venues.base import FrameFault
from signalnode.feeds.venues.ccxt import CcxtDecoder


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def decoder(faults: list[str]) -> CcxtDecoder:
    return CcxtDecoder("BTC/USD:BTC", 10.0, lambda name, _detail: faults.append(name))


def say(kind: str, **more: Any) -> bytes:
    head = {"type": kind, "symbol": "BTC/USD:BTC", "contract_size": 100.0, "is_inverse": True}
    return json.dumps(head | more).encode()


def test_inverse_contracts_are_of_so_many_dollars_each(decoder: CcxtDecoder) -> None:
    rows = decoder.decode(say("book", bids=[[50_000, 1]], asks=[[50_001, 2]]), 7)
    assert rows[0][2] == QUOTE
    assert rows[0][6:10] == (50_000, 100 / 50_000, 50_001, 200 / 50_001)
    assert rows[0][0] == 7, "no time of the exchange: the one of receipt"
    trade = {"price": 50_000.0, "size": 3.0, "side": "sell", "time_ms": 5, "id": None}
    (row,) = decoder.decode(say("trades", trades=[trade]), 7)
    assert (row[0], *row[2:6]) == (5_000_000, TRADE, -1, 50_000, 300 / 50_000)


def test_depth_is_told_no_further_than_the_shorter_side_reaches(decoder: CcxtDecoder) -> None:
    near = say("book", bids=[[100.0, 1], [99.99, 1]], asks=[[100.01, 1], [100.02, 1]])
    assert [row[2] for row in decoder.decode(near, 7)] == [QUOTE]
    far = say("book", bids=[[100.0, 1], [90.0, 1]], asks=[[100.01, 1], [110.0, 1], [111.0, 1]])
    assert [row[2] for row in decoder.decode(far, 8)] == [DEPTH]


def test_a_trade_is_told_once_and_one_without_a_side_not_at_all(
    decoder: CcxtDecoder, faults: list[str]
) -> None:
    trade = {"price": 100.0, "size": 1.0, "side": "buy", "time_ms": None, "id": "x"}
    frame = say("trades", trades=[trade, trade, {**trade, "id": "y", "side": None}])
    assert len(decoder.decode(frame, 7)) == 1
    assert faults == ["trade_repeated", "side_unknown"]


def test_a_side_without_levels_is_a_fault(decoder: CcxtDecoder) -> None:
    with pytest.raises(FrameFault, match="a side of the book"):
        decoder.decode(say("book", bids=[], asks=[[1.0, 1.0]]), 7)
