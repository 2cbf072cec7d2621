"""dYdX: what its frames say."""

from __future__ import annotations

import json
from random import Random

import pytest

from signalnode.feeds.live.actions import Send, Tell
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.sessions.base import Heard
from tests.feeds.live.made_up import Timed

DYDX = venue_of("dydx")
BOOK, TRADES = "v4_orderbook", "v4_trades"


def error(message: str, **more: str) -> Heard:
    return DYDX.hear(json.dumps({"type": "error", "message": message, **more}).encode(), {"BTC-USD"})


@pytest.mark.parametrize(
    ("message", "what"),
    [  # as its source has them (`indexer/services/socks`, subscription.ts)
        ("Invalid subscribe message: already subscribed (v4_trades-BTC-USD)", "subscribed"),
        ("Invalid subscription id for channel: (v4_trades-BTC-USD)", "refused"),
    ],
)
def test_an_error_is_of_the_market_and_the_channel_in_its_text(message, what):
    heard = error(message)
    assert (heard.what, heard.symbol, heard.channel) == (what, "BTC-USD", TRADES)


def test_an_error_that_names_nothing_is_nobodys_and_one_of_its_own_heals():
    message = f"Internal error, could not fetch data for subscription: {BOOK}."
    assert error(message).what == "noise"
    assert error(message, id="BTC-USD", channel=BOOK) == Heard("failed", "BTC-USD", BOOK, message)


def test_an_answer_that_comes_when_the_market_was_left_for_it_refuses_nobody():
    session = Timed(DYDX, Random(1))
    session.want("BTC-USD")
    session.run_until(0.0)
    session.on_opened(0)

    def say(kind: str, **fields: str) -> list[object]:
        return session.on_frame(json.dumps({"type": kind, **fields}).encode(), session.now_ns)

    say("connected")
    sent = [each for each in session.run_until(10.5) if isinstance(each, Send)]
    assert json.loads(sent[-1].frame)["type"] == "unsubscribe"  # for there was no answer in 10 s
    found = list[object]()
    for channel in (BOOK, TRADES):  # what was asked for first is agreed to behind that
        found += say("unsubscribed", channel=channel, id="BTC-USD")
        found += say("subscribed", channel=channel, id="BTC-USD")
    asked = [json.loads(each.frame) for each in session.run_until(13.0) if isinstance(each, Send)]
    assert [each["type"] for each in asked] == ["subscribe", "subscribe"]
    for each in asked:
        doubled = f"Invalid subscribe message: already subscribed ({each['channel']}-BTC-USD)"
        found += say("error", message=doubled)
    assert Tell("BTC-USD", "heard", "") in found
    assert session.is_heard("BTC-USD")


def test_who_is_blocked_is_told_so_in_the_venues_words():
    session = Timed(DYDX, Random(1))
    session.want("BTC-USD")
    session.run_until(0.0)
    session.on_opened(0)
    session.on_frame(b'{"type":"connected"}', 0)
    blocked = "Because you appear to be trading from a jurisdiction that ..., you have been blocked."
    told, asked = list[object](), 0
    for second in range(1, 40):
        for each in session.run_until(float(second)):
            if isinstance(each, Send) and b'"id":"BTC-USD"' in each.frame:
                asked += 1
                error = json.dumps({"type": "error", "message": blocked}).encode()
                told += session.on_frame(error, session.now_ns)
    assert told == [Tell("BTC-USD", "refused", blocked)] * 2  # of each channel
    assert asked == 4
