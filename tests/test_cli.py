"""The command line: every fault of a user is one line and a status of its own, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from signalnode import errors
from signalnode.cli import BROKEN_PIPE_STATUS, INTERRUPTED_STATUS, main
from signalnode.cli.parser import command_line
from tests.command_line import refused, shown_by_help, tree
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
SYNTHETIC = 'market = "{name}"\n[feed]\nkind = "synthetic"\n'
WriteNode = Callable[..., Path]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def write_node(tmp_path: Path, port: int) -> WriteNode:
    """Writes a whole config on a free port; returns the node's file."""

    def write(extra: str = "", endpoint: str = f"tcp://127.0.0.1:{port}", **markets: str) -> Path:
        path = tmp_path / "config" / "signalnode.toml"
        (path.parent / "markets").mkdir(parents=True, exist_ok=True)
        path.write_text(f'{extra}\n[aggregator]\nendpoint = "{endpoint}"\n')
        for name, text in (markets or {"SOL-USD": SYNTHETIC.format(name="SOL-USD")}).items():
            (path.parent / "markets" / f"{name}.toml").write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here means to start a node: one that gets that far fails at once instead of running on."""

    def started(*_: object, **__: object) -> int:
        pytest.fail("a node was started")

    monkeypatch.setattr("signalnode.cli.run.run_supervised", started)


def test_every_error_has_a_status_of_its_own() -> None:
    classes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception) and not issubclass(each, Warning)
    ]
    assert len({each.exit_status for each in classes}) == len(classes)
    assert not {each.exit_status for each in classes} & {0, INTERRUPTED_STATUS, BROKEN_PIPE_STATUS}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--config", "a.toml"], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["stop"], "--all"),
        (["run", "--pannel"], "unrecognized arguments: --pannel"),
        (["subscribe", "--count", "0"], "'0' is not a whole number from 1"),
        (["subscribe", "--count", "9" * 5000], "is not a whole number"),
        (["replay", "a.gz"], "required: --out"),
        (
            ["replay", "README.md", "--venue", "v", "--market", "a/b", "--out", "o.parquet"],
            "--market: 'a/b' cannot name",
        ),
        (["status", "--config"], "--config: expected one argument"),
        (["logs", "A", "--lines", "-1"], "'-1' is not a whole number from 1"),
        (["completion"], "required: SHELL"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], expected: str
) -> None:
    status, line = refused(capsys, *argv)
    assert status == errors.UsageError.exit_status
    assert expected in line


def test_without_arguments_every_verb_is_shown_in_the_group_of_what_one_wants_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    begun = {
        "first steps": "init",
        "run and watch": "run",
        "markets": "add",
        "decisions (Layer 5)": "decisions",
    }
    for group, verb in begun.items():
        assert f"\n{group}:\n  {verb} " in shown
    (verbs,) = [each for each in command_line()._actions if isinstance(each.choices, dict)]
    assert shown_by_help()[0] == list(verbs.choices)


@pytest.mark.parametrize("argv", [["--config", "{}", "check"], ["check", "--config", "{}"]])
def test_the_config_may_be_named_before_or_after_the_verb(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, argv: list[str]
) -> None:
    path = str(write_node())
    assert main([each.format(path) for each in argv]) == 0
    assert "no faults; markets: SOL-USD" in capsys.readouterr().out


def test_check_lists_every_fault_one_a_line(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode
) -> None:
    path = write_node("runtime = 1\nstate = 2", X="[feed]")
    assert main(["check", "--config", str(path)]) == errors.ConfigError.exit_status
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 4
    assert all(line.startswith("signalnode: ") and ".toml: " in line for line in lines)


def test_check_knows_venues_and_says_which(capsys: pytest.CaptureFixture[str], write_node: WriteNode) -> None:
    text = 'market = "X"\n[feed]\nkind = "capture"\nvenue = "binanze"\npaths = ["X.toml"]\n'
    status, line = refused(capsys, "check", "--config", write_node(X=text))
    assert status == errors.ConfigError.exit_status
    assert "X.toml: feed.venue: 'binanze' is not known; use binance" in line


def test_check_knows_the_signals_parameters(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode
) -> None:
    text = SYNTHETIC.format(name="X") + "[signals]\nno_such_parameter = 1.0\n"
    status, line = refused(capsys, "check", "--config", write_node(X=text))
    assert status == errors.ConfigError.exit_status
    assert "X.toml: signals.no_such_parameter: unknown parameter; " in line


def test_a_check_that_does_not_end_is_one_line(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalnode.cli.check.CHECK_TIMEOUT_S", 1e-9)
    path = write_node(X=SYNTHETIC.format(name="X") + "[signals]\nvolume_s = 30.0\n")
    status, line = refused(capsys, "run", "--config", path)
    assert status == errors.ConfigError.exit_status
    assert "signalnode.toml: not checked within" in line


BAD_CONFIGS = {
    "broken": ("x = = 1", {}, "signalnode.toml: line 1: is not TOML"),
    "unknown key": ("stat_dir = 'x'", {}, "stat_dir: unknown key; did you mean state_dir?"),
    "named twice": (
        "",
        {name: SYNTHETIC.format(name="A") for name in ("A", "B")},
        "B.toml: market: 'A' is named in",
    ),
    "slash": ("", {"A": SYNTHETIC.format(name="A/B")}, "A.toml: market: 'A/B' cannot name a market"),
    "blank": ("", {"A": SYNTHETIC.format(name="A B")}, "A.toml: market: 'A B' cannot name a market"),
    **{
        name: ("", {name: SYNTHETIC.format(name=name)}, f"{name}.toml: {fault}")
        for name, fault in (
            ("aggregator", "market: 'aggregator' is a name of the node's own"),
            ("Node", "market: 'Node' is a name of the node's own"),
            ("forkserver", "child 'forkserver': this name is the supervisor's own"),
            ("ForkServer", "child 'ForkServer': this name is the supervisor's own"),
        )
    },
    "long path": (f"runtime_dir = '/tmp/{'d' * 88}'", {}, "SOL-USD.toml: market: the socket path"),
    "no recording": (
        "",
        {"A": 'market = "A"\n[feed]\nkind = "recording"\npaths = ["none.parquet"]\n'},
        "A.toml: feed.paths: there is no file",
    ),
}


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_a_bad_config_starts_nothing(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path, case: str, verb: str
) -> None:
    extra, markets, expected = BAD_CONFIGS[case]
    path = write_node(extra, **markets)
    before = tree(tmp_path)
    status, line = refused(capsys, verb, "--config", path)
    assert status == errors.ConfigError.exit_status
    assert expected in line
    assert ";" in line, "it says the mend"
    assert tree(tmp_path) == before


@pytest.mark.parametrize("verb", ["run", "check"])
def test_keys_that_are_not_there_start_nothing(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path, verb: str
) -> None:
    path = write_node(endpoint='tcp://*:7450"\nkeys_dir = "keys')
    before = tree(tmp_path)
    status, line = refused(capsys, verb, "--config", path)
    assert status == errors.ConfigError.exit_status
    assert "keys/node.key_secret: there is no such file; make a pair with: signalnode keys new --dir" in line
    assert tree(tmp_path) == before


def test_a_missing_config_starts_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, line = refused(capsys, "run", "--config", tmp_path / "none.toml")
    assert status == errors.ConfigError.exit_status
    assert "none.toml: there is no such file" in line
    assert tree(tmp_path) == set()


@pytest.mark.parametrize("offset", [0, 1])
def test_a_port_in_use_starts_nothing(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path, port: int, offset: int
) -> None:
    path = write_node()
    before = tree(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        status, line = refused(capsys, "run", "--config", path)
    assert status == errors.EndpointError.exit_status
    assert f"signalnode.toml: aggregator.endpoint: port {port + offset} is in use; free it" in line
    assert tree(tmp_path) == before


@pytest.mark.parametrize("key", ["runtime_dir", "state_dir"])
def test_a_directory_of_somebody_else_starts_nothing(
    capsys: pytest.CaptureFixture[str],
    write_node: WriteNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    path = write_node()
    (tmp_path / key.removesuffix("_dir").replace("runtime", "run")).mkdir(mode=0o700)
    before = tree(tmp_path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    status, line = refused(capsys, "run", "--config", path)
    assert status == errors.RuntimeDirectoryError.exit_status
    assert f"{key}: " in line
    assert "belongs to user" in line
    assert tree(tmp_path) == before


def test_a_runtime_directory_open_to_others_starts_nothing(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path
) -> None:
    path = write_node()
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)
    status, line = refused(capsys, "run", "--config", path)
    assert status == errors.RuntimeDirectoryError.exit_status
    assert "open to other users (mode 0755); run `chmod 700" in line


def test_a_file_in_place_of_a_directory_starts_nothing(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path
) -> None:
    path = write_node()
    (tmp_path / "run").write_text("")
    status, line = refused(capsys, "run", "--config", path)
    assert status == errors.RuntimeDirectoryError.exit_status
    assert "is not a directory" in line
    (tmp_path / "run").unlink()
    path.write_text(path.read_text() + "")
    (tmp_path / "state").write_text("")
    status, line = refused(capsys, "run", "--config", path)
    assert (status, tree(tmp_path) & {"run"}) == (errors.RuntimeDirectoryError.exit_status, set())


@pytest.mark.parametrize(
    "argv", [["status"], ["status", "--json"], ["stop", "X"], ["start", "X"], ["restart", "X"], ["reload"]]
)
def test_asking_a_node_that_does_not_run_is_one_line(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, argv: list[str]
) -> None:
    status, line = refused(capsys, *argv, "--config", write_node())
    assert status == errors.NotRunningError.exit_status
    assert "no node answers on" in line
    assert "start one with `signalnode run --config " in line


def test_a_log_can_be_asked_for_without_a_node(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path
) -> None:
    path = write_node()
    status, line = refused(capsys, "logs", "SOL-USD", "--config", path)
    assert status == errors.RequestError.exit_status
    assert "SOL-USD has logged nothing yet in" in line
    assert "; start it" in line
    status, line = refused(capsys, "logs", "NOBODY", "--config", path)
    assert "no log of NOBODY" in line
    assert line.endswith("known: SOL-USD, aggregator, supervisor")
    (tmp_path / "state" / "logs").mkdir(parents=True)
    kept = [{"event": "output", "line": text, "child": "GONE"} for text in ("one", "two", "three")]
    text = "".join(json.dumps(entry) + "\n" for entry in kept)
    (tmp_path / "state" / "logs" / "GONE.log").write_text(text + "torn {")
    assert main(["logs", "GONE", "--lines", "2", "--config", str(path)]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["two", "three"]


def test_the_logs_of_all_processes_are_one_by_time(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, tmp_path: Path
) -> None:
    path = write_node()
    status, line = refused(capsys, "logs", "--config", path)
    assert status == errors.RequestError.exit_status
    assert "nothing was logged yet in" in line
    (tmp_path / "state" / "logs").mkdir(parents=True)
    for second, name, event in ((1, "supervisor", "started"), (2, "A", "up"), (3, "supervisor", "reloaded")):
        entry = {"time": f"2026-01-01T00:00:0{second}Z", "event": event}
        with (tmp_path / "state" / "logs" / f"{name}.log").open("a") as file:
            print(json.dumps(entry | ({} if name == "supervisor" else {"child": name})), file=file)
    assert main(["logs", "--config", str(path)]) == 0
    said = [line.split()[3:] for line in capsys.readouterr().out.splitlines()]
    assert said == [["supervisor", "started"], ["A", "up"], ["supervisor", "reloaded"]]


def test_a_log_that_nobody_else_may_read_is_one_line(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    path = write_node()
    monkeypatch.setattr(Path, "is_dir", closed)
    monkeypatch.setattr(Path, "is_file", closed)
    for argv in (("logs",), ("logs", "--follow"), ("logs", "A")):
        status, line = refused(capsys, *argv, "--config", path)
        assert status == errors.RequestError.exit_status
        assert line.endswith(": cannot be read; ask as the user whose node it is, or as root")


def test_a_faulty_market_file_does_not_hide_the_node(
    capsys: pytest.CaptureFixture[str], write_node: WriteNode
) -> None:
    status, _ = refused(capsys, "status", "--config", write_node(X="= broken"))
    assert status == errors.NotRunningError.exit_status


def in_process_of_its_own(code: str, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *argv]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=180, check=False)


@pytest.mark.parametrize("verb", ["check", "status", "logs SOL-USD", "completion bash", "subscribe --help"])
def test_light_verbs_load_no_compiler(write_node: WriteNode, verb: str) -> None:
    code = (
        "import sys, json\n"
        "from signalnode.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted({'numba', 'pyarrow', 'rich', 'structlog'} & set(sys.modules))))\n"
    )
    done = in_process_of_its_own(code, *verb.split(), "--config", str(write_node()))
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    asked = "print('numpy' in sys.modules)"
    code = f"import sys, signalnode; {asked}; signalnode.EVENT; {asked}"
    assert in_process_of_its_own(code).stdout.split() == ["False", "True"]


def test_a_name_the_package_does_not_have_is_an_attribute_error() -> None:
    import signalnode

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = signalnode.nothing
    assert "SignalEngine" in dir(signalnode)


def test_a_reader_that_has_enough_ends_a_command_quietly(write_node: WriteNode) -> None:
    command = [sys.executable, "-m", "signalnode", "check", "--config", str(write_node())]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=env, timeout=180, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (BROKEN_PIPE_STATUS, b"")


def test_version_and_help_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["--version"], ["--help"], ["replay", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        assert ended.value.code == 0
    assert "signalnode 0." in capsys.readouterr().out
