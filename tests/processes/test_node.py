"""The real node: started, heard, killed in part, asked, reloaded, ended; nothing is left when it is gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import SCORE_NAMES, Score, ViewMessage
from signalnode_supervisor import NotRunning
from signalnode_supervisor.control import request
from tests.effort import PATIENCE_S, only_long, some
from tests.forked import Forked
from tests.ports import free_port
from tests.supervisor.forking import SO
from tests.supervisor.harness import KILLED

ROOT = Path(__file__).parent.parent.parent
SYNTHETIC = 'market = "{name}"\n[feed]\nkind = "synthetic"\nseed = {seed}\nevents_per_s = 100.0\n'
MARKETS = ("ALPHA-USD", "BETA-USD", "GAMMA-USD")
SOON_S = PATIENCE_S
COMMAND = "import sys; from signalnode.cli import main; sys.exit(main())"
# A session's leader has the terminal that it opens first.
ON_TERMINAL = """
import os, sys
os.setsid()
terminal = os.open("{name}", os.O_RDWR)
for number in range(3):
    os.dup2(terminal, number)
os.close(terminal)
sys.stdin = open(0, closefd=False)
"""


class Node:
    """A node on a config of its own."""

    PATHS: ClassVar[tuple[Path, ...]] = (ROOT,)  # what its interpreters import from
    FORKED: ClassVar[bool] = False  # it and its fork server, from what has loaded everything: a second sooner

    def __init__(self, folder: Path, *options: str, extra: str = "", terminal: int | None = None) -> None:
        self.folder = folder
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.config = folder / "config" / "signalnode.toml"
        (folder / "config" / "markets").mkdir(parents=True)
        self.config.write_text(f'[aggregator]\nendpoint = "{self.endpoint}"\n{extra}\n')
        for seed, name in enumerate(MARKETS):
            self.write_market(name, seed)
        self.process = self.spawn("run", *options) if terminal is None else self._fork("run", on=terminal)

    def write_market(self, name: str, seed: int) -> None:
        (self.config.parent / "markets" / f"{name}.toml").write_text(SYNTHETIC.format(name=name, seed=seed))

    def spawn(self, *argv: str) -> Forked | subprocess.Popen[str]:
        if self.FORKED:
            return self._fork(*argv)
        command = [sys.executable, "-m", "signalnode", *argv, "--config", str(self.config)]
        env, pipe = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.PATHS))}, subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env, cwd=self.folder)

    def ask(self, *argv: str, timeout_s: float = SOON_S) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        process = self._fork(*argv)
        out, err = process.communicate(timeout=timeout_s)
        assert process.returncode is not None
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def _fork(self, *argv: str, on: int | None = None) -> Forked:
        """The command, with the terminal `on` where one is named."""
        first = "" if on is None else ON_TERMINAL.format(name=os.ttyname(on))
        return Forked(
            first + SO + COMMAND, [*argv, "--config", str(self.config)], os.environ, folder=self.folder
        )

    def children(self) -> dict[str, dict[str, Any]]:
        """What the node says of each child, by name: asked on its socket, for a command is an interpreter."""
        answer = request(self.folder / "run" / "control.sock", "status", timeout_s=SOON_S)
        return {child["name"]: child for child in answer["children"]}

    def is_answering(self) -> bool:
        """Whether it takes requests."""
        with contextlib.suppress(NotRunning):
            return bool(self.children())
        return False

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Ask it to end as a terminal does; status, stdout and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SOON_S)
        return self.process.returncode, out, err

    def clear(self) -> None:
        """After a failed test: end what is still there."""
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for each in family:
                if each.is_running():
                    each.kill()
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class ForkedNode(Node):
    """For claims on what a node does once it runs."""

    FORKED = True


def until(scores: Iterator[Any], satisfied: Callable[[Score], bool], count_max: int = 3_000) -> Score:
    """The first score that satisfies, among at most `count_max`."""
    for _, message in zip(range(count_max), scores, strict=False):
        if isinstance(message, Score) and satisfied(message):
            return message
    raise AssertionError("no score satisfied the claim")


def heard(node: Node) -> None:
    """Wait for the first score of every market, and until the supervisor knows that it is up."""
    waiting = set(MARKETS)
    with subscribe(endpoint=node.endpoint) as scores:
        while waiting:
            message = scores.receive(SOON_S)
            assert isinstance(message, Score), node.process.poll()
            waiting.discard(message.market)
        while not all(node.children()[name]["state"] == "up" for name in MARKETS):
            assert scores.receive(SOON_S), node.process.poll()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for the tests that leave it as it was."""
    made = ForkedNode(tmp_path_factory.mktemp("node"))
    try:
        heard(made)
        yield made
    finally:
        made.clear()


def test_subscribe_prints_moving_scores_of_every_market(node: Node) -> None:
    process = node.spawn("subscribe", "--json")
    assert process.stdout is not None
    seen: dict[str, set[str]] = {market: set() for market in MARKETS}
    while min(map(len, seen.values())) < 2:  # they move, each in its own time
        message = json.loads(process.stdout.readline())  # its end, before that, is no JSON
        assert set(message["scores"]) >= set(SCORE_NAMES)
        assert all(0.0 <= value <= 100.0 for value in message["scores"].values())
        assert (message["v"], message["kind"]) == (1, "score")
        seen[message["market"]].add(json.dumps(message["scores"]))
    process.kill()
    process.communicate(timeout=SOON_S)


def test_subscribe_to_one_market_prints_no_other(node: Node) -> None:
    done = node.ask("subscribe", "BETA-USD", "--count", "3")
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, 3), done.stderr
    assert all(line.startswith("BETA-USD seq=") for line in lines)


def test_ctrl_c_ends_a_subscription_quietly(node: Node) -> None:
    process = node.spawn("subscribe")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SOON_S)
    assert (process.returncode, err) == (130, "")


def test_status_speaks_to_people_and_programs(node: Node) -> None:
    told = json.loads(node.ask("status", "--json").stdout)
    children = {child["name"]: child for child in told["children"]}
    assert set(children) == {"aggregator", *MARKETS}
    for name, child in children.items():
        assert child["state"] == "up"
        assert child["role"] == ("aggregator" if name == "aggregator" else "engine")
        assert psutil.pid_exists(child["pid"])
        assert {"epoch", "restarts", "pss_bytes", "last_exit"} <= set(child)
    table = node.ask("status").stdout
    assert all(name in table for name in children)


def test_a_second_node_is_refused_in_one_line(node: Node) -> None:
    done = node.ask("run")
    assert done.returncode == 6
    (line,) = done.stderr.splitlines()
    assert f"process {node.process.pid}" in line
    assert node.process.poll() is None


def test_an_unknown_market_is_refused_in_one_line(node: Node) -> None:
    done = node.ask("stop", "NOBODY-USD")
    assert done.returncode == 9
    (line,) = done.stderr.splitlines()
    assert "NOBODY-USD" in line


def test_a_killed_engine_comes_back_and_no_other_market_misses_a_score(node: Node) -> None:
    before = node.children()
    with subscribe(endpoint=node.endpoint) as scores:
        seen = {name: until(scores, lambda score, name=name: score.market == name) for name in MARKETS}  # type: ignore[misc]
        os.kill(before["BETA-USD"]["pid"], signal.SIGKILL)
        old = seen["BETA-USD"].epoch
        until(scores, lambda score: score.market == "BETA-USD" and score.epoch > old)
        for name in ("ALPHA-USD", "GAMMA-USD"):
            assert until(scores, lambda score, name=name: score.market == name).epoch == seen[name].epoch  # type: ignore[misc]
            assert scores.counts()[name].missed == 0
    after = node.children()
    restarts = before["BETA-USD"]["restarts"] + 1
    assert after["BETA-USD"]["restarts"] == restarts
    with subscribe(endpoint=node.endpoint, kinds=("view",)) as views:
        told = (view.markets["BETA-USD"].process for view in views if isinstance(view, ViewMessage))
        process = next(each for each in told if each and (each.state, each.restarts) == ("up", restarts))
    assert process.why in KILLED
    for name in ("ALPHA-USD", "GAMMA-USD", "aggregator"):
        assert after[name]["pid"] == before[name]["pid"]


def test_a_market_is_stopped_and_started_while_the_others_go_on(node: Node) -> None:
    before = node.children()
    assert node.ask("stop", "BETA-USD").stdout == "BETA-USD: down (stopped by request)\n"
    assert node.children()["BETA-USD"]["state"] == "down"
    assert node.ask("start", "BETA-USD").stdout == "BETA-USD: up\n"
    after = node.children()
    assert after["BETA-USD"]["epoch"] > before["BETA-USD"]["epoch"]
    assert after["ALPHA-USD"]["pid"] == before["ALPHA-USD"]["pid"]


def test_reload_applies_what_changed_and_nothing_when_it_is_faulty(node: Node) -> None:
    before = node.children()
    node.write_market("DELTA-USD", 9)
    node.write_market("BETA-USD", 10)
    done = node.ask("reload")
    assert done.stdout.splitlines()[:2] == ["added: DELTA-USD", "restarted: BETA-USD"]
    with subscribe("DELTA-USD", endpoint=node.endpoint) as scores:
        assert isinstance(scores.receive(SOON_S), Score), "the aggregator learned of it too"
    after = node.children()
    assert after["ALPHA-USD"]["pid"] == before["ALPHA-USD"]["pid"]
    assert after["aggregator"]["pid"] == before["aggregator"]["pid"]
    delta = node.config.parent / "markets" / "DELTA-USD.toml"
    delta.write_text("= broken")
    refused = node.ask("reload")
    assert refused.returncode == 9
    assert "DELTA-USD.toml: line 1" in refused.stderr
    assert node.children()["DELTA-USD"]["pid"] == after["DELTA-USD"]["pid"]
    delta.unlink()
    node.write_market("BETA-USD", 1)
    assert node.ask("reload").stdout.splitlines()[0] == "removed: DELTA-USD"
    assert set(node.children()) == {"aggregator", *MARKETS}


def test_a_started_market_is_heard_at_once_and_what_nobody_started_waits_for_reload(node: Node) -> None:
    before, markets = node.children(), node.config.parent / "markets"
    node.write_market("NEW-USD", 9)
    node.write_market("WAITS-USD", 10)
    (markets / "GAMMA-USD.toml").rename(markets / "GAMMA-USD.away")
    assert node.ask("start", "NEW-USD").stdout == "NEW-USD: up\n"
    with subscribe(endpoint=node.endpoint) as scores:
        for name in ("NEW-USD", *MARKETS):
            until(scores, lambda score, name=name: score.market == name)  # type: ignore[misc]
    known = json.loads((node.folder / "run" / "settings.json").read_text())["markets"]
    assert sorted(known) == sorted([*MARKETS, "NEW-USD"])
    after = node.children()
    assert {name: after[name]["pid"] for name in before} == {n: c["pid"] for n, c in before.items()}
    (markets / "GAMMA-USD.away").rename(markets / "GAMMA-USD.toml")
    for name in ("NEW-USD", "WAITS-USD"):
        (markets / f"{name}.toml").unlink()
    assert node.ask("reload").stdout == f"removed: NEW-USD\nuntouched: {len(before)}\n"


@pytest.mark.parametrize("number", some([signal.SIGINT, signal.SIGTERM], 1))
def test_the_end_is_clean_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    node = Node(tmp_path, "--panel")
    try:
        heard(node)
        assert node.process.stdout is not None
        assert any(" ALPHA-USD (synthetic) " in line and " mid " in line for line in node.process.stdout)
        family = psutil.Process(node.process.pid).children(recursive=True)
        assert len(family) >= len(MARKETS) + 2
        status, _, err = node.end(number)
    finally:
        node.clear()
    assert (status, err) == (0, "")
    assert not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert list((tmp_path / "run").iterdir()) == []
    assert (tmp_path / "state" / "logs" / "node.log").read_text()
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


@only_long("a node of its own, beside the two that end clean")
def test_an_end_in_a_hurry_leaves_nothing_either(tmp_path: Path) -> None:
    node = Node(tmp_path)
    try:
        heard(node)
        for left in ("GONE-USD.lock", "GONE-USD.scores"):  # as an engine does that had to be killed
            (tmp_path / "run" / left).touch()
        node.process.send_signal(signal.SIGINT)
        status, _, _ = node.end(signal.SIGINT)
    finally:
        node.clear()
    assert status == 0
    assert list((tmp_path / "run").iterdir()) == []


def test_a_node_whose_window_is_closed_ends_clean(tmp_path: Path) -> None:
    keyboard, terminal = os.openpty()
    node = Node(tmp_path, terminal=terminal)
    os.close(terminal)
    try:
        heard(node)
        os.close(keyboard)  # the kernel sends SIGHUP, which otherwise means reload
        assert node.process.wait(SOON_S) == 0
    finally:
        node.clear()
    assert list((tmp_path / "run").iterdir()) == []


def test_markets_outlive_a_killed_node_and_the_next_one_takes_them_over(tmp_path: Path) -> None:
    node = ForkedNode(tmp_path, extra='[supervisor]\non_supervisor_death = "keep"')
    before: dict[str, dict[str, Any]] = {}
    try:
        heard(node)
        before = node.children()
        node.process.kill()
        node.process.communicate()
        with subscribe(endpoint=node.endpoint) as scores:
            assert isinstance(scores.receive(SOON_S), Score), "nobody noticed"
            node.process = node.spawn("run")
            while not node.is_answering():
                assert scores.receive(SOON_S), "paced by what is heard, not by a clock"
            for name in MARKETS:
                until(scores, lambda score, name=name: score.market == name)  # type: ignore[misc]
            assert all(counts.missed == 0 for counts in scores.counts().values())
        after = node.children()
        status, _, _ = node.end()
    finally:
        node.clear()
        for child in before.values():
            with contextlib.suppress(ProcessLookupError):  # as it should be
                os.kill(child["pid"], signal.SIGKILL)
    assert {name: child["pid"] for name, child in after.items()} == {n: c["pid"] for n, c in before.items()}
    assert status == 0
    assert list((tmp_path / "run").iterdir()) == []
