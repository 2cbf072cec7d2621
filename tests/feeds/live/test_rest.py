"""A venue's REST, and its whole listing, from real servers that answer well and badly."""

from __future__ import annotations

import json

import pytest

from signalnode.errors import VenueError
from signalnode.feeds.live.listings import asked, listing_of
from signalnode.feeds.live.rest import body_of, fetch
from signalnode.feeds.live.sessions import venue_of
from tests.feeds.live.listing_answers import answer
from tests.feeds.live.sockets import Serve, answering, head_of, http, listening

DYDX = "/v4/perpetualMarkets"


def venue_answering(venue: str, seen: list[str]) -> Serve:
    """A venue's REST as `listing_answers` has it."""

    def serve(stream) -> None:
        path = head_of(stream).split()[1].decode()
        seen.append(path)
        stream.sendall(http("200 OK", answer(venue, path)))

    return serve


def test_a_symbol_in_any_letters_is_asked_for_and_nothing_is_quoted_twice():
    seen: list[str] = []

    def serve(stream) -> None:
        seen.append(head_of(stream).split()[1].decode())
        stream.sendall(http("200 OK", b"{}"))

    image = venue_of("binance").image("\u5e01\u5b89USDT")
    assert image is not None
    with listening(serve) as port:
        fetch(f"http://127.0.0.1:{port}", image.url_path)
        fetch(f"http://127.0.0.1:{port}", "/a?cursor=first%3DBTC&dex=%5B1%5D")
    assert seen == [
        "/api/v3/depth?symbol=%E5%B8%81%E5%AE%89USDT&limit=1000",
        "/a?cursor=first%3DBTC&dex=%5B1%5D",
    ]


def test_a_listing_is_asked_for_page_by_page_and_put_together():
    seen: list[str] = []
    with listening(venue_answering("bybit", seen)) as port:
        listed = asked.ask("bybit", f"http://127.0.0.1:{port}/")
    assert seen == [*(page.url_path for page in listing_of("bybit").pages), seen[-1]]
    assert seen[-1].endswith("category=linear&cursor=first%3DBTC")
    told = [(each.instrument.market, each.volume_24h) for each in listed]
    assert told == [
        ("BTC-26DEC26", None),
        ("BTC-USD-PERP", 40_000.0),
        ("BTC-USDT", 100.5),
        ("BTC-USDT-PERP", 700.0),
    ]


def test_a_listing_that_never_ends_is_left(monkeypatch):
    monkeypatch.setattr(asked, "PAGES_MAX", 10)
    more = answer("bybit", "/v5/market/instruments-info?limit=1000&category=linear")
    tickers = json.dumps({"result": {"list": []}}).encode()

    def serve(stream) -> None:
        path = head_of(stream).split()[1]
        stream.sendall(http("200 OK", tickers if b"tickers" in path else more))

    with listening(serve) as port, pytest.raises(VenueError, match="more than 10 pages"):
        asked.ask("bybit", f"http://127.0.0.1:{port}")


def test_what_is_posted_has_its_body():
    seen: list[bytes] = []

    def serve(stream) -> None:
        head = head_of(stream)
        seen.append(head + stream.recv(65_536))
        stream.sendall(http("200 OK", answer("hyperliquid", "/info")))

    with listening(serve) as port:
        listed = asked.ask("hyperliquid", f"http://127.0.0.1:{port}")
    (request,) = seen
    assert request.startswith(b"POST /info HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"type":"metaAndAssetCtxs"}')
    assert len(listed) == 3


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            http("403 Forbidden", b"<html>\nlong"),
            "HTTP 403: '<html>'; it may not serve your country or address",
        ),
        (http("451 Unavailable"), "HTTP 451; it does not serve your country"),
        (http("429 Too Many Requests", b"", "Retry-After: 30"), "asked too often; wait (it says: 30 s)"),
        (http("404 Not Found"), "HTTP 404; there is no such thing; is rest_url right?"),
        (http("503 Unavailable"), "HTTP 503; try again later"),
        (
            http("302 Found", b"", "Location: https://b.example/"),
            "is elsewhere, it says: https://b.example/; ",
        ),
        (http("200 OK", b"<html>"), "answers in another form than dydx ("),
        (http("200 OK", b'{"markets":{"A":{"tickSize":1}}}'), "answers in another form than dydx ("),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "no whole answer came ("),
        (b"", "no whole answer came ("),
        (b"SSH-2.0\r\n\r\n", "no whole answer came ("),
    ],
)
def test_an_answer_that_does_not_list_is_one_line_with_where_and_the_mend(reply, said):
    with listening(answering(reply)) as port, pytest.raises(VenueError) as caught:
        asked.ask("dydx", f"http://127.0.0.1:{port}")
    fault = str(caught.value)
    assert fault.startswith(f"http://127.0.0.1:{port}{DYDX}: ")
    assert said in fault
    assert "\n" not in fault


def test_an_answer_without_end_is_left():
    def serve(stream) -> None:
        head_of(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            stream.sendall(bytes(65_536))

    with listening(serve) as port, pytest.raises(VenueError, match="more than 1 MB"):
        fetch(f"http://127.0.0.1:{port}", "/", bytes_max=1_048_576)


def test_an_answer_that_drips_is_left():
    with (
        listening(answering(http("200 OK", b"{}"))) as port,
        pytest.raises(VenueError, match="no answer in time; try again, or ask `signalnode doctor`"),
    ):
        fetch(f"http://127.0.0.1:{port}", "/", within_s=0.0)


def test_headers_are_found_whatever_their_case():
    with listening(answering(http("200 OK", b"{}", "DATE: Thu, 01 Jan 2026 00:00:00 GMT"))) as port:
        reply = fetch(f"http://127.0.0.1:{port}", "/")
    assert reply.headers["date"].startswith("Thu")
    assert body_of(reply, "") == b"{}"
