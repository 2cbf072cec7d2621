"""Coinbase's words. The acknowledgement and the heartbeat are of a recording (cryptofeed, 2026-08-09)."""

from __future__ import annotations

import json
from random import Random

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import Deliver, Send, Tell
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import OLDEST, Heard
from signalnode.feeds.live.sessions.coinbase import VENUE

ANSWER = (
    b'{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48.629706932Z","sequence_num":26,"events":'
    b'[{"subscriptions":{"heartbeats":["heartbeats"],"level2":["BTC-USD","ETH-USD"],'
    b'"market_trades":["BTC-USD","ETH-USD"]}}]}'
)
BEAT = (
    b'{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48.856364007Z","sequence_num":35,"events":'
    b'[{"current_time":"2026-08-09 21:05:48.854840045 +0000 UTC m=+41691.260485341",'
    b'"heartbeat_counter":41691}]}'
)
SYMBOLS = {"BTC-USD", "ETH-USD"}


def data(channel: str, symbol: str) -> bytes:
    event = {"type": "snapshot", "product_id": symbol, "updates": []}
    if channel == "market_trades":
        event = {"type": "snapshot", "trades": [{"product_id": symbol}]}
    return json.dumps({"channel": channel, "sequence_num": 1, "events": [event]}).encode()


def answered(**held: list[str]) -> bytes:
    return json.dumps({"channel": "subscriptions", "events": [{"subscriptions": held}]}).encode()


def opened(*symbols: str) -> Session:
    session = Session(VENUE, Random(1))
    for symbol in symbols:
        session.want(symbol)
    session.on_time(0)
    session.on_opened(0)
    return session


def sent(session: Session, until_s: float) -> list[dict[str, object]]:
    frames = []
    while (due_ns := session.due_ns()) <= int(until_s * NS_PER_S):
        frames += [json.loads(each.frame) for each in session.on_time(due_ns) if isinstance(each, Send)]
    return frames


def test_a_market_in_usdc_is_heard_where_its_book_is():
    assert [VENUE.symbol(each) for each in ("BTC-USDC", "BTC-USD", "USDC-EUR")] == [
        "BTC-USD",
        "BTC-USD",
        "USDC-EUR",
    ]


def test_an_answer_says_all_that_is_subscribed_to():
    listed = VENUE.hear(ANSWER, SYMBOLS).listed
    assert listed is not None
    assert {("BTC-USD", "level2"), ("ETH-USD", "market_trades")} < listed


def test_data_are_of_a_product_and_a_heartbeat_of_all():
    assert VENUE.hear(data("l2_data", "BTC-USD"), SYMBOLS)[:3] == ("data", "BTC-USD", "level2")
    assert VENUE.hear(data("market_trades", "ETH-USD"), SYMBOLS)[:3] == ("data", "ETH-USD", "market_trades")
    assert VENUE.hear(BEAT, SYMBOLS)[:2] == ("data", "")


def test_an_error_is_about_the_oldest_request_and_final_where_it_says_so():
    told = b'{"type":"error","message":"failed to subscribe: invalid product_ids: [NO-USD]"}'
    assert VENUE.hear(told, {"NO-USD"})[:2] == ("refused", "NO-USD")
    assert VENUE.hear(told, SYMBOLS).number == OLDEST
    assert VENUE.hear(b'{"type":"error","message":"rate limit exceeded"}', SYMBOLS).what == "failed"


def test_heartbeats_are_asked_for_first_and_the_markets_of_a_channel_together():
    requests = sent(opened("BTC-USD", "ETH-USD"), 1.5)
    assert [each["channel"] for each in requests] == ["heartbeats", "level2", "market_trades", "status"]
    assert requests[1]["product_ids"] == ["BTC-USD", "ETH-USD"]


def test_every_market_gets_every_frame_for_they_are_counted_together():
    session = opened("BTC-USD", "ETH-USD")
    sent(session, 1.0)
    for frame in (data("l2_data", "BTC-USD"), BEAT, ANSWER, b'{"channel":"l2_data","ev'):
        assert Deliver("", frame) in session.on_frame(frame, NS_PER_S)


def test_a_quiet_book_that_came_before_its_answer_is_not_asked_for_again():
    session = opened("BTC-USD")
    sent(session, 1.0)
    for frame in (data("l2_data", "BTC-USD"), data("market_trades", "BTC-USD")):
        session.on_frame(frame, NS_PER_S)
    told = session.on_frame(answered(level2=["BTC-USD"], market_trades=["BTC-USD"]), NS_PER_S)
    assert Tell("BTC-USD", "heard", "") in told
    for second in range(2, 60):
        session.on_frame(BEAT, second * NS_PER_S)
        assert sent(session, second) == []


def test_one_unknown_product_costs_the_others_a_request_and_nothing_more():
    session = opened("BTC-USD", "NO-USD")
    refusal = b'{"type":"error","message":"invalid request"}'
    for second in range(1, 40):
        for request in sent(session, second):
            products = list(request.get("product_ids", []))
            is_known = "NO-USD" not in products
            frame = answered(**{str(request["channel"]): products}) if is_known else refusal
            for told in session.on_frame(frame, second * NS_PER_S):
                assert not isinstance(told, Tell) or told.symbol == "NO-USD" or told.state == "heard"
        session.on_frame(BEAT, second * NS_PER_S)
    assert session.refused("NO-USD") == "invalid request"
    assert not session.refused("BTC-USD")


def test_what_an_answer_does_not_list_any_more_is_asked_for_anew():
    session = opened("BTC-USD")
    sent(session, 1.0)
    session.on_frame(answered(level2=["BTC-USD"], market_trades=["BTC-USD"]), NS_PER_S)
    session.on_frame(answered(market_trades=["BTC-USD"]), 5 * NS_PER_S)
    assert [each["channel"] for each in sent(session, 6.0)] == ["level2"]


def test_a_market_is_heard_without_its_status_where_that_is_refused_or_never_answered():
    for refusal in (b'{"type":"error","message":"invalid channel"}', b""):
        session = opened("BTC-USD")
        heard, told = {"level2": ["BTC-USD"], "market_trades": ["BTC-USD"]}, []
        for second in range(1, 60):
            for request in sent(session, second):
                answer = refusal if request["channel"] == "status" else answered(**heard)
                told += session.on_frame(answer or BEAT, second * NS_PER_S)
            told += session.on_frame(data("l2_data", "BTC-USD"), second * NS_PER_S)
        assert session.state == "ready"
        assert Tell("BTC-USD", "heard", "") in told
        assert not [each for each in told if isinstance(each, Tell) and each.state != "heard"]


def test_an_answer_that_cannot_be_told_from_nothing_is_nothing():
    assert VENUE.hear(b"{}", SYMBOLS) == Heard("noise", detail="a frame of ''")
