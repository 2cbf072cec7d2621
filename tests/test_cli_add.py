"""`add`: files of live markets beside the others, all or none and over none."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.errors import ConfigError, NotRunningError, RuntimeDirectoryError, UsageError
from signalnode.settings import load_node
from tests.command_line import refused, tree


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNALNODE_CONFIG", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # no venue is asked
    main(["init", "config", "--venue", "dydx", "BTC-USD"])
    return tmp_path


def test_what_is_added_is_a_live_market_beside_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["add", "dydx", "ETH-USD", "SOL-USD"]) == 0
    *written, said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in written] == [
        "config/markets/ETH-USD.toml",
        "config/markets/SOL-USD.toml",
    ]
    assert said.endswith(": signalnode reload")
    markets = load_node().markets
    assert {name: (each.feed.kind, each.feed.venue) for name, each in markets.items()} == dict.fromkeys(
        ("BTC-USD", "ETH-USD", "SOL-USD"), ("live", "dydx")
    )


def test_no_file_is_written_over_and_none_beside_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(home)
    status, line = refused(capsys, "add", "dydx", "ETH-USD", "BTC-USD")
    assert status == RuntimeDirectoryError.exit_status
    assert "config/markets/BTC-USD.toml: is there, so nothing was written" in line
    assert tree(home) == before


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["dyd", "A-USD"], "'dyd' cannot be heard live; did you mean dydx"),
        (["moon", "A-USD"], "'moon' cannot be heard live; use dydx"),
        (["dydx", "A/USD"], "'A/USD' cannot name a market"),
        (["dydx", "A-USD", "A-USD"], "A-USD is named twice"),
        (["dydx", "A-USD", "--config", "x" * 90 + "/c.toml"], "there is no"),
    ],
)
def test_what_cannot_be_added_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], named: list[str], said: str
) -> None:
    before = tree(home)
    status, line = refused(capsys, "add", *named)
    assert status == (ConfigError if "--config" in named else UsageError).exit_status
    assert "--config" in named or said in line
    assert tree(home) == before


def test_a_reload_is_asked_for_after_the_file_is_there(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["add", "dydx", "ETH-USD", "--reload"]) == NotRunningError.exit_status
    assert (home / "config" / "markets" / "ETH-USD.toml").exists()
