"""Settings: what may be written, and one line with file, key and mend for each fault."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from signalnode.bus import wire
from signalnode.errors import ConfigError
from signalnode.names import SOCKET_PATH_BYTES_MAX
from signalnode.settings import (
    AggregatorSettings,
    EngineSettings,
    NodeSettings,
    aggregator_args,
    cache_root,
    engine_args,
    load_node,
    node_of,
    write_snapshot,
)
from signalnode.settings.model import AGGREGATOR_HEARTBEAT_S
from signalnode.settings.reading import shown

SYNTHETIC = 'market = "{name}"\n[feed]\nkind = "synthetic"\n'
WriteNode = Callable[..., Path]


@pytest.fixture
def write_node(tmp_path: Path) -> WriteNode:
    """Writes a node's file and its market files; returns the node's file."""

    def write(node: str = "", **markets: str) -> Path:
        path = tmp_path / "config" / "signalnode.toml"
        folder = path.parent / "markets"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(node)
        for name, text in (markets or {"SOL-USD": SYNTHETIC.format(name="SOL-USD")}).items():
            (folder / f"{name}.toml").write_text(text)
        return path

    return write


def faults_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_node(path)
    assert all("\n" not in fault for fault in caught.value.faults)
    return caught.value.faults


def only_fault(path: Path) -> str:
    (fault,) = faults_of(path)
    return fault


def test_an_empty_file_and_one_market_are_a_whole_config(write_node: WriteNode, tmp_path: Path) -> None:
    node = load_node(write_node())
    assert node.runtime_dir == tmp_path / "run"
    assert node.state_dir == tmp_path / "state"
    assert node.markets_dir == tmp_path / "config" / "markets"
    assert node.engine.publish_interval_ms == 100
    assert node.aggregator.endpoint == "tcp://127.0.0.1:7450"
    assert list(node.markets) == ["SOL-USD"]


def test_relative_paths_count_from_the_file_they_stand_in(write_node: WriteNode, tmp_path: Path) -> None:
    (tmp_path / "recorded.gz").write_bytes(b"")
    capture = 'market = "A"\n[feed]\nkind = "capture"\nvenue = "binance"\npaths = ["../../recorded.gz"]\n'
    node = load_node(write_node('runtime_dir = "here"', A=capture))
    assert node.runtime_dir == tmp_path / "config" / "here"
    assert node.markets["A"].feed.paths == (tmp_path / "recorded.gz",)


def test_a_whole_number_serves_where_a_number_is_asked(write_node: WriteNode) -> None:
    assert load_node(write_node("[supervisor]\nperiod_s = 5")).supervisor.period_s == 5.0


def test_the_config_is_found_through_the_environment(
    write_node: WriteNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALNODE_CONFIG", str(write_node()))
    assert list(load_node().markets) == ["SOL-USD"]


def test_a_folder_stands_for_the_config_in_it(write_node: WriteNode) -> None:
    path = write_node()
    assert load_node(path.parent).path == path.resolve()


def test_markets_come_in_name_order(write_node: WriteNode) -> None:
    names = ["c", "B", "a"]
    node = load_node(write_node("", **{name: SYNTHETIC.format(name=name) for name in names}))
    assert list(node.markets) == sorted(names)


def test_a_missing_file_is_named_with_the_mend(tmp_path: Path) -> None:
    fault = only_fault(tmp_path / "none.toml")
    assert "none.toml: there is no such file" in fault
    assert "--config" in fault


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("publish = = 1", "line 1: is not TOML"),
        ("\n\nx = = 1\n", "line 3: is not TOML"),
        ("x = ", "last line: is not TOML"),
        ("[engine", "is not TOML"),
        ("[engin]\n", "engin: unknown key; did you mean engine?"),
        (
            "[engine]\npublish_intervall_ms = 1",
            "engine.publish_intervall_ms: unknown key; did you mean publish_int",
        ),
        ("zzz = 1", "zzz: unknown key; known are runtime_dir"),
        (
            "[engine]\npublish_interval_ms = 0",
            "engine.publish_interval_ms: 0 is out of range; choose from 1 to 60,000",
        ),
        ("[engine]\nheartbeat_interval_ms = 1001", "engine.heartbeat_interval_ms: 1001 is out of range"),
        (
            '[engine]\npublish_interval_ms = "100"',
            "engine.publish_interval_ms: is a text in quotes; give it a whole",
        ),
        (
            "[engine]\npublish_interval_ms = true",
            "engine.publish_interval_ms: is true or false; give it a whole",
        ),
        ("[supervisor]\nperiod_s = nan", "supervisor.period_s: nan is out of range"),
        ("[supervisor]\nperiod_s = inf", "supervisor.period_s: inf is out of range"),
        ("engine = 1", "engine: is a whole number; give it a table"),
        ("runtime_dir = 1", "runtime_dir: is a whole number; give it a path in quotes"),
        ('markets_dir = "nowhere"', "markets_dir:"),
        (
            '[aggregator]\nendpoint = "tcp://0.0.0.0:7450"',
            "aggregator.endpoint: tcp://0.0.0.0:7450 can be reached",
        ),
        ('[aggregator]\nendpoint = "tcp://*:7450"', "aggregator.endpoint: tcp://*:7450 can be reached"),
        (
            '[aggregator]\nendpoint = "tcp://127.0.0.1"',
            "aggregator.endpoint: 'tcp://127.0.0.1' is no endpoint",
        ),
        ('[aggregator]\nendpoint = "tcp://127.0.0.1:99999"', "is no endpoint; write it like"),
        ('[aggregator]\nendpoint = "http://127.0.0.1:80"', "is no endpoint; write it like"),
        ('[aggregator]\nendpoint = "ipc:///' + "x" * 120 + '"', "aggregator.endpoint: the socket path"),
        # the socket for late joiners has an address of its own: the next port, or a longer path
        ('[aggregator]\nendpoint = "ipc:///' + "x" * 100 + '"', ".snapshot has 110 bytes"),
        (
            '[aggregator]\nendpoint = "tcp://127.0.0.1:65535"',
            "leaves no port after it for snapshots; use 65534",
        ),
        ('runtime_dir = "' + "d" * 110 + '"', "the system takes 107"),
    ],
)
def test_a_fault_of_the_node_file_is_one_line_with_file_and_key(
    write_node: WriteNode, text: str, expected: str
) -> None:
    faults = faults_of(write_node(text))
    assert any(expected in fault for fault in faults), faults
    assert all(fault.split(":")[0].endswith(".toml") for fault in faults)
    assert all(";" in fault for fault in faults), "each says the mend"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('market = "X"\nfeed = 3', "feed: is a whole number; give it a table"),
        ('market = "X"', "feed: is missing; give it a table"),
        ('[feed]\nkind = "synthetic"', "market: is missing; give it a text in quotes"),
        (
            'market = "X"\n[feed]',
            'feed.kind: is missing; give it "capture", "live", "recording" or "synthetic"',
        ),
        (
            'market = "X"\n[feed]\nkind = "live"\nvenue = "moon"',
            "feed.venue: 'moon' is not known; use dydx",
        ),
        ('market = "X"\n[feed]\nkind = "kraken"', "feed.kind: 'kraken' is not known; use"),
        ('market = "X"\n[feed]\nkind = "synthetic"\nlop = true', "feed.lop: unknown key; did you mean loop?"),
        (
            'market = "X"\n[feed]\nkind = "synthetic"\nloop = true',
            "feed.loop: does not apply to kind 'synthetic'",
        ),
        ('market = "X"\n[feed]\nkind = "recording"', "feed.paths: kind 'recording' needs it"),
        ('market = "X"\n[feed]\nkind = "recording"\npaths = ["no.parquet"]', "feed.paths: there is no file"),
        (
            'market = "X"\n[feed]\nkind = "recording"\npaths = "no.parquet"',
            "feed.paths: is a text in quotes; give",
        ),
        (
            'market = "X"\n[feed]\nkind = "recording"\npaths = [1]',
            "feed.paths: is a whole number; give it a path",
        ),
        ('market = "X"\n[feed]\nkind = "capture"\npaths = ["X.toml"]', "feed.venue: kind 'capture' needs it"),
        ('market = "X"\n[feed]\nkind = "recording"\npaths = ["X.toml", "X.toml"]', "is listed twice"),
        (
            'market = "X"\n[feed]\nkind = "recording"\npaths = ["X.toml"]',
            "X.toml is no recording (Parquet): `signalnode import` makes one of tables",
        ),
        ('market = "X"\n[feed]\nkind = "synthetic"\nspeed = -1.0', "feed.speed: -1.0 is out of range"),
        ('market = "X/Y"\n[feed]\nkind = "synthetic"', "market: 'X/Y' cannot name a market"),
        ('market = "X Y"\n[feed]\nkind = "synthetic"', "market: 'X Y' cannot name a market"),
        ('market = ""\n[feed]\nkind = "synthetic"', "market: '' cannot name a market"),
        ('market = "É"\n[feed]\nkind = "synthetic"', "market: 'É' cannot name a market"),
        ('market = "X\\n"\n[feed]\nkind = "synthetic"', "cannot name a market"),
        (
            'market = "' + "X" * 65 + '"\n[feed]\nkind = "synthetic"',
            "market: a name of 65 characters is too long",
        ),
        ('market = "node"\n[feed]\nkind = "synthetic"', "market: 'node' is a name of the node's own"),
        (
            'market = "Y"\n[feed]\nkind = "synthetic"',
            "does not match the file's name; rename the file to Y.toml",
        ),
        ('market = "X"\n[feed]\nkind = "synthetic"\n[signals]\na = "b"', "signals.a: 'b' is not a number"),
        (
            'market = "X"\n[feed]\nkind = "synthetic"\n[signals]\nextra = "x"',
            'signals.extra: is not a list of "file',
        ),
        (
            'market = "X"\n[feed]\nkind = "synthetic"\n[signals]\nextra = ["no.py:f"]',
            "signals.extra: there is no file",
        ),
        ("\xff", "is not TOML"),
    ],
)
def test_a_fault_of_a_market_file_is_one_line_with_file_and_key(
    write_node: WriteNode, text: str, expected: str
) -> None:
    faults = faults_of(write_node("", X=text))
    assert any(expected in fault for fault in faults), faults
    assert all("X.toml: " in fault for fault in faults)


def test_a_capture_that_is_parquet_is_a_fault(write_node: WriteNode, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    text = f'market = "X"\n[feed]\nkind = "capture"\nvenue = "okx"\npaths = ["{tmp_path}/a.parquet"]'
    (fault,) = faults_of(write_node("", X=text))
    assert "a.parquet is Parquet, no capture; write kind 'recording'" in fault


def test_a_service_works_in_the_root_and_names_files_in_full(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b.toml") == "a/b.toml"
    monkeypatch.chdir("/")
    assert shown(tmp_path / "a" / "b.toml") == str(tmp_path / "a" / "b.toml")


def test_every_fault_of_every_file_is_listed_at_once(write_node: WriteNode) -> None:
    path = write_node("[engine]\nfoo = 1\nbar = 2", X="[feed]\nkind = 1", Y='market = "Y"\n[feed]\n', Z="= 1")
    faults = faults_of(path)
    assert sum("signalnode.toml: engine." in fault for fault in faults) == 2
    assert sum("X.toml: " in fault for fault in faults) == 2
    assert sum("Y.toml: " in fault for fault in faults) == 1
    assert sum("Z.toml: line 1: " in fault for fault in faults) == 1


def test_a_market_named_twice_names_both_files(write_node: WriteNode) -> None:
    text = SYNTHETIC.format(name="ETH-USD")
    fault = only_fault(write_node("", **{"ETH-USD": text, "ETH-USD-2": text}))
    assert "ETH-USD-2.toml: market: 'ETH-USD' is named in" in fault
    assert "ETH-USD.toml too" in fault


def test_a_file_that_is_not_text_is_one_fault(write_node: WriteNode) -> None:
    path = write_node()
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    assert "line 2: is not UTF-8 text" in faults_of(path)[0]


def test_a_directory_in_place_of_a_market_file_is_one_fault(write_node: WriteNode) -> None:
    path = write_node()
    (path.parent / "markets" / "DIR.toml").mkdir()
    assert "DIR.toml: cannot be read" in only_fault(path)


def test_a_pipe_in_place_of_a_market_file_is_one_fault_and_nobody_waits_for_it(write_node: WriteNode) -> None:
    path = write_node()
    os.mkfifo(path.parent / "markets" / "B.toml")
    assert "is a pipe or device and no file" in only_fault(path)


def test_a_node_without_markets_is_a_fault(write_node: WriteNode) -> None:
    path = write_node()
    (path.parent / "markets" / "SOL-USD.toml").unlink()
    assert "markets_dir: no market in" in only_fault(path)


def test_the_longest_socket_path_still_fits(write_node: WriteNode, tmp_path: Path) -> None:
    name = "M" * 20
    room = SOCKET_PATH_BYTES_MAX - len(f"/{name}.scores")
    exact = "/" + "d" * (room - 1)
    market = {name: SYNTHETIC.format(name=name)}
    node = load_node(write_node(f'runtime_dir = "{exact}"', **market))
    assert len(bytes(node.scores_path(name))) == SOCKET_PATH_BYTES_MAX
    fault = only_fault(write_node(f'runtime_dir = "{exact}d"', **market))
    assert f"{name}.toml: market: the socket path" in fault
    assert "use a shorter runtime_dir" in fault


def test_an_endpoint_beyond_this_machine_is_allowed_with_keys(write_node: WriteNode) -> None:
    text = '[aggregator]\nendpoint = "tcp://0.0.0.0:7450"\nkeys_dir = "keys"'
    assert load_node(write_node(text)).aggregator.endpoint == "tcp://0.0.0.0:7450"


def test_signals_of_the_users_own_get_absolute_paths(write_node: WriteNode) -> None:
    text = (
        SYNTHETIC.format(name="X")
        + '[signals]\nfast_s = 2\nextra = ["mine.py:score", "installed.module:score"]\n'
    )
    path = write_node("", X=text)
    source = path.parent / "markets" / "mine.py"
    source.write_text("")
    extra = load_node(path).markets["X"].signals["extra"]
    assert extra == [f"{source}:score", "installed.module:score"]


def whole_node(write_node: WriteNode) -> NodeSettings:
    text = "[engine]\npublish_interval_ms = 7\n[strategies.threshold]\nentry = 80\n[supervisor]\nperiod_s = 3"
    markets = {name: SYNTHETIC.format(name=name) + "[signals]\nfast_s = 2.5\n" for name in ("A", "B")}
    return load_node(write_node(text, **markets))


def test_an_engine_gets_its_own_settings_and_reads_no_file(write_node: WriteNode) -> None:
    node = whole_node(write_node)
    args = json.loads(json.dumps(engine_args(node, "B")))
    assert node.path is not None
    node.path.write_text("broken = = =")
    passed = node_of(args)
    assert passed.markets == {"B": node.markets["B"]}
    assert passed.engine == node.engine
    assert passed.runtime_dir == node.runtime_dir
    assert passed.path == node.path


def test_an_engines_arguments_change_just_with_its_own_settings(write_node: WriteNode) -> None:
    before = whole_node(write_node)
    (before.markets_dir / "A.toml").write_text(SYNTHETIC.format(name="A") + "seed = 9\n")
    after = load_node(before.path)
    assert engine_args(before, "A") != engine_args(after, "A")
    assert engine_args(before, "B") == engine_args(after, "B")
    assert aggregator_args(before) == aggregator_args(after)


def test_an_engine_is_told_nothing_of_policies_strategies_and_the_aggregator(write_node: WriteNode) -> None:
    before = whole_node(write_node)
    after = replace(
        before,
        supervisor=replace(before.supervisor, intensity=9, stop_grace_s=9.0),
        aggregator=replace(before.aggregator, view_interval_ms=500),
        strategies={},
    )
    assert engine_args(before, "A") == engine_args(after, "A")
    slower = replace(before, engine=replace(before.engine, publish_interval_ms=500))
    assert engine_args(before, "A") != engine_args(slower, "A")
    told = engine_args(before, "A")["settings"].keys()
    assert told == {"runtime_dir", "state_dir", "markets_dir", "engine", "record", "markets", "path"}


def test_the_aggregator_reads_the_settings_that_were_checked(write_node: WriteNode) -> None:
    node = whole_node(write_node)
    node.runtime_dir.mkdir()
    written = write_snapshot(node)
    assert written.stat().st_mode & 0o777 == 0o600
    assert node.path is not None
    node.path.write_text("broken = = =")
    assert node_of(aggregator_args(node)) == node
    assert [file.name for file in node.runtime_dir.iterdir()] == ["settings.json"]


def test_a_damaged_snapshot_is_one_fault(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    assert "settings.json: is no snapshot" in only_fault(tmp_path / "settings.json")


def test_the_cache_falls_back_when_the_home_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked / "below"))
    assert cache_root().is_dir()
    monkeypatch.setenv("CACHE_DIRECTORY", f"{tmp_path}/systemd:{tmp_path}/second")
    assert cache_root() == tmp_path / "systemd"


def test_settings_mean_the_same_limits_as_the_wire() -> None:
    settings = AggregatorSettings()
    assert settings.silent_after_s == wire.SILENT_AFTER_S
    assert settings.message_bytes_max == wire.MESSAGE_BYTES_MAX
    assert EngineSettings().heartbeat_interval_ms <= wire.HEARTBEAT_S_MAX * 1_000
    assert AGGREGATOR_HEARTBEAT_S <= wire.HEARTBEAT_S_MAX
