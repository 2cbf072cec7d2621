"""Deribit's words. `too_many_requests` closes the connection as well (ccxt's issue 16055)."""

from __future__ import annotations

import json
from random import Random

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import Send, Tell
from signalnode.feeds.live.session import Session
from signalnode.feeds.live.sessions.base import Heard
from signalnode.feeds.live.sessions.deribit import VENUE

SYMBOLS = {"BTC-PERPETUAL"}
TEST_REQUEST = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'


def answer(number: int, channels: list[str]) -> bytes:
    told = {"jsonrpc": "2.0", "id": number, "result": channels, "usIn": 1, "usOut": 2, "usDiff": 1}
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("BTC-USD", "BTC-PERPETUAL"),
        ("SOL-USDC", "SOL_USDC-PERPETUAL"),
        ("BTC-PERPETUAL", "BTC-PERPETUAL"),
        ("BTC-27MAR26", "BTC-27MAR26"),
        ("BTC-27MAR26-90000-C", "BTC-27MAR26-90000-C"),
        ("BTC_USDC-PERPETUAL", "BTC_USDC-PERPETUAL"),
    ],
)
def test_a_market_of_ours_is_the_perpetual_and_other_names_are_the_venue_s(market, symbol):
    assert VENUE.symbol(market) == symbol


def test_a_test_request_is_answered_at_once_and_a_heartbeat_never():
    session = Session(VENUE, Random(1))
    session.want("BTC-PERPETUAL")
    session.on_time(0)
    session.on_opened(0)
    (sent,) = session.on_frame(TEST_REQUEST, 0)
    assert isinstance(sent, Send)
    assert json.loads(sent.frame)["method"] == "public/test"
    assert session.on_frame(TEST_REQUEST.replace(b"test_request", b"heartbeat"), 0) == []


def test_what_is_missing_from_an_answer_is_refused_and_its_neighbours_are_heard():
    session = Session(VENUE, Random(1))
    for symbol in ("BTC-PERPETUAL", "NO-PERPETUAL"):
        session.want(symbol)
    session.on_time(0)
    session.on_opened(0)
    told: list[object] = []
    while (due_ns := session.due_ns()) <= 5 * NS_PER_S:
        for action in session.on_time(due_ns):
            if isinstance(action, Send):
                asked = json.loads(action.frame)
                known = [each for each in asked["params"].get("channels", []) if "BTC" in each]
                told += session.on_frame(answer(asked["id"], known), due_ns)
    assert Tell("BTC-PERPETUAL", "heard", "") in told
    assert [each.symbol for each in told if isinstance(each, Tell) and each.state == "refused"] == [
        "NO-PERPETUAL",
        "NO-PERPETUAL",
    ]


@pytest.mark.parametrize(
    ("code", "message", "what"),
    [(10028, "too_many_requests", "failed"), (-32602, "Invalid params", "refused")],
)
def test_an_error_has_the_number_of_its_request(code, message, what):
    told = {"jsonrpc": "2.0", "id": 4, "error": {"code": code, "message": message, "data": None}}
    heard = VENUE.hear(json.dumps(told).encode(), SYMBOLS)
    assert heard == Heard(what, detail=f"{code}: {message}", number=4)


def test_the_book_is_asked_for_as_one_may_without_a_key():
    assert b".raw" not in VENUE.subscribe(["BTC-PERPETUAL"], "book", 1)


def test_data_find_their_market_also_where_the_frame_breaks_off():
    frame = b'{"method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[]}}'
    assert VENUE.hear(frame, SYMBOLS)[:3] == ("data", "BTC-PERPETUAL", "trades")
    torn = b'{"params":{"data":{"instrument_name":"BTC-PERPETUAL","bids":['
    assert VENUE.hear(torn, SYMBOLS) == Heard("torn", "BTC-PERPETUAL")
