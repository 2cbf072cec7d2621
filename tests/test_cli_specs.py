"""From settings to what the supervisor runs: policies, limits, and what this machine cannot grant."""

from __future__ import annotations

import grp
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import signalnode
from signalnode.cli import main
from signalnode.cli.check import ConfigCheck
from signalnode.cli.run import _check_directory, _check_unchanged, with_names
from signalnode.cli.specs import group_faults, limit_faults, spec_faults, specs_of, supervisor_settings
from signalnode.errors import ConfigError, RuntimeDirectoryError
from signalnode.names import NAME_CHARS_MAX, RESERVED_NAMES, SOCKET_PATH_BYTES_MAX, market_name_fault
from signalnode.settings import load_node
from signalnode.settings.model import AGGREGATOR_HEARTBEAT_S
from signalnode_supervisor import ChildSpec, control
from tests.forked import Forked

MARKET = 'market = "{name}"\n[feed]\nkind = "synthetic"\n{more}\n'
CPU = min(os.sched_getaffinity(0))
ABSENT_CPU = max(os.sched_getaffinity(0)) + 1
WriteNode = Callable[..., Path]


@pytest.fixture
def write_node(tmp_path: Path) -> WriteNode:
    """Writes a node with `[supervisor]` lines and, by market, further lines; returns the node's file."""

    def write(policy: str = "", **markets: str) -> Path:
        path = tmp_path / "config" / "signalnode.toml"
        (path.parent / "markets").mkdir(parents=True, exist_ok=True)
        path.write_text(f"[supervisor]\n{policy}\n")
        for name, more in (markets or {"A": ""}).items():
            (path.parent / "markets" / f"{name}.toml").write_text(MARKET.format(name=name, more=more))
        return path

    return write


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that gets as far as starting fails its test at once instead of running on."""
    monkeypatch.setattr(
        "signalnode.cli.run.run_supervised", lambda *_, **__: pytest.fail("a node was started")
    )


def specs(path: Path) -> dict[str, ChildSpec]:
    return {spec.name: spec for spec in specs_of(load_node(path))}


def test_a_recording_that_ends_stays_ended_and_the_aggregator_always_returns(write_node: WriteNode) -> None:
    made = specs(write_node())
    assert made["A"].restart == "on-failure"
    assert made["aggregator"].restart == "always"
    made = specs(write_node('restart = "never"'))
    assert (made["A"].restart, made["aggregator"].restart) == ("never", "always")


def test_every_policy_reaches_every_child(write_node: WriteNode) -> None:
    text = """
        intensity = 2
        period_s = 7.0
        backoff_initial_s = 0.25
        backoff_max_s = 9.0
        stable_s = 11.0
        retry_s = 13.0
        start_timeout_s = 17.0
        stop_grace_s = 3.0
        heartbeats_missed_max = 4
    """
    for name, spec in specs(write_node(text)).items():
        budget = (None, 5.0) if name == "aggregator" else (2, 9.0)  # Layer 5 is never given up
        assert (spec.intensity, spec.backoff_max_s) == budget
        assert (spec.period_s, spec.stable_s, spec.retry_s) == (7.0, 11.0, 13.0)
        assert spec.backoff_first_s == 0.25
        assert (spec.start_timeout_s, spec.stop_grace_s, spec.heartbeats_missed_max) == (17.0, 3.0, 4)


def test_a_markets_own_limits_come_before_the_nodes(write_node: WriteNode) -> None:
    policy = f"memory_mb_max = 300\nnice = 5\ncpus = [{CPU}]\nfiles_max = 128"
    own = "[limits]\nmemory_mb_max = 0\nnice = 0\ncpus = []"
    made = specs(write_node(policy, A="", B=own))
    assert made["A"].limits.memory_max_bytes == 300_000_000
    assert (made["A"].limits.nice, made["A"].limits.cpu_affinity) == (5, (CPU,))
    assert (made["A"].limits.files_max, made["B"].limits.files_max) == (128, 128)
    assert (made["B"].limits.memory_max_bytes, made["B"].limits.nice) == (None, 0)
    assert made["B"].limits.cpu_affinity == ()
    assert made["aggregator"].limits.memory_max_bytes is None, "the limits are an engine's"


def test_a_reload_restarts_just_the_market_whose_limits_changed(write_node: WriteNode) -> None:
    before = specs(write_node("", A="", B=""))
    after = specs(write_node("", A="", B="[limits]\nnice = 3"))
    assert {name for name in after if after[name].digest() != before[name].digest()} == {"B"}


def test_another_policy_of_the_node_restarts_nobody(write_node: WriteNode) -> None:
    text = "intensity = 9\nretry_s = 5.0\nbackoff_max_s = 5.0\nstart_timeout_s = 5.0\nstop_grace_s = 2.0"
    before, after = specs(write_node("", A="")), specs(write_node(text, A=""))
    assert all(before[name] != after[name] for name in after)
    assert all(before[name].digest() == after[name].digest() for name in after)


def test_the_aggregators_heart_beats_at_its_own_pace(write_node: WriteNode) -> None:
    path = write_node()
    path.write_text("[engine]\nheartbeat_interval_ms = 20\n")
    made = specs(path)
    assert made["A"].heartbeat_interval_s == 0.02
    assert made["aggregator"].heartbeat_interval_s == AGGREGATOR_HEARTBEAT_S


@pytest.mark.parametrize(
    ("policy", "market", "expected"),
    [
        (f"cpus = [{ABSENT_CPU}]", "", f"signalnode.toml: supervisor.cpus: no CPU {ABSENT_CPU}"),
        ("", f"[limits]\ncpus = [{ABSENT_CPU}]", f"A.toml: limits.cpus: no CPU {ABSENT_CPU}"),
        (
            "files_max = 3",
            "",
            "signalnode.toml: supervisor.files_max: too few for an engine; choose at least",
        ),
        ("", "[limits]\nmemory_mb_max = 1", "A.toml: limits.memory_mb_max: too few for an engine; choose"),
    ],
)
def test_a_limit_this_machine_cannot_grant_is_one_line_of_check(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, policy: str, market: str, expected: str
) -> None:
    for verb in ("check", "run"):
        assert main([verb, "--config", str(write_node(policy, A=market))]) == ConfigError.exit_status
        (line,) = capsys.readouterr().err.splitlines()
        assert expected in line
        assert ";" in line, "it says the mend"


def test_more_files_than_the_system_allows_is_a_fault(
    write_node: WriteNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    (fault,) = limit_faults(load_node(write_node("files_max = 101")))
    assert "supervisor.files_max: the system allows 100; choose no more" in fault


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'restart = "sometimes"',
            'supervisor.restart: \'sometimes\' is not known; use "always", "on-failure"',
        ),
        ("nice = 20", "supervisor.nice: 20 is out of range"),
        ("nice = -1", "supervisor.nice: -1 is out of range"),
        ("retry_s = -1.0", "supervisor.retry_s: -1.0 is out of range"),
        ('cpus = ["0"]', "supervisor.cpus: is a text in quotes; give it a whole number"),
        ("cpus = [5000]", "supervisor.cpus: 5000 is out of range"),
        ("memory_mb_max = 1.5", "supervisor.memory_mb_max: is a number; give it a whole number"),
    ],
)
def test_an_impossible_policy_is_one_line(write_node: WriteNode, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_node(write_node(text))
    (fault,) = caught.value.faults
    assert expected in fault


def test_a_folder_that_is_called_as_the_package_is_not_taken_for_it(
    write_node: WriteNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "signalnode").mkdir()  # a clone of it, say, in which the package is one level below
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    path = write_node(A="")
    path.write_text("[strategies.threshold]\nentry = 80.0\n")
    assert ConfigCheck().node(path).strategies


def test_what_only_a_new_start_can_change_is_refused_by_reload(write_node: WriteNode) -> None:
    before = load_node(write_node())
    after = load_node(write_node('on_supervisor_death = "keep"'))
    with pytest.raises(ConfigError, match="on_supervisor_death: cannot change while the node runs; stop it"):
        _check_unchanged(before, after)


def test_a_start_tells_the_aggregator_of_its_own_names_and_of_nothing_else(write_node: WriteNode) -> None:
    before = load_node(write_node("", A="", B=""))
    path = write_node("", A="[signals]\nfast_s = 3.0", B="[signals]\nfast_s = 3.0", C="", D="")
    path.write_text("[strategies.ranking]\nk = 2\n[aggregator]\nview_interval_ms = 500\n")
    (path.parent / "markets" / "B.toml").unlink()
    after = load_node(path)
    known = with_names(before, after, ("C",))
    assert list(known.markets) == ["A", "B", "C"]
    assert known.markets["A"] == before.markets["A"]
    assert (known.strategies, known.aggregator) == (before.strategies, before.aggregator)
    known = with_names(before, after, ("A", "aggregator"))
    assert known.markets["A"] == after.markets["A"]
    assert (known.strategies, known.aggregator) == (after.strategies, after.aggregator)


def test_a_reload_restarts_just_the_market_whose_own_signal_means_something_else(
    write_node: WriteNode,
) -> None:
    path = write_node(A='[signals]\nextra = ["calm.py:calm"]', B="")
    file = path.parent / "markets" / "calm.py"
    file.write_text("def calm(features, parameters): return 1.0\n")
    before = specs(path)
    for text in (
        "def calm(features, parameters): return 1.0",
        "# Mine.\ndef calm(features, parameters):\n    return 1.0\n",
    ):
        file.write_text(text)
        assert {name: spec.digest() for name, spec in specs(path).items()} == {
            name: spec.digest() for name, spec in before.items()
        }
    file.write_text("def calm(features, parameters): return 2.0\n")
    after = specs(path)
    assert [name for name in before if before[name].digest() != after[name].digest()] == ["A"]


def run_from_what_is_loaded(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run`, for what `ConfigCheck` asks."""
    _python, _safe, _code, _program, _asked_by, *words = command
    forked = Forked("import sys; from signalnode.cli import main; sys.exit(main())", words, os.environ)
    said, faults = forked.communicate()
    return subprocess.CompletedProcess(command, forked.wait(), said, faults)


@pytest.mark.parametrize("place", ["markets/calm.py", "mine.py"])
def test_a_file_of_the_users_own_is_checked_again_once_it_was_edited(
    write_node: WriteNode, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = write_node('[strategies.mine]\nkind = "mine.py:Mine"', A='[signals]\nextra = ["calm.py:calm"]')
    (path.parent / "markets" / "calm.py").write_text("def calm(features, parameters): return 1.0\n")
    (path.parent / "mine.py").write_text(
        "class Mine:\n    def evaluate_opportunities(self, view): return []\n"
    )
    check = ConfigCheck()
    monkeypatch.setattr("subprocess.run", run_from_what_is_loaded)
    check.node(path)
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", lambda *_, **__: pytest.fail("asked again for nothing"))
        check.node(path)
    (path.parent / place).write_text("def broken(:\n")
    for _ in range(2):  # what did not pass is asked again
        with pytest.raises(ConfigError, match="SyntaxError"):
            check.node(path)


def test_a_market_that_says_more_than_a_child_can_be_told_is_one_fault(
    write_node: WriteNode, tmp_path: Path
) -> None:
    folder = tmp_path / ("d" * 200)
    folder.mkdir()
    files = [folder / f"{number}.parquet" for number in range(200)]
    for file in files:
        file.write_bytes(b"PAR1")
    path = write_node(A="")
    listed = ", ".join(f'"{file}"' for file in files)
    text = f'market = "A"\n[feed]\nkind = "recording"\npaths = [{listed}]\n'
    (path.parent / "markets" / "A.toml").write_text(text)
    (fault,) = spec_faults(load_node(path))
    assert "A.toml: child 'A': args must be JSON of at most" in fault


@pytest.mark.parametrize("name", ["forkserver", "ForkServer"])
def test_neither_a_start_nor_a_reload_gets_past_a_name_of_the_supervisors_own(
    write_node: WriteNode, name: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        ConfigCheck().node(write_node(A="", **{name: ""}))
    (fault,) = caught.value.faults
    assert f"{name}.toml: child '{name}': this name is the supervisor's own; choose another" in fault


@pytest.mark.parametrize("name", ["0", "BTC-USDT", "a.b_c-d", "A" * NAME_CHARS_MAX])
def test_what_may_name_a_market_may_name_a_child(name: str) -> None:
    assert market_name_fault(name) is None
    assert ChildSpec(name=name, target="module:function").name == name


def test_the_node_and_its_supervisor_mean_the_same_files(write_node: WriteNode) -> None:
    node = load_node(write_node())
    told = supervisor_settings(node)
    assert told.control_path == node.control_path
    assert told.version == signalnode.__version__
    assert control.SOCKET_PATH_BYTES_MAX == SOCKET_PATH_BYTES_MAX
    beside = {told.lock_path.stem, told.control_path.stem, told.log_path("A").parent.name}
    assert beside <= RESERVED_NAMES


def test_a_control_group_is_there_and_ours(write_node: WriteNode, monkeypatch: pytest.MonkeyPatch) -> None:
    own = grp.getgrgid(os.getegid()).gr_name
    node = load_node(write_node(f'control_group = "{own}"'))
    assert group_faults(node) == []
    assert supervisor_settings(node).control_group == os.getegid()
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    monkeypatch.setattr(os, "getegid", lambda: 0x7FFF_FFF0)
    monkeypatch.setattr(os, "getgroups", list)
    (fault,) = group_faults(node)
    assert f"supervisor.control_group: this user is not of '{own}'; add it" in fault
    with pytest.raises(ConfigError, match="there is no group 'no-such-group' here; make it"):
        ConfigCheck().node(write_node('control_group = "no-such-group"'))


def test_the_directory_of_a_control_group_may_be_passed_by_it_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o710)
    _check_directory(tmp_path, "runtime_dir", tmp_path.stat().st_gid)
    for mode, group in ((0o710, None), (0o710, 0x7FFF_FFF0), (0o750, tmp_path.stat().st_gid)):
        tmp_path.chmod(mode)
        with pytest.raises(RuntimeDirectoryError, match="is open to other users"):
            _check_directory(tmp_path, "runtime_dir", group)


def test_a_strategy_counts_as_another_when_its_keys_or_its_code_change(write_node: WriteNode) -> None:
    path = write_node()
    bare = path.read_text()

    def read_again(tables: str = "", code: str = "class Mine: ...") -> dict[str, str]:
        path.write_text(f"{bare}{tables}")
        (path.parent / "mine.py").write_text(code)
        return dict(specs_of(load_node(path))[0].rereads)

    tables = '[strategies.mine]\nkind = "mine.py:Mine"\n[strategies.off]\nenabled = false\n'
    first = read_again(tables)
    assert first.keys() == {"mine"}
    assert read_again(tables, "class Mine: ...  # a word") == first
    assert read_again(tables, "class Mine: x = 1") != first
    assert read_again(tables.replace("Mine", "Yours")) != first
    assert read_again().keys() == {"all built-in"}
