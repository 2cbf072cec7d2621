"""The venues of the tests are as strict as the real ones: what a careless client does there, they do not
let pass. Each rule's source stands in the session's file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.venues.protocol import protocol_of
from tests.venues.venue import Close, Peer, Venue

Do = Callable[["Client"], None]


class Client:
    """A client that does as it is told, in time made up."""

    def __init__(self, name: str, path: str = "/") -> None:
        self.venue, self.now_s = Venue(protocol_of(name)), 0.0
        self.peer: Peer = self.venue.open(path, 0.0)

    def send(self, count: int = 1, **asked: Any) -> None:
        for _ in range(count):
            self.venue.on_frame(self.peer, json.dumps(asked).encode(), self.now_s)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            self.venue.on_time(self.now_s)

    @property
    def codes(self) -> list[int]:
        return [out.code for out in self.peer.out if isinstance(out, Close)]

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(out) for out in self.peer.out if not isinstance(out, Close)]


def coinbase(product: str = "BTC-USD", channel: str = "level2") -> dict[str, Any]:
    return {"type": "subscribe", "product_ids": [product], "channel": channel}


def kraken(**params: Any) -> dict[str, Any]:
    return {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"]} | params, "req_id": 1}


def okx(*symbols: str, operation: str = "subscribe") -> dict[str, Any]:
    asked = [{"channel": "books", "instId": each} for each in symbols or ("BTC-USDT",)]
    return {"op": operation, "args": asked, "id": "1"}


def deribit(method: str = "public/subscribe", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


CLOSED: dict[str, tuple[str, Do]] = {
    "coinbase is asked for nothing in 5 s": ("coinbase", lambda it: it.wait(6.0)),
    "coinbase is asked nine times in a second": ("coinbase", lambda it: it.send(9, **coinbase())),
    "kraken futures is asked 101 times in a second": (
        "kraken_futures",
        lambda it: it.send(101, event="subscribe", feed="book", product_ids=["PF_XBTUSD"]),
    ),
    "deribit is asked for more than the credits bear": (
        "deribit",
        lambda it: it.send(11, **deribit(channels=["book.BTC-PERPETUAL.100ms"])),
    ),
    "hyperliquid is asked 2001 times in a minute": ("hyperliquid", lambda it: it.send(2_001, method="ping")),
    "deribit is not answered": (
        "deribit",
        lambda it: (it.send(**deribit("public/set_heartbeat", interval=10)), it.wait(21.0))[0],  # type: ignore[func-returns-value]
    ),
}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a product that there is not": ("coinbase", coinbase("NO-USD"), "invalid product_ids"),
    "a depth that there is not": ("kraken", kraken(depth=7), "Subscription depth not supported"),
    "a name of the older protocol": ("kraken", kraken(symbol=["XBT/USD"]), "Currency pair not supported"),
    "a symbol that is no list": ("kraken", kraken(symbol="BTC/USD"), "must be an array"),
    "a contract that there is not": (
        "kraken_futures",
        {"event": "subscribe", "feed": "book", "product_ids": ["PF_NOUSD"]},
        "Invalid product id",
    ),
    "a raw book without a key": ("deribit", deribit(channels=["book.BTC-PERPETUAL.raw"]), "raw_subscr"),
    "a heartbeat too often": ("deribit", deribit("public/set_heartbeat", interval=5), "Invalid params"),
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_client_that_breaks_a_rule_is_closed(name: str) -> None:
    venue, do = CLOSED[name]
    client = Client(venue)
    do(client)
    assert client.codes == [1008]
    assert client.venue.broken_rules


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_had_is_refused_and_the_connection_stays(name: str) -> None:
    venue, asked, told = REFUSED[name]
    client = Client(venue)
    client.send(**asked)
    assert told in json.dumps(client.frames[-1])
    assert client.codes == []
    assert not client.peer.subscribed


def test_a_quiet_connection_to_coinbase_is_closed_unless_it_asks_for_heartbeats() -> None:
    quiet, lively = Client("coinbase"), Client("coinbase")
    lively.send(type="subscribe", channel="heartbeats")
    for client in (quiet, lively):
        client.send(**coinbase())
        client.wait(70.0)
    assert quiet.codes == [1000]
    assert lively.codes == []


def test_a_book_of_kraken_is_left_with_its_own_depth() -> None:
    client = Client("kraken")
    client.send(**kraken(depth=500))
    client.send(**kraken() | {"method": "unsubscribe"})
    assert "Subscription Not Found" in json.dumps(client.frames[-1])
    client.send(**kraken(depth=500) | {"method": "unsubscribe"})
    assert not client.peer.subscribed


def test_okx_closes_who_says_nothing_for_half_a_minute_and_hears_480_requests_an_hour() -> None:
    quiet, busy = Client("okx"), Client("okx")
    quiet.send(**okx())
    quiet.wait(31.0)
    assert quiet.codes == [4004]
    busy.send(480, **okx())
    busy.send(**okx(operation="unsubscribe"))
    last = busy.peer.out[-1]  # of 480 books
    assert not isinstance(last, Close)
    assert json.loads(last)["code"] == "60014"
    assert busy.peer.subscribed
    busy.venue.on_frame(busy.peer, b"ping", busy.now_s)
    assert busy.peer.out[-1] == b"pong"


def test_okx_names_what_it_does_not_know_and_takes_the_rest() -> None:
    client = Client("okx")
    client.send(**okx("NO-USDT", "BTC-USDT"))
    assert "channel:books,instId:NO-USDT doesn't exist" in client.frames[0]["msg"]
    assert list(client.peer.subscribed) == [("BTC-USDT", "books")]


def test_bybit_refuses_a_whole_request_and_cuts_who_does_not_ping() -> None:
    client = Client("bybit", "/v5/public/spot")
    known, unknown = "orderbook.1000.BTCUSDT", "orderbook.1000.NOUSDT"
    for topics, told in (([known, unknown], "handler not found"), ([known] * 11, "args size")):
        client.send(op="subscribe", args=topics, req_id="1")
        assert told in client.frames[-1]["ret_msg"]
        assert not client.peer.subscribed
    client.send(op="subscribe", args=[known], req_id="2")
    client.send(op="subscribe", args=[known], req_id="3")
    assert "already subscribed" in client.frames[-1]["ret_msg"]
    client.wait(599.0)
    client.send(op="ping")
    client.wait(599.0)
    assert client.codes == []
    client.wait(2.0)
    assert client.codes == [1001]


def test_hyperliquid_bears_ten_connections_and_closes_those_it_has_nothing_for() -> None:
    client = Client("hyperliquid")
    client.wait(61.0)
    assert client.codes == [1000]
    others = [client.venue.open("/", client.now_s) for _ in range(10)]
    assert [peer.is_closed for peer in others] == [False] * 9 + [True]


def test_hyperliquid_repeats_what_it_refuses() -> None:
    client = Client("hyperliquid")
    asked = {"type": "l2Book", "coin": "BTC"}
    for method, told in (("unsubscribe", "Already unsub"), ("subscribe", ""), ("subscribe", "Already sub")):
        client.send(method=method, subscription=asked)
        errors = [each["data"] for each in client.frames if each["channel"] == "error"]
        assert not told or errors[-1].startswith(told)


def test_hyperliquid_closes_without_a_word_on_who_asks_for_what_there_is_not() -> None:
    client = Client("hyperliquid")
    client.send(method="subscribe", subscription={"type": "l2Book", "coin": "NO"})
    assert (client.frames, client.codes) == ([], [1006])


def test_bitstamp_agrees_to_a_market_that_there_is_not_and_brings_nothing() -> None:
    client = Client("bitstamp")
    for channel, event in (("order_book_nousd", "bts:subscription_succeeded"), ("x_NO/USD", "bts:error")):
        client.send(event="bts:subscribe", data={"channel": channel})
        assert client.frames[-1]["event"] == event


def test_gemini_answers_nothing_but_what_it_cannot_read_and_beats_each_five_seconds() -> None:
    client = Client("gemini")
    client.send(type="unsubscribe", subscriptions=[{"name": "l2", "symbols": ["BTCUSD"]}])
    assert client.frames == []
    client.send(type="subscribe", subscriptions=[{"name": "l2", "symbols": ["NOUSD"]}])
    assert client.frames[-1]["result"] == "error"
    client.wait(11.0)
    assert [each["type"] for each in client.frames[1:]] == ["heartbeat", "heartbeat"]


def test_deribit_does_not_say_what_it_does_not_know() -> None:
    client = Client("deribit")
    client.send(**deribit(channels=["book.BTC-PERPETUAL.100ms", "book.NO-PERPETUAL.100ms"]))
    (answer, _snapshot) = client.frames
    assert answer["result"] == ["book.BTC-PERPETUAL.100ms"]
