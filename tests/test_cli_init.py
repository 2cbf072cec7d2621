"""`init`: what it writes is the shipped config, runs as it is, and costs nobody a file."""

from __future__ import annotations

import errno
import os
import tomllib
from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.cli.init import LONGEST_MARKET, SAMPLE, write_new
from signalnode.errors import RuntimeDirectoryError, UsageError
from signalnode.settings import VENUE_NAMES, load_node
from signalnode.settings.environment import config_option
from signalnode.settings.model import FEED_KEYS
from signalnode.settings.writing import DEMO_MARKETS, OWN_MARKET, TEMPLATES, own_texts
from tests.command_line import refused, tree
from tests.test_shipped_config import CONFIG, uncommented

FILES = {"a/first": b"1", "second": b"2"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNALNODE_CONFIG", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # no venue is asked
    return tmp_path


@pytest.mark.parametrize(("options", "markets"), [((), (OWN_MARKET,)), (("--demo",), DEMO_MARKETS)])
def test_what_is_written_has_no_fault_and_names_nothing_outside(
    home: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], markets: tuple[str, ...]
) -> None:
    assert main(["init", "x", *options]) == 0
    node = load_node(Path("x/signalnode.toml"))
    assert tuple(node.markets) == markets
    named = [path for market in node.markets.values() for path in market.feed.paths]
    assert all(home / "x" in path.parents for path in (node.runtime_dir, node.state_dir, *named))
    assert main(["check", "--config", "x/signalnode.toml"]) == 0
    assert max(map(len, markets)) <= len(LONGEST_MARKET)


def test_the_next_two_commands_are_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["init", "two words"])
    run, listen = capsys.readouterr().out.splitlines()[-2:]
    assert run.endswith(" run --panel --config 'two words/signalnode.toml'")
    assert listen.endswith(" subscribe --config 'two words/signalnode.toml'")
    main(["init"])
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        "--panel",
        "subscribe",
    ]
    assert load_node().path == Path("config/signalnode.toml").resolve()
    monkeypatch.setenv("SIGNALNODE_CONFIG", "two words/signalnode.toml")
    assert config_option(Path("two words/signalnode.toml")) == ""
    assert config_option(Path("config/signalnode.toml")) == " --config config/signalnode.toml"


def test_the_demo_is_the_shipped_config() -> None:
    main(["init", "x", "--demo"])
    shipped = {path.relative_to(CONFIG): path for path in CONFIG.rglob("*.toml")}
    written = {path.relative_to("x"): path for path in Path("x").rglob("*.toml")}
    assert written.keys() == shipped.keys()
    for name, path in written.items():
        lines = zip(path.read_text().splitlines(), shipped[name].read_text().splitlines(), strict=True)
        assert all('"../' in shipped_line for line, shipped_line in lines if line != shipped_line), name
    assert {path.name for path in Path("x/sample").iterdir()} == {path.name for path in SAMPLE.iterdir()}


def test_each_text_of_the_config_stands_once() -> None:
    own = {path.name for path in TEMPLATES.iterdir() if not path.is_symlink()}
    assert own == {f"{OWN_MARKET}.toml"}


def test_a_market_of_ones_own_is_shown_every_feed_and_every_parameter(home: Path) -> None:
    path = home / "own.toml"
    path.write_text(own_texts()[f"markets/{OWN_MARKET}.toml"])
    text = path.read_text()
    assert all(f'kind  = "{kind}"' in text or f'kind = "{kind}"' in text for kind in FEED_KEYS)
    assert all(f'"{venue}"' in text for venue in VENUE_NAMES)
    shown = {key for required, optional in FEED_KEYS.values() for key in required | optional}
    assert all(f"\n{key} " in text or f"\n# {key} " in text for key in shown)
    shipped = uncommented(CONFIG / "markets" / "BTC-USDT.toml")
    feed, signals = text.split("[signals]")
    assert tomllib.loads(feed)["market"] == OWN_MARKET
    path.write_text(f"[signals]{signals}")
    assert uncommented(path)["signals"] == shipped["signals"]


def test_no_file_is_written_over_and_none_beside_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = home / "x" / "markets" / "SOL-USD.toml"
    mine.parent.mkdir(parents=True)
    mine.symlink_to("nowhere")
    status, line = refused(capsys, "init", "x", "--demo")
    assert status == RuntimeDirectoryError.exit_status
    assert "x/markets/SOL-USD.toml: is there, so nothing was written; name another folder" in line
    assert tree(home / "x") == {"markets", "markets/SOL-USD.toml"}


def test_a_config_that_is_there_is_named_before_its_files(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "x", "--demo"]) == 0
    capsys.readouterr()
    status, line = refused(capsys, "init", "x", "--demo")
    assert (status, line.split(": ")[1]) == (RuntimeDirectoryError.exit_status, "x/signalnode.toml")


@pytest.mark.parametrize(("taken", "fault"), [("x", "x: cannot be made"), ("x/a", "x/a: cannot be made")])
def test_a_file_where_a_folder_is_to_be_is_one_line(home: Path, taken: str, fault: str) -> None:
    (home / taken).parent.mkdir(exist_ok=True)
    (home / taken).write_text("mine")
    with pytest.raises(RuntimeDirectoryError, match=fault):
        write_new(Path("x"), FILES)
    assert (home / taken).read_text() == "mine"


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, OSError), (errno.EROFS, RuntimeDirectoryError)])
def test_what_fails_half_way_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    opened = Path.open

    def failing(path: Path, mode: str) -> object:
        if path.name == "second":
            raise OSError(number, os.strerror(number))
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(kind, match="second"):
        write_new(Path("deep/x"), FILES)
    assert tree(home) == set()


def test_a_folder_too_deep_for_sockets_is_refused_before_anything_is_written(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = refused(capsys, "init", "x" * 100)
    assert status == UsageError.exit_status
    assert "the system takes 107; choose a folder with a shorter path" in line
    assert tree(home) == set()


def test_a_config_named_is_not_passed_over(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, line = refused(capsys, "init", "--config", "x/signalnode.toml")
    assert (status, tree(home)) == (UsageError.exit_status, set())
    assert "DIR says where to write" in line


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["moon", "BTC-USDT"], "--venue: 'moon' cannot be heard live; use dydx"),
        (["dydx"], "--venue: no market named; "),
        (["dydx", "BTC/USD"], "'BTC/USD' cannot name a market; "),
        (["dydx", "gateway.x"], "'gateway.x' is a name of the node's own; "),
        (["dydx", "A-USD", "A-USD"], "A-USD is named twice; "),
    ],
)
def test_live_markets_that_cannot_be_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str], named: list[str], said: str
) -> None:
    status, line = refused(capsys, "init", "x", "--venue", *named)
    assert status == UsageError.exit_status
    assert said in line
    assert tree(home) == set()


def test_live_markets_are_written_to_be_run_as_they_are(home: Path) -> None:
    assert main(["init", "x", "--venue", "dydx", "BTC-USD", "ETH-USD"]) == 0
    node = load_node(home / "x" / "signalnode.toml")
    assert {name: (one.feed.kind, one.feed.venue) for name, one in node.markets.items()} == {
        "BTC-USD": ("live", "dydx"),
        "ETH-USD": ("live", "dydx"),
    }
