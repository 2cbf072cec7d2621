"""`cluster`: what is refused in one line, and what is told on the way; a stand-in carries it here."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode.cli import cluster, main
from signalnode.cli.streams import _source
from signalnode.cluster.config import ClusterConfig
from signalnode.cluster.connection import NothingUpError, Tell
from signalnode.cluster.overview import HostRow, ShardRow, Status
from signalnode.cluster.place import Place, make_token
from signalnode.errors import AlreadyRunningError, ClusterError, ConfigError, RequestError, UsageError
from signalnode.files import hold_lock
from signalnode.settings import ClusterSettings
from tests.command_line import refused

HEAD = "10.0.0.1:6379"
VERBS_ASKING = ("up", "status", "rebalance", "down", "endpoint")


def row(shard: str, host: str, markets: tuple[str, ...], ready: int) -> ShardRow:
    return ShardRow(shard, host, "up", 100, 0.2, dict.fromkeys(markets, 101), ready=ready)


HOSTS = (HostRow("aaa1", "10.0.0.2", "up", 9.0, ("s1",), 1), HostRow("bbb2", "10.0.0.3", "up", 9.0, (), 0))
STARTING = Status(1, "at work", HOSTS, (row("s1", "aaa1", ("A-USD",), 0),), {}, (), 1)
READY = dataclasses.replace(STARTING, shards=(row("s1", "aaa1", ("A-USD",), 1),))
MOVED = dataclasses.replace(STARTING, shards=(row("s2", "bbb2", ("A-USD",), 1),))
STUCK = dataclasses.replace(READY, unplaced={"A-USD": "every other shard is full"})


class StandIn:
    """A cluster that stands, look by look, as the test says; the last one lasts. None: nothing is up."""

    def __init__(self) -> None:
        self.stands: list[Status | None] = [READY]
        self.asked: list[object] = []
        self.fault = ""

    def start_head(self, place: Place, cluster: ClusterSettings, tell: Tell) -> None:
        self.asked.append(("head", place.base, cluster.head))
        tell("the head is up")

    def join(self, place: Place, address: str, tell: Tell) -> None:
        self.asked.append(("join", place.base, address))
        tell("joined")

    @contextlib.contextmanager
    def connect(self, place: Place, cluster: ClusterSettings) -> Iterator[StandIn]:
        if self.fault:
            raise ClusterError(f"{self.fault} at {cluster.head}, asked from {place.base}")
        yield self

    def up(self, config: ClusterConfig) -> None:
        self.asked.append(config)

    def status(self) -> Status:
        status = self.stands.pop(0) if len(self.stands) > 1 else self.stands[0]
        if status is None:
            raise NothingUpError("cluster: nothing is up; run: signalnode cluster up")
        return status

    def drain(self, host: str) -> None:
        self.asked.append(("drain", host))

    def rebalance(self) -> None:
        self.asked.append("rebalance")

    def down(self) -> None:
        self.asked.append("down")

    def endpoint(self) -> str:
        return "tcp://10.0.0.2:7450"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr(cluster, "_carrier", lambda: made)
    monkeypatch.setattr(cluster, "LOOK_NS", 0)
    return made


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config of a cluster, on a machine that has the token."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    path = tmp_path / "config" / "signalnode.toml"
    (path.parent / "markets").mkdir(parents=True)
    path.write_text(f'[cluster]\nhead = "{HEAD}"\ncheckpoints = "file:///srv/x"\n')
    (path.parent / "markets" / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
    make_token(tmp_path / "state" / "cluster" / "token")
    return path


def place_of(config: Path) -> Place:
    return Place(config.parent.parent / "state" / "cluster")


@pytest.mark.parametrize("verb", [*VERBS_ASKING, "head"])
def test_without_the_extra_each_verb_says_how_to_install_it(
    verb: str, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else found(name))
    status, line = refused(capsys, "cluster", verb, "--config", config)
    assert status == ClusterError.exit_status
    assert line.endswith("run: pip install 'signalnode[cluster]'")


def test_nothing_of_ray_is_loaded_for_anybody_else() -> None:
    code = (
        "import sys, signalnode.cli.cluster, signalnode.cli.run, signalnode.cluster.config\n"
        "print([name for name in ('ray', 'fsspec') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "[]\n"


@pytest.mark.parametrize("verb", [*VERBS_ASKING, "head"])
def test_a_config_of_one_machine_is_no_clusters(
    verb: str, config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("")
    status, line = refused(capsys, "cluster", verb, "--config", config)
    assert status == ConfigError.exit_status
    assert line.endswith("signalnode.toml: cluster: is missing; give it `head` and `checkpoints`")


@pytest.mark.parametrize("command", [("check",), ("cluster", "up")])
def test_checkpoints_in_no_kind_of_store_are_a_fault_at_once(
    command: tuple[str, ...], config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f'[cluster]\nhead = "{HEAD}"\ncheckpoints = "s33://bucket/x"\n')
    status, line = refused(capsys, *command, "--config", config)
    assert status == ConfigError.exit_status
    assert "signalnode.toml: cluster.checkpoints: s33:// is no kind of store; write it like " in line
    assert there.asked == []


@pytest.mark.parametrize("verb", VERBS_ASKING)
def test_who_has_no_token_is_told_where_it_belongs(
    verb: str, config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    token = place_of(config).token
    token.unlink()
    status, line = refused(capsys, "cluster", verb, "--config", config)
    assert status == ClusterError.exit_status
    assert line.startswith(
        f"signalnode: {token}: there is no token; copy the file of that name from the head"
    )
    assert there.asked == []


def test_a_head_that_does_not_answer_costs_no_keys(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    there.fault = "cluster: no head answers"
    status, line = refused(capsys, "cluster", "up", "--new-keys", "--config", config)
    place = place_of(config)
    told = f"signalnode: {there.fault} at {HEAD}, asked from {place.base}"
    assert (status, line) == (ClusterError.exit_status, told)
    assert not place.keys.exists()


def test_the_head_makes_the_token_and_says_where_to_bring_it_and_not_what_it_is(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    place = place_of(config)
    place.token.unlink()
    assert main(["cluster", "head", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert place.token.stat().st_mode & 0o777 == 0o600
    assert str(place.token) in out
    assert f"signalnode cluster join {HEAD}" in out
    assert place.token.read_text() not in out
    assert there.asked == [("head", place.base, HEAD)]


def test_one_place_has_one_head_and_one_host(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    place = place_of(config)
    for verb, lock in ((("head",), "head.lock"), (("join", HEAD), "host.lock")):
        with hold_lock(place.base / lock):
            status = main(["cluster", *verb, "--config", str(config)])
        assert status == AlreadyRunningError.exit_status
        assert "held by process" in capsys.readouterr().err


def test_a_machine_joins_without_any_config(
    tmp_path: Path, there: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path / "home" / "signalnode" / "cluster")
    status, line = refused(capsys, "cluster", "join", HEAD)
    assert status == ClusterError.exit_status
    assert f"{place.token}: there is no token; copy the file of that name from the head ({HEAD})" in line
    make_token(place.token)
    assert main(["cluster", "join", HEAD]) == 0
    assert main(["cluster", "join", HEAD, "--dir", str(place.base)]) == 0
    assert there.asked == [("join", place.base, HEAD)] * 2


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.1:0", "10.0.0.1:99999", "tcp://10.0.0.1:6379"])
def test_what_is_no_address_is_joined_by_nobody(
    address: str, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = refused(capsys, "cluster", "join", address)
    assert status == UsageError.exit_status
    assert line.endswith(f"{address!r} is no host and port of a head; write it like 10.0.0.1:6379")


def test_up_tells_how_far_it_is_and_ends_when_all_give_scores(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    there.stands = [STARTING, STARTING, READY]
    assert main(["cluster", "up", "--config", str(config)]) == 0
    wanted, starting, ready = capsys.readouterr().out.splitlines()
    assert wanted == f"1 markets wanted; subscribers trust {place_of(config).keys / 'node.key'}"
    assert starting.endswith("0 of 1 markets ready")
    assert ready.endswith("1 of 1 markets ready")
    (up,) = there.asked
    assert isinstance(up, ClusterConfig)
    assert set(up.node.markets) == {"A-USD"}
    assert up.keys.keys() == {"node.key_secret"}


def test_up_says_which_markets_give_nothing_and_why(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    there.stands = [dataclasses.replace(STUCK, shards=(row("s1", "aaa1", (), 0),))]
    assert main(["cluster", "up", "--config", str(config)]) == ClusterError.exit_status
    out, err = capsys.readouterr()
    assert "A-USD has no place: every other shard is full" in out
    assert err.startswith("signalnode: 0 of 1 markets give scores; see: signalnode cluster status")


def test_new_keys_are_made_where_they_are_asked_for(config: Path, there: StandIn) -> None:
    for argv in ((), (), ("--new-keys",)):
        assert main(["cluster", "up", "--wait", "0", "--config", str(config), *argv]) == 0
    first, second, third = (dict(each.keys) for each in there.asked if isinstance(each, ClusterConfig))
    assert first == second
    assert first["node.key_secret"] != third["node.key_secret"]
    assert "allowed/before.key" in third


def test_status_is_a_table_or_one_object(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", "status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.startswith("cluster up, 2 hosts, 1 of 1 shards up, 1 of 1 markets ready\n")
    assert main(["cluster", "status", "--json", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shards"][0]["markets"] == {"A-USD": 101}
    there.stands = [None]
    status, line = refused(capsys, "cluster", "status", "--config", config)
    assert (status, line.split(";")[0]) == (ClusterError.exit_status, "signalnode: cluster: nothing is up")


def test_a_host_is_drained_by_its_address_until_it_has_no_market(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    there.stands = [READY, dataclasses.replace(MOVED, moving=("A-USD",)), MOVED]
    assert main(["cluster", "drain", "10.0.0.2", "--config", str(config)]) == 0
    assert there.asked == [("drain", "aaa1")]
    assert capsys.readouterr().out.splitlines()[-1].startswith("10.0.0.2 has no market; end its")


def test_a_host_whose_markets_find_no_other_place_is_said_to_have_them(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    there.stands = [STUCK]
    assert main(["cluster", "drain", "10.0.0.2", "--config", str(config)]) == ClusterError.exit_status
    out, err = capsys.readouterr()
    assert "A-USD has no place: every other shard is full" in out
    assert err == "signalnode: 10.0.0.2 still has 1 markets; add a host, or --wait longer\n"


def test_a_host_that_nobody_knows_is_not_drained(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = refused(capsys, "cluster", "drain", "10.0.0.9", "--config", config)
    assert status == RequestError.exit_status
    assert line.endswith("no host is called '10.0.0.9'; there are: 10.0.0.2 (aaa1), 10.0.0.3 (bbb2)")
    assert there.asked == []


def test_down_returns_when_nothing_is_up(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    there.stands = [dataclasses.replace(READY, phase="ending"), None]
    assert main(["cluster", "down", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "the cluster is down; its hosts stay joined"
    there.stands = [READY]
    assert main(["cluster", "rebalance", "--config", str(config)]) == 0
    assert there.asked == ["down", "rebalance"]


def test_where_layer_5_is_heard_stands_alone_on_a_line(
    config: Path, there: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", "up", "--wait", "0", "--config", str(config)]) == 0
    capsys.readouterr()
    assert main(["cluster", "endpoint", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "tcp://10.0.0.2:7450\n"
    assert main(["cluster", "endpoint", "--json", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["endpoint"] == "tcp://10.0.0.2:7450"
    assert f'"{told["key"]}"' in (place_of(config).keys / "node.key").read_text()


def test_who_subscribes_by_the_clusters_config_hears_layer_5_where_it_is(
    config: Path, there: StandIn
) -> None:
    source = _source(Namespace(config=config, endpoint=None, keys=None))
    assert (source.endpoint, source.keys) == ("tcp://10.0.0.2:7450", place_of(config).keys)
    assert source.is_clusters
    own = _source(Namespace(config=config, endpoint="tcp://h:1", keys=None))
    assert (own.endpoint, own.is_clusters) == ("tcp://h:1", False)
