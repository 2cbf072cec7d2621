"""ccxt itself, against strict venues of our own: what it says becomes frames, and those scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode.errors import VenueError
from signalnode.feeds.live import envelope
from signalnode.feeds.live.outlet import Urls
from signalnode.feeds.live.sessions.ccxt import INSTALL
from tests.venues.gateways import Gateways, gateway_name, gateways
from tests.venues.listening import Listener
from tests.venues.server import Running, Server

pytest.importorskip("ccxt", reason=f"an extra: {INSTALL}")
from signalnode.feeds.live.by_ccxt import listed_by_ccxt, look_by_ccxt, made

VENUE = "ccxt-gemini"


@pytest.fixture(scope="module")
def started() -> Iterator[Gateways]:
    with gateways() as made:
        yield made


@pytest.fixture
def running() -> Iterator[Running]:
    with Running(Server("gemini", steps_per_s=20.0)) as servers:
        yield servers


@pytest.fixture
def urls(running: Running) -> Urls:
    return Urls(running.servers[0].ws_url, running.servers[0].rest_url)


def listening_to(symbol: str, directory: Path) -> Listener:
    name = gateway_name(VENUE)
    listener = Listener(envelope.frames_endpoint(directory, name), name, VENUE, symbol)
    list(listener.feed.prepare())
    return listener


def test_what_ccxt_says_is_scored_and_recorded_and_an_outage_heals(
    running: Running, started: Gateways, tmp_path: Path
) -> None:
    venue = running.servers[0].venue
    listener, nobodys = listening_to("BTC/USD", tmp_path), listening_to("NONE/USD", tmp_path)
    started.start(running.servers[0], tmp_path, {}, by=VENUE)
    listener.until_sound()
    nobodys.until(lambda: nobodys.feed.outage.startswith("refused: BadSymbol"), "the refusal")
    listener.forget()
    running.do(lambda: venue.close_all(1012))
    listener.until(lambda: listener.was_told("lost"), "the outage")
    listener.until_sound()
    old, number = started.pids[VENUE], listener.feed.connection
    ready = started.start(running.servers[0], tmp_path, {}, by=VENUE, relieves=old)
    outages = set()
    listener.until(lambda: outages.add(listener.feed.outage) or ready.exists(), "the handover")
    started.end(old)
    listener.until(lambda: listener.feed.connection > number, "the new process")
    listener.until_comparable()
    assert outages == {""}
    started.kill_all()
    listener.drain()
    listener.check_replay(tmp_path / "passed_on")
    assert not venue.broken_rules
    listener.close()
    nobodys.close()


def test_a_listing_is_asked_of_ccxt(urls: Urls) -> None:
    (found, volume), *_ = listed_by_ccxt(VENUE, urls.rest)
    assert (found.market, found.symbol, found.is_open, volume) == ("BTC-USD", "BTC/USD", True, None)


def test_a_look_goes_up_to_the_first_book(urls: Urls) -> None:
    told: list[str] = []
    look_by_ccxt(VENUE, urls, "", lambda step, _seen: told.append(step))
    assert told == ["markets", "first book"]


def test_what_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(VenueError, match=r"^ccxt-gemini: \w+: .*"):
        listed_by_ccxt(VENUE, "http://localhost:9")


def test_an_exchange_that_ccxt_has_not_is_said_to() -> None:
    with pytest.raises(VenueError, match="has no exchange 'nowhere' live"):
        made("ccxt-nowhere", Urls("", ""))
