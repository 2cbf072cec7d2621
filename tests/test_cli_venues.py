"""`venues`: every venue with what is known of it, and the addresses that this config gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.errors import ConfigError, UsageError
from signalnode.settings import LIVE_VENUES, VENUE_NAMES
from tests.command_line import refused


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNALNODE_CONFIG", raising=False)
    return tmp_path


def rows(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, list[str]]:
    assert main(["venues", *argv]) == 0
    _, *lines, _, _ = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split() for line in lines}


def test_every_venue_has_a_row_without_any_config(capsys: pytest.CaptureFixture[str]) -> None:
    told = rows(capsys)
    assert tuple(told) == VENUE_NAMES
    assert {venue for venue, cells in told.items() if cells[1] == "live"} == set(LIVE_VENUES)
    assert told["dydx"][-1] == "wss://indexer.dydx.trade/v4/ws"


def test_as_json_it_holds_limits_and_addresses_of_those_that_can_be_heard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["venues", "--json"]) == 0
    told = {each["venue"]: each for each in json.loads(capsys.readouterr().out)["venues"]}
    assert told["dydx"]["markets_max"] == 32
    assert told["dydx"]["loss_seen_by"] == "nothing"
    assert all(told[venue]["ws_url"].startswith("wss://") for venue in LIVE_VENUES)
    assert all(told[venue]["rest_url"].startswith("https://") for venue in LIVE_VENUES)


@pytest.mark.parametrize(
    "argv",
    [["markets"], ["doctor"], ["init", "new", "--venue"], ["add"], ["record"]],
    ids=lambda argv: argv[0],
)
def test_a_venue_in_capitals_is_told_as_it_is_written(
    argv: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "signalnode.toml").write_text("")
    for typed, written in (
        ("OKX", "okx"),
        ("Kraken-Futures", "kraken_futures"),
        ("BinanceUSDM", "binance_usdm"),
    ):
        markets = [] if argv[0] in ("markets", "doctor") else ["BTC-USDT"]
        config = ["--config", str(home / "signalnode.toml")] if argv[0] == "add" else []
        status, line = refused(capsys, *argv, typed, *markets, *config)
        assert status == UsageError.exit_status
        assert line.endswith(f"{typed!r} cannot be heard live; did you mean {written}")
    assert not (home / "new").exists()


def test_another_address_in_the_config_is_the_one_shown(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config").mkdir()
    config = home / "config" / "signalnode.toml"
    config.write_text('[venues.dydx]\nws_url = "ws://localhost:1/v4/ws"\n')
    assert rows(capsys)["dydx"][-1] == "ws://localhost:1/v4/ws"
    config.write_text('[venues.dydx]\nws_url = "ws://elsewhere/v4/ws"\n')
    assert refused(capsys, "venues")[0] == ConfigError.exit_status
