"""Binance's three venues: what their frames say."""

from __future__ import annotations

import json

import pytest

from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.sessions.base import Heard, Request, Route

SPOT = venue_of("binance")


@pytest.mark.parametrize(
    ("frame", "heard"),
    [
        (b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}', ("data", "BTCUSDT", "depth@100ms")),
        (b'{"data":{"e":"trade"},"stream":"btcusdt@trade"}', ("data", "BTCUSDT", "trade")),
        (b'{"stream":"btcusdt@trade","data":{"e":', ("data", "BTCUSDT", "trade")),  # its market is told
        (b'{"result":null,"id":7}', ("subscribed", "", "", "", 7)),
        (
            b'{"error":{"code":2,"msg":"Invalid request"},"id":8}',
            ("refused", "", "", "Invalid request (2)", 8),
        ),
        (b'{"e":"serverShutdown","E":1}', ("retiring", "", "", "Binance is about to restart")),
        (b'{"stream":"","data":{"e":"serverShutdown"}}', ("retiring", "", "", "Binance is about to restart")),
        (b'{"stre', ("torn",)),
        (b"\xff\xfe", ("torn",)),
        (b'{"id":null}', ("noise", "", "", "a frame without a stream")),
    ],
)
def test_a_frame_is_read_as_far_as_its_stream_and_no_further(frame, heard):
    assert SPOT.hear(frame, {"BTCUSDT", "ETHUSDT"}) == Heard(*heard)


def test_streams_are_asked_for_in_lower_case_several_at_once():
    asked = json.loads(SPOT.subscribe(["BTCUSDT", "ETHUSDT"], "trade", 3))
    assert asked == {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 3}
    left = json.loads(SPOT.unsubscribe(["BTCUSDT"], "depth@100ms", 4))
    assert left == {"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 4}


def test_a_book_is_of_a_thousand_levels_and_weighs_what_the_venue_says():
    assert SPOT.image("BTCUSDT") == Request("/api/v3/depth?symbol=BTCUSDT&limit=1000", 50.0)


def test_usd_m_has_its_trades_elsewhere():
    assert venue_of("binance_usdm").routes("BTCUSDT") == (
        Route("/public/stream", ("depth@100ms", "bookTicker")),
        Route("/market/stream", ("aggTrade",)),
    )


@pytest.mark.parametrize(
    ("market", "symbol"),
    [("BTC-USD", "BTCUSD_PERP"), ("ETHUSD_PERP", "ETHUSD_PERP"), ("BTCUSD_270326", "BTCUSD_270326")],
)
def test_coin_m_names_its_perpetual_contracts(market, symbol):
    assert venue_of("binance_coinm").symbol(market) == symbol
