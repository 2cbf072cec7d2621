from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from signalnode.feeds.faults import Faults
from signalnode.feeds.files.framing import unwrap
from signalnode.feeds.files.lines import read_lines
from signalnode.feeds.live.sessions.base import SOMEBODY
from signalnode.feeds.live.sessions.gemini import CHANNEL, VENUE

EXCERPT = Path(__file__).parents[3] / "data" / "venues" / "gemini.jsonl.zst"


def test_every_recorded_frame_is_routed_to_its_market_and_its_first_book_is_the_yes():
    heard = [
        VENUE.hear(held.frame, ())
        for line in read_lines(EXCERPT, Faults())
        if (held := unwrap(line.text)) is not None and held.frame
    ]
    counts = Counter(each.what for each in heard)
    yes = [each.symbol for each in heard if each.what == "subscribed"]
    assert len(yes) == len(set(yes)) == 10
    assert counts["noise"] == 7  # heartbeats
    assert counts["data"] == len(heard) - 17
    assert {each.channel for each in heard if each.symbol} == {CHANNEL}


def test_a_book_without_past_trades_may_be_the_first_for_its_auctions():
    image = b'{"type":"l2_updates","symbol":"ZECLTC","changes":[["buy","0.688","51.5"]],"auction_events":[]}'
    assert VENUE.hear(image, ())[:3] == ("subscribed", "ZECLTC", CHANNEL)


def test_an_error_names_nobody():
    heard = VENUE.hear(b'{"result":"error","reason":"InvalidJson"}', {"BTCUSD"})
    assert heard.what == "noise"
    assert "InvalidJson" in heard.detail


def test_a_market_that_there_is_not_is_one_of_those_asked_for():
    heard = VENUE.hear(b'{"reason":"NoValidTradingPairs","result":"error"}', {"BTCUSD", "NOUSD"})
    assert heard[:4] == ("refused", "", "", "NoValidTradingPairs")
    assert heard.number == SOMEBODY


def test_a_torn_frame_goes_to_the_market_that_it_names():
    assert VENUE.hear(b'{"type":"l2_updates","symbol":"BTCUSD","ch', {"BTCUSD"})[:2] == ("torn", "BTCUSD")


def test_book_and_trades_are_asked_for_as_one():
    assert VENUE.symbol("BTC-USD") == "BTCUSD"
    assert VENUE.channels == (CHANNEL,)
    assert json.loads(VENUE.subscribe(["BTCUSD"], CHANNEL, 1)) == {
        "type": "subscribe",
        "subscriptions": [{"name": CHANNEL, "symbols": ["BTCUSD"]}],
    }
