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

    def __init__(self, name: str) -> None:
        self.venue, self.now_s = Venue(protocol_of(name)), 0.0
        self.peer: Peer = self.venue.open("/", 0.0)

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


def test_deribit_does_not_say_what_it_does_not_know() -> None:
    client = Client("deribit")
    client.send(**deribit(channels=["book.BTC-PERPETUAL.100ms", "book.NO-PERPETUAL.100ms"]))
    (answer, _snapshot) = client.frames
    assert answer["result"] == ["book.BTC-PERPETUAL.100ms"]
