"""`markets`, and what `init` and `add` make of a venue's listing; and of a venue that cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.cli.markets import named, near, sorted_by
from signalnode.errors import UsageError, VenueError
from signalnode.feeds.live.listings.asked import Listed
from signalnode.feeds.live.listings.base import instrument
from signalnode.settings import load_node
from tests.command_line import refused, tree
from tests.feeds.live.listing_answers import answer
from tests.feeds.live.sockets import answering, closed_port, http, listening
from tests.feeds.live.test_rest import venue_answering

DYDX = answer("dydx", "/v4/perpetualMarkets")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNALNODE_CONFIG", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path


@pytest.fixture
def rest_url() -> Iterator[str]:
    with listening(answering(http("200 OK", DYDX))) as port:
        yield f"http://127.0.0.1:{port}"


def test_what_a_venue_lists_is_a_row_each(rest_url, capsys):
    assert main(["markets", "dydx", "--rest-url", rest_url]) == 0
    head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head[:2] == ["market", "symbol"]
    assert [row[0] for row in rows] == ["BTC-USD", "BUF-V3-0X4-USD", "ETH-USD"]
    assert rows[0][1:] == ["BTC-USD", "1", "0.0001", "active", "247,500,845"]
    assert rows[2][-2:] == ["cancel_only", "-"]


def test_they_are_searched_and_sorted_and_given_as_json(rest_url, capsys):
    assert (
        main(["markets", "dydx", "--search", "usd", "--sort", "volume", "--json", "--rest-url", rest_url])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["venue"] == "dydx"
    assert [each["volume_24h"] for each in told["markets"]] == [247_500_844.6834, None, None]
    assert main(["markets", "dydx", "--search", "eth", "--rest-url", rest_url]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    status, line = refused(capsys, "markets", "dydx", "--search", "doge", "--rest-url", rest_url)
    assert status == UsageError.exit_status
    assert "of the 3 that dydx lists, none has 'doge' in its name" in line


def test_the_address_is_the_configs_where_none_is_typed(home, rest_url, capsys):
    (home / "config").mkdir()
    (home / "config" / "signalnode.toml").write_text(f'[venues.dydx]\nrest_url = "{rest_url}"\n')
    assert main(["markets", "dydx"]) == 0
    for url in ("http://elsewhere/", "nonsense"):
        assert refused(capsys, "markets", "dydx", "--rest-url", url)[0] == UsageError.exit_status


def test_a_venue_that_cannot_be_asked_is_a_status_of_its_own(capsys):
    status, line = refused(capsys, "markets", "dydx", "--rest-url", f"http://127.0.0.1:{closed_port()}")
    assert status == VenueError.exit_status
    assert "connection refused" in line


def test_markets_are_held_against_the_listing_before_anything_is_written(home, rest_url, capsys):
    live = ("init", "x", "--rest-url", rest_url, "--venue", "dydx")
    status, line = refused(capsys, *live, "BTC-USDT")
    assert status == UsageError.exit_status
    assert "dydx lists no BTC-USDT; did you mean BTC-USD?" in line
    assert tree(home) == set()
    assert main([*live, "btcusd", "ETH-USD", "buf-v3-0x4-usd"]) == 0
    assert "signalnode: ETH-USD: dydx says that it is cancel_only" in capsys.readouterr().err
    node = load_node(home / "x" / "signalnode.toml")
    assert {name: each.feed.symbol for name, each in node.markets.items()} == {
        "BTC-USD": "",
        "BUF-V3-0X4-USD": "BUF,v3,0x4-USD",
        "ETH-USD": "",
    }
    assert node.venues == {"dydx": {"rest_url": rest_url}}


def test_a_name_of_ours_is_taken_where_the_venues_own_rule_finds_it_listed(home, capsys):
    body = answer("deribit", "/api/v2/public/get_instruments")
    with listening(answering(http("200 OK", body))) as port:
        live = ("init", "x", "--rest-url", f"http://127.0.0.1:{port}", "--venue", "deribit")
        assert main([*live, "BTC-USD", "btc-perpetual"]) == 0
        assert "deribit lists no ETH-USD" in refused(capsys, *live, "ETH-USD")[1]
    markets = load_node(home / "x" / "signalnode.toml").markets
    assert {name: each.feed.symbol for name, each in markets.items()} == {"BTC-USD": ""}


@pytest.mark.parametrize(
    ("venue", "typed", "market", "symbol"),
    [
        ("bybit", "BTC-USD", "BTC-USD", ""),  # one of two names of ours
        ("bybit", "BTC-26DEC26", "BTC-26DEC26", "linear:BTC-26DEC26"),
        ("okx", "BTC-USD-SWAP", "BTC-USD-PERP", ""),
        ("kraken", "BTC/USD", "BTC-USD", ""),
        ("deribit", "BTC-USD", "BTC-USD", ""),
        ("deribit", "BTC-PERPETUAL", "BTC-USD", ""),
        ("kraken_futures", "PF_XBTUSD", "BTC-USD", ""),
    ],
)
def test_each_name_of_a_market_leads_to_it(home, venue, typed, market, symbol):
    with listening(venue_answering(venue, [])) as port:
        assert main(["init", "x", "--rest-url", f"http://127.0.0.1:{port}", "--venue", venue, typed]) == 0
    (found,) = load_node(home / "x" / "signalnode.toml").markets.values()
    assert (found.market, found.feed.symbol) == (market, symbol)


def test_what_is_added_is_held_against_the_listing_of_the_config(home, rest_url, capsys):
    assert main(["init", "config", "--rest-url", rest_url, "--venue", "dydx", "BTC-USD"]) == 0
    status, line = refused(capsys, "add", "dydx", "ZZZ")
    assert status == UsageError.exit_status
    assert "dydx lists no ZZZ; `signalnode markets dydx` shows what it lists" in line
    assert main(["add", "dydx", "eth-usd"]) == 0
    assert "config/markets/ETH-USD.toml: written" in capsys.readouterr().out


def test_a_venue_that_cannot_be_asked_is_told_and_the_names_are_taken(home, capsys):
    url = f"http://127.0.0.1:{closed_port()}"
    assert main(["init", "x", "--rest-url", url, "--venue", "dydx", "ANY-USD"]) == 0
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("signalnode: not held against dydx's listing, ANY-USD taken as typed: 127.0.0.1:")
    verbs = ("doctor", "run --panel", "subscribe")
    assert [verb in line for verb, line in zip(verbs, out.splitlines()[2:], strict=True)] == [True] * 3
    assert list(load_node(home / "x" / "signalnode.toml").markets) == ["ANY-USD"]


def test_a_venue_of_another_address_alone_is_not_asked_at_its_own(home, capsys):
    assert main(["init", "x", "--ws-url", "ws://localhost:1/v4/ws", "--venue", "dydx", "ANY-USD"]) == 0
    assert "not held against dydx's listing, ANY-USD taken as typed" in capsys.readouterr().err
    assert load_node(home / "x" / "signalnode.toml").venues == {"dydx": {"ws_url": "ws://localhost:1/v4/ws"}}
    for options in (("--ws-url", "ws://localhost"), ("--ws-url", "ws://far/", "--venue", "dydx", "A-USD")):
        assert refused(capsys, "init", "y", *options)[0] == UsageError.exit_status


def listed(name: str, symbol: str, volume: float | None = None) -> Listed:
    made = instrument(name, symbol, tick_size="", size_step="", state="", is_open=True)
    return Listed(made, volume)


def test_a_market_is_meant_by_our_name_first_then_by_its_venues_in_any_spelling():
    all_of_them = [
        listed("BTC-USDT", "BTCUSDT"),
        listed("BTC-USDT-PERP", "linear:BTCUSDT"),
        listed("KPEPE-USD", "kPEPE"),
    ]
    for name, symbol in (
        ("BTC-USDT", "BTCUSDT"),
        ("btc-usdt", "BTCUSDT"),
        ("BTCUSDT", "BTCUSDT"),
        ("btc-usdt-perp", "linear:BTCUSDT"),
        ("kPEPE", "kPEPE"),
    ):
        found = named(name, all_of_them)
        assert found is not None, name
        assert found.instrument.symbol == symbol
    assert named("BTC", all_of_them) is None


def test_only_a_like_base_is_guessed_at():
    given = [listed("BTC-USD", "A"), listed("DOGE-USD", "B"), listed("SOL-USD", "C")]
    assert near("dydx", "FOO-USD", given) == "`signalnode markets dydx` shows what it lists"
    for name, meant in (("DOEG-USD", "DOGE-USD"), ("btc-usdt", "BTC-USD")):
        assert near("dydx", name, given).startswith(f"did you mean {meant}? ")


def test_volumes_that_are_not_known_come_last():
    given = [listed("A", "A"), listed("B", "B", 0.0), listed("C", "C", 5.0)]
    assert [each.instrument.market for each in sorted_by("volume", given)] == ["C", "B", "A"]
    assert sorted_by("name", given) == given
