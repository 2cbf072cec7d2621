"""What an operator does to a real node: limits, logs, giving up and mending, stops that last."""

from __future__ import annotations

import json
import lzma
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import Score
from tests.effort import only_long
from tests.processes.test_node import MARKETS, SOON_S, ForkedNode, Node, heard
from tests.supervisor.harness import KILLED

POLICY = """
[supervisor]
intensity = 1
retry_s = 0.0
memory_mb_max = 600
nice = 2
"""
LIMITS = "[limits]\nmemory_mb_max = 400\nnice = 3\ncpus = [{cpu}]\nfiles_max = 200\n"
HOUR_NS = 3_600_000_000_000
SHORT_START = "[supervisor]\nstart_timeout_s = 1.0\n"
COPIES = 10  # of the sample: they take longer to decode than a start may take
CPU = min(os.sched_getaffinity(0))
NICE_MAX = 19
PROBES_MAX, PROBE_S = 12_000, 0.01  # looks at a state that is about to change, and the time between two


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for the tests that leave it as it was; BETA-USD has limits of its own."""
    made = LimitedNode(tmp_path_factory.mktemp("operations"), extra=POLICY)
    try:
        heard(made)
        yield made
    finally:
        made.clear()


class LimitedNode(ForkedNode):
    """A node whose second market has limits of its own."""

    def write_market(self, name: str, seed: int) -> None:
        super().write_market(name, seed)
        if name == "BETA-USD":
            path = self.config.parent / "markets" / f"{name}.toml"
            path.write_text(path.read_text() + LIMITS.format(cpu=CPU))


def state_of(node: Node, name: str, satisfied: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A child's status as soon as it satisfies."""
    for _ in range(PROBES_MAX):
        child = node.children()[name]
        if satisfied(child):
            return child
        time.sleep(PROBE_S)
    raise AssertionError(child)


def kill(node: Node, name: str) -> None:
    """End one process the hard way, and wait until the supervisor has noticed."""
    pid = node.children()[name]["pid"]
    os.kill(pid, signal.SIGKILL)
    state_of(node, name, lambda child: (child["last_exit"] or {}).get("pid") == pid)


def test_each_engine_lives_within_its_limits(node: Node) -> None:
    children = node.children()
    alpha, beta = (psutil.Process(children[name]["pid"]) for name in ("ALPHA-USD", "BETA-USD"))
    own = os.nice(0)  # the run of these tests may be a polite one
    born_bytes = 600_000_000  # the cap counts from what a process shares at birth
    assert (alpha.nice(), beta.nice()) == (min(own + 2, NICE_MAX), min(own + 3, NICE_MAX))
    assert beta.cpu_affinity() == [CPU]
    assert beta.rlimit(psutil.RLIMIT_NOFILE)[0] == 200
    caps = [each.rlimit(psutil.RLIMIT_DATA)[0] for each in (alpha, beta)]
    if caps[0] != psutil.RLIM_INFINITY:  # else the control group caps it
        assert 600_000_000 < caps[0] < 600_000_000 + born_bytes
        assert caps[0] - caps[1] == pytest.approx(200_000_000, abs=20_000_000)
    assert psutil.Process(children["aggregator"]["pid"]).nice() == own


def test_status_tells_how_old_each_score_is(node: Node) -> None:
    for name in MARKETS:
        assert state_of(node, name, lambda child: "score_age_s" in child)["score_age_s"] < SOON_S
    heading = node.ask("status").stdout.splitlines()[2]
    assert (
        " ".join(heading.split()) == "name state data pid uptime restarts memory cpu score last exit reason"
    )


def test_the_log_of_a_market_can_be_read_and_followed(node: Node) -> None:
    entries = [json.loads(line) for line in node.ask("logs", "ALPHA-USD", "--json").stdout.splitlines()]
    assert {"up"} <= {entry["event"] for entry in entries}
    assert all(entry["market"] == "ALPHA-USD" for entry in entries)
    lines = node.ask("logs", "ALPHA-USD", "--lines", "1").stdout.splitlines()
    assert len(lines) == 1
    following = node.spawn("logs", "ALPHA-USD", "--lines", "1", "--follow")
    assert following.stdout is not None
    assert following.stdout.readline() == lines[0] + "\n"
    node.ask("restart", "ALPHA-USD")
    assert any(" up " in line for line in following.stdout), "what comes is printed as it comes"
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=SOON_S)
    assert (following.returncode, err) == (130, "")


@pytest.mark.parametrize(
    ("argv", "status", "expected"),
    [
        (("logs", "NOBODY-USD"), 9, "no log of NOBODY-USD in"),
        (("logs", "../ALPHA-USD"), 2, "cannot name a market"),
        (("logs", "ALPHA-USD", "--lines", "0"), 2, "'0' is not a whole number"),
        (("status", "NOBODY-USD"), 9, "NOBODY-USD"),
        (("start", "NOBODY-USD"), 9, "unknown: NOBODY-USD"),
    ],
)
def test_a_wrong_name_is_refused_in_one_line(
    node: Node, argv: tuple[str, ...], status: int, expected: str
) -> None:
    done = node.ask(*argv)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (status, "")
    assert expected in line


def test_reload_refuses_what_only_a_new_start_can_change(node: Node) -> None:
    text = node.config.read_text()
    node.config.write_text(text + 'on_supervisor_death = "keep"\n')
    done = node.ask("reload")
    node.config.write_text(text)
    assert done.returncode == 9
    assert "supervisor.on_supervisor_death: cannot change while the node runs" in done.stderr


def test_a_restart_beside_a_faulty_file_says_that_it_used_the_old_settings(node: Node) -> None:
    path = node.config.parent / "markets" / "ALPHA-USD.toml"
    sound = path.read_text()
    path.write_text(sound + "wrong = 1\n")
    told = node.ask("restart", "ALPHA-USD")
    path.write_text(sound)
    assert (told.returncode, told.stdout) == (0, "ALPHA-USD: up\n")
    assert "old settings used" in told.stderr
    assert "wrong: unknown key" in told.stderr


def test_a_market_ended_by_a_signal_from_outside_comes_back(node: Node) -> None:
    assert node.ask("restart", "ALPHA-USD").returncode == 0, "which also forgets failures"
    before = node.children()["ALPHA-USD"]
    os.kill(before["pid"], signal.SIGTERM)
    after = state_of(node, "ALPHA-USD", lambda child: child["epoch"] not in (None, before["epoch"]))
    assert (after["last_exit"]["exit"], after["last_exit"]["expected"]) == ("SIGTERM", False)
    assert (after["restarts"], after["wanted"]) == (before["restarts"] + 1, "up")


def test_another_policy_applies_without_a_restart(node: Node) -> None:
    before, text = node.children(), node.config.read_text()
    node.config.write_text(text.replace("intensity = 1", "intensity = 7"))
    told = node.ask("reload").stdout.splitlines()
    node.config.write_text(text)
    names = sorted(before.keys() - {"aggregator"})  # which is never given up, whatever the policy says
    assert told == [f"another policy, not restarted: {', '.join(names)}", f"untouched: {len(before)}"]
    assert node.ask("reload").stdout.splitlines() == told, "and back again"
    assert {n: c["pid"] for n, c in node.children().items()} == {n: c["pid"] for n, c in before.items()}


def test_alerts_come_go_and_change_with_a_reload_and_nobody_else_is_touched(node: Node) -> None:
    before, text, told = node.children(), node.config.read_text(), node.folder / "told"
    others = f"untouched: {len(before)}\n"
    writes = """'printf "%s\\n" "$SIGNALNODE_ALERT" >> told'"""
    table = f'[alerts]\ncommand = ["sh", "-c", {writes}]\nstates = ["down"]\nafter_s = 0.5\n'
    node.config.write_text(f"{text}\n{table}")
    assert node.ask("reload").stdout == f"added: alerts\n{others}"
    node.ask("stop", "BETA-USD")
    for _ in range(PROBES_MAX):
        if told.exists() and told.read_text().endswith("\n"):
            break
        time.sleep(PROBE_S)
    assert [each["subject"] for each in json.loads(told.read_text().splitlines()[0])["alerts"]] == [
        "BETA-USD"
    ]
    node.config.write_text(f'{text}\n{table}silent = ["BETA-*"]\n')
    assert node.ask("reload").stdout == f"restarted: alerts\n{others}"
    node.config.write_text(text)
    assert node.ask("reload").stdout == f"removed: alerts\n{others}"
    assert node.ask("start", "BETA-USD").stdout == "BETA-USD: up\n"
    stays = before.keys() - {"BETA-USD"}
    assert {name: node.children()[name]["pid"] for name in stays} == {n: before[n]["pid"] for n in stays}


def test_a_market_that_fails_too_often_rests_alone_until_it_is_started(node: Node) -> None:
    before = node.children()
    kill(node, "GAMMA-USD")
    state_of(node, "GAMMA-USD", lambda child: child["state"] == "up")
    kill(node, "GAMMA-USD")
    state_of(node, "GAMMA-USD", lambda child: child["state"] == "given_up")
    told = node.ask("status", "GAMMA-USD").stdout
    assert told.startswith("GAMMA-USD  engine, given up\n")
    assert "gave up after 2 failures in 60 s, the last: SIGKILL" in told
    assert sum(told.count(f"  {each}  process ") for each in KILLED) == 2, "every exit is there"
    row = next(line for line in node.ask("status").stdout.splitlines() if line.startswith("GAMMA-USD"))
    assert "given up" in row
    assert node.ask("start", "GAMMA-USD").stdout == "GAMMA-USD: up\n"
    with subscribe("GAMMA-USD", endpoint=node.endpoint) as scores:
        assert isinstance(scores.receive(SOON_S), Score)
    after = node.children()
    for name in ("ALPHA-USD", "BETA-USD", "aggregator"):
        assert after[name]["pid"] == before[name]["pid"]


def test_a_recording_at_its_end_stays_ended(node: Node) -> None:
    excerpt = Path(__file__).parent.parent / "data" / "binance" / "btcusdt_first.gz"
    path = node.config.parent / "markets" / "SHORT.toml"
    path.write_text(
        'market = "SHORT"\n[feed]\nkind = "capture"\nvenue = "binance"\nsymbol = "BTCUSDT"\nspeed = 0\n'
        f'paths = ["{excerpt}"]\n'
    )
    assert node.ask("reload").stdout.startswith("added: SHORT\n")
    ended = state_of(node, "SHORT", lambda child: child["state"] == "down")
    assert (ended["reason"], ended["wanted"], ended["restarts"]) == ("exit 0", "up", 0)
    assert node.ask("start", "SHORT").returncode == 0
    path.unlink()
    assert node.ask("reload").stdout.startswith("removed: SHORT\n")


def test_what_was_stopped_stays_stopped_when_the_node_starts_again(node: Node) -> None:
    """The last of those that share a node, for it ends."""
    assert node.ask("stop", "BETA-USD").returncode == 0
    node.end()
    at_rest = node.ask("logs", "BETA-USD", "--json")
    assert json.loads(at_rest.stdout.splitlines()[-1])["event"] == "down", "read without a node"
    node.process = node.spawn("run")
    while not node.is_answering():
        assert node.process.poll() is None
        time.sleep(PROBE_S)
    beta = state_of(node, "BETA-USD", lambda child: child["state"] != "starting")
    assert (beta["state"], beta["reason"]) == ("down", "stopped by request")
    told = node.ask("status", "BETA-USD").stdout
    assert told.startswith("BETA-USD  engine, down, stopped by request\n")
    assert "SIGTERM as asked" in told, "exits are remembered as well"
    assert node.ask("start", "BETA-USD").stdout == "BETA-USD: up\n"
    assert node.ask("shutdown").stdout == "the node has stopped\n"
    assert list((node.folder / "run").iterdir()) == [], "when it says so, nothing is left"
    assert node.process.wait(SOON_S) == 0


def later(lines: list[bytes], by_ns: int) -> bytes:
    """The lines of a capture, received so much later."""
    parts = (line.split(b" ", 1) for line in lines)
    return b"".join(b"%d %s" % (int(received) + by_ns, frame) for received, frame in parts)


@only_long("five seconds of decoding; tests/processes/supervisor/test_starting.py has the like")
def test_a_first_decoding_may_take_longer_than_a_start(tmp_path: Path) -> None:
    sample = Path(__file__).parent.parent.parent / "signalnode" / "sample" / "btcusdt_20240808.xz"
    node = Node(tmp_path, extra=SHORT_START)
    try:
        heard(node)
        copies = [str(tmp_path / f"{number}.txt") for number in range(COPIES)]
        with lzma.open(sample) as file:
            lines = file.readlines()
        for number, copy in enumerate(copies):
            Path(copy).write_bytes(later(lines, number * HOUR_NS))
        (node.config.parent / "markets" / "BTC-USDT.toml").write_text(
            f'market = "BTC-USDT"\n[feed]\nkind = "capture"\nvenue = "binance"\npaths = {copies}\n'
        )
        assert node.ask("start", "BTC-USDT").stdout.startswith("BTC-USDT: starting (preparing ")
        row = next(line for line in node.ask("status").stdout.splitlines() if line.startswith("BTC-USDT"))
        assert "preparing " in row
        long = state_of(node, "BTC-USDT", lambda child: child["state"] != "starting")
        assert (long["state"], long["restarts"], long["last_exit"]) == ("up", 0, None)
    finally:
        node.clear()
