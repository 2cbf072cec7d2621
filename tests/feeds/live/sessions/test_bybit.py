from __future__ import annotations

import json
from typing import Any

import pytest

from signalnode.feeds.live.sessions.bybit import BOOK, TOUCH, TRADES, VENUE
from tests.venues.bybit import CHARACTERS_MAX, TOPICS_MAX

SPOT, LINEAR = "spot:BTCUSDT", "linear:BTCUSDT"


def hear(frame: dict[str, Any], symbol: str = SPOT) -> tuple[object, ...]:
    heard = VENUE.hear(json.dumps(frame).encode(), {symbol, "spot:ETHUSDT"})
    return heard.what, heard.symbol, heard.channel, heard.number


def answer(**more: Any) -> dict[str, Any]:
    return {"success": True, "ret_msg": "", "conn_id": "x", "req_id": "7", "op": "subscribe"} | more


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("BTC-USDT", "spot:BTCUSDT"),
        ("BTC-USDT-PERP", "linear:BTCUSDT"),
        ("BTC-USDC-PERP", "linear:BTCPERP"),
        ("BTC-USD", "inverse:BTCUSD"),
        ("BTC-USD-PERP", "inverse:BTCUSD"),
        ("BTCUSDT", "spot:BTCUSDT"),
        ("linear:BTCUSDT", "linear:BTCUSDT"),
        ("1000PEPE-USDT-PERP", "linear:1000PEPEUSDT"),
    ],
)
def test_a_market_says_its_category_which_has_an_address_of_its_own(market, symbol):
    assert VENUE.symbol(market) == symbol
    (route,) = VENUE.routes(symbol)
    assert (route.url_path, route.channels) == (f"/{symbol.partition(':')[0]}", VENUE.channels)


def test_a_frame_is_of_the_market_of_its_connection_that_it_names():
    for symbol in (SPOT, LINEAR):
        for channel in (BOOK, TRADES, TOUCH):
            frame = {"topic": f"{channel}.BTCUSDT", "type": "delta", "ts": 1, "data": {"s": "BTCUSDT"}}
            assert hear(frame, symbol) == ("data", symbol, channel, 0)


def test_an_answer_is_to_the_request_of_its_number():
    assert hear(answer()) == ("subscribed", "", "", 7)
    assert hear(answer(op="unsubscribe")) == ("unsubscribed", "", "", 7)
    assert hear(answer(success=False, ret_msg="error:handler not found")) == ("refused", "", "", 7)
    assert hear(answer(success=False, ret_msg="Too many visits!")) == ("failed", "", "", 7)


def test_a_refusal_without_a_number_is_known_by_the_topic_in_its_text():
    told = answer(success=False, ret_msg="error:handler not found,topic:orderbook.1000.BTCUSDT")
    del told["req_id"]
    assert hear(told) == ("refused", SPOT, BOOK, 0)
    assert hear(told | {"ret_msg": "Invalid topic"}) == ("noise", "", "", 0)


def test_what_is_there_already_is_there():
    told = answer(success=False, ret_msg="error:already subscribed,topic:publicTrade.BTCUSDT")
    assert hear(told) == ("subscribed", "", "", 7)


@pytest.mark.parametrize(
    "pong",
    [
        {"success": True, "ret_msg": "pong", "conn_id": "x", "req_id": "", "op": "ping"},
        {"args": ["1786310839000"], "op": "pong"},
    ],
)
def test_a_pong_is_for_nobody_in_both_its_forms(pong):
    assert hear(pong)[0] == "noise"


def test_a_torn_frame_goes_to_the_market_that_it_names():
    torn = b'{"topic":"orderbook.1000.BTCUSDT","type":"delta","ts":17'
    assert VENUE.hear(torn, {SPOT, "spot:ETHUSDT"})[:2] == ("torn", SPOT)
    assert VENUE.hear(b'{"topic":"orderbook.10', {SPOT})[:2] == ("torn", "")
    assert VENUE.hear(b'{"topic":"\xff"}', {SPOT})[0] == "torn"


def test_requests_keep_within_what_a_request_and_a_connection_bear():
    limits = VENUE.limits
    assert limits.asks_max <= TOPICS_MAX
    longest = "spot:" + "X" * 30
    topics = [topic for each in VENUE.channels for topic in asked(longest, each)["args"]]
    assert limits.markets_max * sum(map(len, topics)) <= CHARACTERS_MAX
    assert asked(LINEAR, BOOK) == {"op": "subscribe", "args": ["orderbook.1000.BTCUSDT"], "req_id": "3"}
    left = json.loads(VENUE.unsubscribe([SPOT, "spot:ETHUSDT"], TRADES, 4))
    assert left["args"] == ["publicTrade.BTCUSDT", "publicTrade.ETHUSDT"]


def asked(symbol: str, channel: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(VENUE.subscribe([symbol], channel, 3))
    return made
