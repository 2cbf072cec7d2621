"""Kraken's words. Answers and status are of a recording (MINA/GBP, 2026-08-18); the refusal of a pair is of
nautilus_trader's issue 3509, that of a list of "Symbol field must be an array" of python-kraken-sdk's 148.
"""

from __future__ import annotations

import json
from random import Random

import pytest

from signalnode.feeds.live.actions import Deliver
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import Heard
from signalnode.feeds.live.sessions.kraken import DEPTH, VENUE
from signalnode.feeds.venues.kraken import DEPTHS

SYMBOLS = {"MINA/GBP", "BTC/USD"}
STATUS = (
    b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
    b'"connection_id":6437862339878838704}]}'
)
LEFT = (
    b'{"method":"unsubscribe","result":{"channel":"book","depth":25,"symbol":"MINA/GBP"},"success":true,'
    b'"time_in":"2026-08-18T20:44:29.766514Z","time_out":"2026-08-18T20:44:29.766559Z"}'
)


def refused(error: str, method: str = "subscribe", **more: object) -> Heard:
    told = {"error": error, "method": method, "success": False, "req_id": 3} | more
    return VENUE.hear(json.dumps(told).encode(), SYMBOLS)


def test_a_pair_is_written_with_a_slash_and_never_with_xbt():
    assert VENUE.symbol("BTC-USD") == "BTC/USD"
    assert VENUE.symbol("AAPLx-USD") == "AAPLx/USD"


def test_it_greets_with_its_status_though_the_number_in_it_is_large():
    assert VENUE.hear(STATUS, SYMBOLS).what == "greeting"


def test_a_book_is_left_with_the_depth_that_it_was_asked_for():
    asked, left = (json.loads(ask(["BTC/USD"], "book", 1)) for ask in (VENUE.subscribe, VENUE.unsubscribe))
    assert asked["params"]["depth"] == left["params"]["depth"] == DEPTH
    assert DEPTH in DEPTHS
    assert "depth" not in json.loads(VENUE.subscribe(["BTC/USD"], "trade", 1))["params"]


def test_past_trades_are_not_asked_for():
    assert not json.loads(VENUE.subscribe(["BTC/USD"], "trade", 1))["params"]["snapshot"]


def test_symbols_are_a_list_and_each_has_an_answer_of_its_own():
    asked = json.loads(VENUE.subscribe(["BTC/USD", "MINA/GBP"], "book", 9))
    assert asked["params"]["symbol"] == ["BTC/USD", "MINA/GBP"]
    assert asked["req_id"] == 9
    assert VENUE.hear(LEFT, SYMBOLS)[:3] == ("unsubscribed", "MINA/GBP", "book")


def test_a_refusal_names_its_pair_and_is_final():
    heard = refused("Currency pair not supported XBT/EUR", symbol="XBT/EUR")
    assert heard == Heard("refused", "XBT/EUR", "", "Currency pair not supported XBT/EUR", 3)
    assert refused("Subscription depth not supported").what == "refused"
    assert refused("Currency pair not supported CRATE/EUR", symbol="CRATE/EUR").what == "refused"


@pytest.mark.parametrize("error", ["Exceeded msg rate", "EService:Unavailable", "EGeneral:Internal error"])
def test_what_may_heal_is_asked_for_again(error):
    assert refused(error).what == "failed"


def test_who_asks_twice_waits_and_leaves_first_for_the_image_is_gone():
    assert refused("Already subscribed").what == "noise"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"channel":"heartbeat"}',
        b'{"method":"pong","req_id":42,"time_in":"2023-09-25T09:05:00.123456Z"}',
        b'{"Error":"Exceeded msg rate"}',
    ],
)
def test_what_is_about_no_market_goes_to_none(frame):
    assert VENUE.hear(frame, SYMBOLS).what == "noise"


def test_of_what_is_said_of_all_instruments_each_market_gets_its_own_part_byte_for_byte():
    own = b'{"symbol":"BTC/USD", "status":"online","tick":1e-1}'
    frame = b'{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[%b,{"symbol":"X/Y"},7]}}'
    session = Session(VENUE, Random(1))
    for market in ("BTC/USD", "ETH/USD"):
        session.want(market)
    session.on_time(0)
    session.on_opened(0)
    session.on_frame(b'{"channel":"status","data":[{}]}', 0)
    told = b'{"channel":"instrument","data":{"pairs":[%b]}}' % own
    assert session.on_frame(frame % own, 0) == [Deliver("BTC/USD", told)]
