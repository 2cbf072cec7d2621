from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from signalnode.feeds.live.sessions.hyperliquid import BEST, BOOK, TRADES, VENUE
from tests.venues.hyperliquid import CONNECTIONS_MAX, SUBSCRIPTIONS_MAX

DATA = Path(__file__).parents[3] / "data" / "hyperliquid"
ASKED = {"type": BOOK, "coin": "BTC"}


def hear(channel: str, data: Any) -> tuple[object, ...]:
    return VENUE.hear(json.dumps({"channel": channel, "data": data}).encode(), {"BTC", "ETH"})[:3]


def test_every_recorded_frame_is_routed_to_its_market():
    lines = gzip.decompress((DATA / "btc_first30.gz").read_bytes()).splitlines()
    heard = [VENUE.hear(line.partition(b" ")[2], {"BTC"}) for line in lines]
    assert {(each.what, each.symbol, each.channel) for each in heard} == {
        ("data", "BTC", BOOK),
        ("data", "BTC", TRADES),
    }


def test_frames_of_other_shapes_are_routed_as_well():
    heard = [VENUE.hear(line, ()) for line in (DATA / "frames.jsonl").read_bytes().splitlines()]
    assert [each.symbol for each in heard if each.what == "data"] == [
        *("FXS", "FXS", "BTC", "BTC", "SHIA", "BANANA", "@162", "BTC"),
    ]
    assert sum(each.what == "noise" for each in heard) == len(heard) - 8


@pytest.mark.parametrize(
    ("market", "coin"),
    [("BTC-USD", "BTC"), ("BTC-USD-PERP", "BTC"), ("kPEPE-USDC", "kPEPE"), ("BTC", "BTC"), ("@107", "@107")],
)
def test_a_market_is_a_coin_whose_case_matters(market, coin):
    assert VENUE.symbol(market) == coin


def test_an_answer_repeats_its_subscription_with_fields_that_nobody_asked_for():
    told = {"method": "subscribe", "subscription": ASKED | {"nSigFigs": None, "mantissa": None}}
    assert hear("subscriptionResponse", told) == ("subscribed", "BTC", BOOK)
    assert hear("subscriptionResponse", told | {"method": "unsubscribe"}) == ("unsubscribed", "BTC", BOOK)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Already subscribed", "subscribed"),
        ("Already unsubscribed", "unsubscribed"),
        ("Invalid subscription", "refused"),
        ("Cannot track more subscriptions", "failed"),
    ],
)
def test_an_error_is_of_the_subscription_in_its_text(said, what):
    assert hear("error", f"{said}: {json.dumps(ASKED)}") == (what, "BTC", BOOK)
    assert hear("error", f"{said} {json.dumps(ASKED)}") == (what, "BTC", BOOK)
    assert hear("error", said)[0] == "noise"


def test_a_pong_and_the_greeting_of_old_are_for_nobody():
    assert VENUE.hear(b'{"channel":"pong"}', {"BTC"}).what == "noise"
    assert VENUE.hear(b"Websocket connection established.", {"BTC"}).what == "noise"


def test_a_torn_frame_goes_to_the_market_that_it_names():
    assert VENUE.hear(b'{"channel":"bbo","data":{"coin":"BTC","ti', {"BTC", "ETH"})[:2] == ("torn", "BTC")
    assert hear(BOOK, {"time": 1})[0] == "torn"


def test_one_gateway_keeps_within_what_an_address_bears():
    limits = VENUE.limits
    assert limits.connections_max < CONNECTIONS_MAX
    assert limits.connections_max * limits.markets_max * len(VENUE.channels) <= SUBSCRIPTIONS_MAX


def test_a_request_asks_for_one_channel_of_one_coin():
    assert json.loads(VENUE.subscribe(["BTC"], BEST, 1)) == {
        "method": "subscribe",
        "subscription": {"type": BEST, "coin": "BTC"},
    }
    assert json.loads(VENUE.unsubscribe(["BTC"], BOOK, 2))["method"] == "unsubscribe"
