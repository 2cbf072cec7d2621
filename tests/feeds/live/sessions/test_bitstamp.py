"""Bitstamp: what its frames say."""

from __future__ import annotations

import json

import pytest

from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.sessions.base import OLDEST, Heard

BITSTAMP = venue_of("bitstamp")
ASKS = "Bitstamp asks for a new connection"


@pytest.mark.parametrize(
    ("frame", "heard"),
    [
        (b'{"event":"data","channel":"order_book_btcusd","data":{}}', ("data", "btcusd", "order_book")),
        (
            b'{"data":{"id":1},"event":"trade","channel":"live_trades_btcusd"}',
            ("data", "btcusd", "live_trades"),
        ),
        (
            b'{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}',
            ("subscribed", "btcusd", "live_trades"),
        ),
        (
            b'{"event":"bts:unsubscription_succeeded","channel":"order_book_btcusd","data":{}}',
            ("unsubscribed", "btcusd", "order_book"),
        ),
        (
            b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect channel name."}}',
            ("refused", "", "", "Incorrect channel name.", OLDEST),
        ),
        (
            b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Already subscribed."}}',
            ("subscribed", "", "", "Already subscribed.", OLDEST),
        ),
        (
            b'{"event":"bts:request_reconnect","channel":"","data":""}',
            ("retiring", "", "", ASKS),
        ),
        (b'{"event":"bts:heartbeat","channel":"","data":{}}', ("noise", "", "", "an event 'bts:heartbeat'")),
        (b'{"event":"data","channel":"order_book_btcusd","da', ("torn", "btcusd")),
        (b"\xff", ("torn",)),
    ],
)
def test_a_frame_is_read_as_far_as_its_channel(frame, heard):
    assert BITSTAMP.hear(frame, {"btcusd", "ethusd"}) == Heard(*heard)


def test_a_channel_is_asked_for_by_its_markets_name():
    assert BITSTAMP.symbol("BTC-USD") == "btcusd"
    asked = json.loads(BITSTAMP.subscribe(["btcusd"], "live_trades", 1))
    assert asked == {"event": "bts:subscribe", "data": {"channel": "live_trades_btcusd"}}
