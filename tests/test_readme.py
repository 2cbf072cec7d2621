"""Every block of the README does what it says: commands and programs run against a real node, files are used.

A block whose first line is `# some/path` is a file and is saved there; the rest runs in the README's order.
What asks systemd runs on a machine of its own, in tests/processes/test_systemd.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parent.parent
DEFAULT_ENDPOINT = "127.0.0.1:7450"
FIRST_SCORE_S = 180.0  # the very first start on a machine compiles the kernel
SOON_S = 60.0
LINES_ENOUGH = 3  # of a program that never ends
PANEL_ROW = re.compile(
    r"^[A-Z]+-USDT? (replay|synthetic) +(warming|live|degraded|stale) +[\d.,]+ (.{1} *\d+ ){7}"
)


class Block(NamedTuple):
    language: str
    text: str
    line: int


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [Block(each[1], each[2], text[: each.start()].count("\n") + 1) for each in found]


BLOCKS = blocks()


def file_of(block: Block) -> str | None:
    named = re.match(r"# ([\w./-]+\.\w+)\n", block.text)
    return named[1] if named else None


def commands() -> list[tuple[str, int]]:
    """Each command line of the README, comments cut off."""
    lines = [
        (line.split("  #")[0].strip(), block.line)
        for block in BLOCKS
        for line in block.text.splitlines()
        if block.language == "bash"
    ]
    return [(line, number) for line, number in lines if line]


def is_for_systemd(line: str) -> bool:
    return line.startswith(("sudo ", "systemctl "))


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, port: int) -> Path:
    """What looks like a fresh clone, with the config on a port of its own."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("signalnode", "supervisor", "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    config = folder / "config" / "signalnode.toml"
    config.write_text(config.read_text().replace(DEFAULT_ENDPOINT, f"127.0.0.1:{port}"))
    (folder / ".venv" / "bin").mkdir(parents=True)
    command = folder / ".venv" / "bin" / "signalnode"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m signalnode "$@"\n')
    command.chmod(0o755)
    for done in ("python", "runtime"):  # make finds everything installed
        (folder / ".venv" / done).touch()
    return folder


@pytest.fixture(scope="module")
def environment(clone: Path) -> dict[str, str]:
    path = f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, "XDG_CONFIG_HOME": str(clone / "home")}


@pytest.fixture(scope="module")
def node(clone: Path, environment: dict[str, str]) -> Iterator[Path]:
    """The node of `make run`, on a terminal; it ends with Ctrl-C, and make ends well."""
    keyboard, terminal = os.openpty()

    def on_terminal() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env={**environment, "TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=on_terminal,  # noqa: PLW1509 (no threads yet, and nothing else can give it a terminal)
    )
    os.close(terminal)
    screen: list[bytes] = []
    drained = threading.Thread(target=_drain, args=(keyboard, screen))
    drained.start()
    try:
        first = [".venv/bin/signalnode", "subscribe", "--count", "1"]
        subprocess.run(
            first, cwd=clone, env=environment, capture_output=True, timeout=FIRST_SCORE_S, check=True
        )
        yield clone
    except subprocess.TimeoutExpired:
        pytest.fail(f"no score heard; the terminal shows:\n{b''.join(screen).decode()[-2_000:]}")
    finally:
        os.write(keyboard, b"\x03")
        status = process.wait(SOON_S)
        drained.join(SOON_S)
        os.close(keyboard)
    assert status == 0
    shown = b"".join(screen).decode()
    assert all(
        text in shown for text in ("BTC-USDT", "ETH-USDT", "SOL-USD", "synthetic", "signalnode subscribe")
    )
    assert list((clone / "run").iterdir()) == []


def _drain(descriptor: int, into: list[bytes]) -> None:
    """Read what a terminal shows until nobody holds it any more."""
    with contextlib.suppress(OSError):
        while data := os.read(descriptor, 65_536):
            into.append(data)


def test_every_block_says_what_it_is() -> None:
    assert {block.language for block in BLOCKS} == {"bash", "python", "text", "toml"}
    assert all(file_of(block) for block in BLOCKS if block.language == "toml")


def test_the_output_shown_is_of_the_form_the_panel_has() -> None:
    (shown,) = [block.text for block in BLOCKS if block.language == "text"]
    rows = [line for line in shown.splitlines() if PANEL_ROW.match(line)]
    assert len(rows) == 3
    assert "7450" in shown


def test_make_knows_every_verb_of_the_readme() -> None:
    verbs = [line.split()[1] for line, _ in commands() if line.startswith("make ")]
    assert verbs == ["run", "test"]
    for verb in verbs:
        subprocess.run(["make", "-n", verb], cwd=ROOT, capture_output=True, check=True)


def test_every_command_of_the_readme_runs(node: Path, environment: dict[str, str]) -> None:
    for block in BLOCKS:
        name = file_of(block)
        if name:
            (node / name).write_text(block.text)
    for line, number in commands():
        where = f"README.md:{number}: {line}"
        if line.startswith("make ") or is_for_systemd(line):
            continue
        if "--follow" in line:
            follows(line, node, environment)
            continue
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=node,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SOON_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), where
        assert done.stdout or line.startswith(("export", "eval")), f"{where} prints nothing"
    assert (node / "scores.parquet").is_file()


def follows(line: str, node: Path, environment: dict[str, str]) -> None:
    """A command that goes on until Ctrl-C prints a line, and ends then."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=node,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SOON_S)
    assert (process.returncode, err) == (130, b""), line


PROGRAMS = [block for block in BLOCKS if block.language == "python" and not file_of(block)]


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: f"line {block.line}")
def test_every_program_of_the_readme_runs(
    node: Path, environment: dict[str, str], port: int, block: Block
) -> None:
    text = block.text.replace(DEFAULT_ENDPOINT, f"127.0.0.1:{port}")
    if "import subscribe" in text:
        text = text.replace("max_age_s", f'endpoint="tcp://127.0.0.1:{port}", max_age_s')
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", text], cwd=node, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        watch = threading.Timer(SOON_S, process.kill)
        watch.start()
        lines = [line for line, _ in zip(process.stdout, range(LINES_ENOUGH), strict=False)]
        watch.cancel()
    if "for score in" in text or "while True" in text:
        assert len(lines) == LINES_ENOUGH
        process.terminate()
        process.wait(SOON_S)
    else:
        assert process.wait(SOON_S) == 0
        assert lines


def test_the_subscriber_of_the_readme_is_about_ten_lines() -> None:
    (subscriber,) = [block.text for block in PROGRAMS if "msgpack" in block.text]
    code = [line for line in subscriber.splitlines() if line.strip()]
    assert len(code) <= 12


def test_the_readmes_rating_of_the_unit_is_systemds() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = str(ROOT / "config" / "systemd" / "signalnode.service")
    command = ["systemd-analyze", "security", "--offline=true", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = re.search(r"rates it (\d\.\d) or better", (ROOT / "README.md").read_text(encoding="utf-8"))
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", rated)
    assert told is not None
    assert exposure is not None
    assert float(exposure[1]) <= float(told[1])


def test_the_readmes_numbers_of_giving_up_are_the_defaults() -> None:
    from signalnode.settings import SupervisorSettings

    policy = SupervisorSettings()
    assert (policy.intensity, policy.period_s, policy.retry_s) == (5, 60.0, 300.0)
    assert policy.heartbeats_missed_max == 3


def test_the_readmes_exit_statuses_are_the_real_ones() -> None:
    from signalnode import errors
    from signalnode.cli import INTERRUPTED_STATUS

    table = (ROOT / "README.md").read_text(encoding="utf-8").split("| status | meaning |")[1].split("\n\n")[0]
    told = {int(number) for number in re.findall(r"\| (\d+) \|", table)}
    real = {
        each.exit_status
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception)
    }
    assert told <= real | {INTERRUPTED_STATUS}
