from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signalnode.feeds.faults import Faults
from signalnode.feeds.files.framing import unwrap
from signalnode.feeds.files.lines import read_lines
from signalnode.feeds.live.sessions.okx import BOOK, TRADES, VENUE

EXCERPT = Path(__file__).parents[3] / "data" / "venues" / "okx_uni_usd_swap.jsonl.zst"
SYMBOL = "BTC-USDT"
NOWHERE = (
    "Wrong URL or channel:books,instId:NO-USDT doesn't exist. "
    "Please use the correct URL, channel and parameters referring to API document."
)


def hear(frame: dict[str, Any]) -> tuple[object, ...]:
    heard = VENUE.hear(json.dumps(frame).encode(), {SYMBOL})
    return heard.what, heard.symbol, heard.channel, heard.number


def error(code: str, said: str, **more: Any) -> dict[str, Any]:
    return {"event": "error", "code": code, "msg": said, "connId": "a4d3ae55", **more}


def test_every_recorded_frame_is_routed_to_its_market():
    heard = [
        VENUE.hear(held.frame, {"UNI-USD-SWAP"})
        for line in read_lines(EXCERPT, Faults())
        if (held := unwrap(line.text)) is not None and held.frame
    ]
    assert {each.symbol for each in heard} == {"UNI-USD-SWAP"}
    assert {each.what for each in heard} == {"data", "subscribed"}
    assert {each.channel for each in heard} >= {BOOK, TRADES}


@pytest.mark.parametrize(
    ("market", "symbol"),
    [("BTC-USDT", "BTC-USDT"), ("btc-usdt", "BTC-USDT"), ("BTC-USDT-PERP", "BTC-USDT-SWAP")],
)
def test_a_perpetual_is_a_swap(market, symbol):
    assert VENUE.symbol(market) == symbol


def test_a_pong_is_text_and_for_nobody():
    assert VENUE.hear(b"pong", {SYMBOL}).what == "noise"
    assert VENUE.ping is not None
    assert VENUE.ping.frame == b"ping"
    assert VENUE.ping.every_s < 30.0


def test_an_error_is_of_what_its_text_names_and_else_of_its_request():
    assert hear(error("60018", NOWHERE, id="3")) == ("refused", "NO-USDT", "books", 0)
    assert hear(error("60012", "Invalid request", id="3")) == ("refused", "", "", 3)
    assert hear(error("60014", "Requests too frequent", id="3")) == ("failed", "", "", 3)
    assert hear(error("60012", 'Invalid request: {"op": "x"}'))[0] == "noise"


def test_an_upgrade_that_is_announced_is_a_connection_to_be_replaced():
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    assert hear({"event": "notice", "code": "64008", "msg": said, "connId": "x"})[0] == "retiring"
    assert hear({"event": "notice", "code": "1", "msg": "hello", "connId": "x"})[0] == "noise"
    assert hear({"event": "channel-conn-count", "channel": "books", "connCount": "1"})[0] == "noise"


def test_a_torn_frame_goes_to_the_market_that_it_names():
    torn = b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"upd'
    assert VENUE.hear(torn, {SYMBOL, "BTC-USDT-SWAP"})[:2] == ("torn", SYMBOL)


def test_a_request_asks_for_many_and_has_its_number():
    asked = json.loads(VENUE.subscribe([SYMBOL, "ETH-USDT"], BOOK, 5))
    assert asked["id"] == "5"
    assert asked["args"] == [{"channel": BOOK, "instId": each} for each in (SYMBOL, "ETH-USDT")]
    assert json.loads(VENUE.unsubscribe([SYMBOL], BOOK, 6))["op"] == "unsubscribe"


@pytest.mark.parametrize(
    ("symbol", "asked"),
    [
        ("BTC-USDT", None),
        ("BTC-USDT-SWAP", "instType=SWAP&instId=BTC-USDT-SWAP"),
        ("BTC-USD-270326", "instType=FUTURES&instId=BTC-USD-270326"),
        ("BTC-USD-270326-60000-C", "instType=OPTION&instFamily=BTC-USD&instId=BTC-USD-270326-60000-C"),
    ],
)
def test_what_a_contract_is_worth_is_fetched_of_all_but_spot(symbol, asked):
    request = VENUE.facts(symbol)
    assert (request and request.url_path) == (asked and f"/api/v5/public/instruments?{asked}")


def test_what_is_said_of_the_states_of_instruments_is_for_every_market():
    told = {"arg": {"channel": "instruments", "instType": "SPOT"}, "data": [{"instId": SYMBOL}]}
    assert hear(told) == ("data", "", "instruments", 0)
    assert hear(told | {"data": [{"instId": "X-USDT"}]})[0] == "noise"
    assert hear(told | {"data": [{"instId": SYMBOL}] * 5_000})[0] == "noise"
    (standing,) = VENUE.standing
    assert {each["channel"] for each in json.loads(standing)["args"]} == {"instruments"}
