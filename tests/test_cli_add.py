"""`add`: files of live markets beside the others, all or none and over none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.cli.add import _appended, renamed
from signalnode.cli.init import write_new
from signalnode.errors import ConfigError, NotRunningError, RuntimeDirectoryError, UsageError
from signalnode.settings import load_node
from tests.command_line import refused, tree

NOBODY = "http://127.0.0.1:9"  # so that no venue is asked


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `init` writes."""
    folder = tmp_path_factory.mktemp("begun") / "config"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", NOBODY)
        assert main(["init", str(folder), "--venue", "dydx", "BTC-USD"]) == 0
    return folder


@pytest.fixture(autouse=True)
def home(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNALNODE_CONFIG", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", NOBODY)
    shutil.copytree(begun, tmp_path / "config")
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
        (["dydx", "A/USD"], "dydx, which may know it, cannot be asked; try A-USD"),
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


def test_another_address_is_written_to_the_config_or_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = home / "config" / "signalnode.toml"
    urls = ("--ws-url", "ws://localhost:1/v2", "--rest-url", "http://localhost:1")
    assert main(["add", "kraken", "SOL-USD", *urls]) == 0
    assert main(["add", "kraken", "ADA-USD", *urls]) == 0
    node = load_node()
    assert node.venues == {"kraken": {"ws_url": "ws://localhost:1/v2", "rest_url": "http://localhost:1"}}
    before, files = config.read_bytes(), tree(home)
    status, line = refused(capsys, "add", "kraken", "XRP-USD", "--rest-url", "http://localhost:2")
    assert status == UsageError.exit_status
    assert "venues.kraken: has other addresses" in line
    assert (config.read_bytes(), tree(home)) == (before, files)


def test_a_config_is_as_it_was_where_the_markets_cannot_be_written(tmp_path: Path) -> None:
    config = tmp_path / "signalnode.toml"
    config.write_text("# mine\n")
    with pytest.raises(RuntimeDirectoryError), _appended(config, "[venues.okx]\n"):
        write_new(tmp_path, {config.name: b""})  # which is there
    assert config.read_text() == "# mine\n"


def test_the_same_market_of_another_venue_has_a_name_of_its_own(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "another name by --as" in refused(capsys, "add", "kraken", "BTC-USD")[1]
    assert main(["add", "kraken", "BTC-USD", "--as", "BTC-USD-KRAKEN"]) == 0
    feed = load_node().markets["BTC-USD-KRAKEN"].feed
    assert (feed.venue, feed.symbol) == ("kraken", "BTC/USD")
    for more, said in (
        (["ETH-USD", "SOL-USD", "--as", "X"], "names one market"),
        (["A", "--as", "a/b"], "a/b"),
    ):
        status, line = refused(capsys, "add", "kraken", *more)
        assert status == UsageError.exit_status
        assert said in line


def test_a_symbol_is_left_out_where_the_new_name_says_it() -> None:
    assert renamed("dydx", ("BTC-USD", ""), "MINE") == {"MINE": "BTC-USD"}
    assert renamed("kraken", ("ODD", "BTC/USD"), "BTC-USD") == {"BTC-USD": ""}
