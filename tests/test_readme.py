"""Every block of README and docs/ does what it says: commands and programs run against a real node.

A block whose first line names a file (`# some/path`) is saved there; the rest runs in the order of reading:
README, then docs/ as its links have them. What asks systemd runs on a machine of its own, in
tests/processes/test_systemd.py; what adds to signalnode itself, in tests/test_extend.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import lzma
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import trustme

from signalnode.names import DEFAULT_PANEL
from tests.documents import README, ROOT, Block, blocks, commands, is_for_systemd, reading_order
from tests.effort import drawn
from tests.feeds.live.sockets import listening, proxying
from tests.forked_command import forked_command
from tests.ports import free_port
from tests.venues.server import Running, Server

DEFAULT_PORT = 7450
FIRST_SCORE_S = 600.0  # the very first start on a machine compiles the kernel
SOON_S = 180.0  # far beyond what anything here takes
SAMPLE_LINES = 12_000  # 100 s of the market
BASELINE_S = 20.0  # strategies wait for half of it, and with them whoever reads what was decided
LINES_ENOUGH = 3  # of a program that never ends
PANEL_ROW = re.compile(
    r"^[A-Z]+-USDT? (replay|synthetic) +(warming|live|degraded|stale) +[\d.,]+ (.{1} *\d+ ){7}"
)
# No fault: a file of trades alone has nothing to say of quotes, a venue may be out of reach from here,
# a market's first score may be late on a busy machine, and one market's file sets what is set here.
NOTICE = re.compile(
    r"^signalnode: (it holds no \w+: .* stay at 50|50 in every row, for want|not held against .* listing: "
    r"|a node answers on .* nothing is heard of .* yet|scored with \[signals\] of).*\n",
    re.M,
)
# What says nothing where all is well, and what may have nothing to say yet.
SILENT = ("export", "eval")
SOON_SPEAKING = "signalnode decisions"
CHANGING_NOTHING = tuple(f"signalnode {verb}" for verb in ("check", "status", "venues", "decisions"))
NEVER_ENDING = ("for score in", "while True", "for await")

EXTENDING = ROOT / "docs" / "extend.md"
READ = [path for path in reading_order() if path != EXTENDING]
BLOCKS = [block for path in READ for block in blocks(path)]
COMMANDS = [line for path in READ for line in commands(path)]
PROGRAMS = [each for each in BLOCKS if each.language == "python" and not each.file]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, port: int) -> Path:
    """What looks like a fresh clone, with the config on a port of its own."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("supervisor", "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    shorten_samples(folder / "signalnode" / "sample", folder / "config" / "markets")
    for market in (folder / "config" / "markets").glob("*.toml"):
        text = market.read_text()
        assert "\n[signals]" in text
        market.write_text(text.replace("\n[signals]", f"\n[signals]\nbaseline_s = {BASELINE_S}", 1))
    config = folder / "config" / "signalnode.toml"
    config.write_text(on_port(config.read_text(), port))
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "bin").mkdir()
    command = folder / ".venv" / "bin" / "signalnode"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m signalnode "$@"\n')
    command.chmod(0o755)
    for done in ("python", "runtime"):  # make finds everything installed
        (folder / ".venv" / done).touch()
    return folder


def shorten_samples(folder: Path, markets: Path) -> None:
    """The first minutes of each recording, and markets that play no more: less to decode, again and again."""
    folder.mkdir(parents=True)
    for whole in (ROOT / "signalnode" / "sample").glob("*_20240808.xz"):
        with lzma.open(whole) as lines, lzma.open(folder / whole.name, "w", preset=0) as kept:
            kept.writelines(itertools.islice(lines, SAMPLE_LINES))
    for market in markets.glob("*-USDT.toml"):
        market.write_text(re.sub(r', "[^"]*_20240809\.xz"', "", market.read_text()))


@functools.cache
def page_port() -> int:
    """The one port of every page of these tests' nodes."""
    return free_port()


def on_port(text: str, port: int) -> str:
    """`text` with the node's two addresses moved to `port` and the next."""
    text = text.replace(DEFAULT_PANEL, f"127.0.0.1:{page_port()}")
    text = text.replace(f"127.0.0.1:{DEFAULT_PORT}", f"127.0.0.1:{port}")
    return text.replace(f"127.0.0.1:{DEFAULT_PORT + 1}", f"127.0.0.1:{port + 1}")


@pytest.fixture(scope="module")
def proxy(clone: Path) -> Iterator[int]:
    """The port of a proxy behind which every venue is our strict one, certified by `authority.pem`."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(clone / "authority.pem")
    authority.issue_cert("indexer.dydx.trade").configure_cert(tls)
    with Running(Server("dydx"), tls=tls) as venue:
        port = urlsplit(venue.servers[0].rest_url).port
        assert port is not None
        with listening(proxying([], port)) as proxy:
            yield proxy


@pytest.fixture(scope="module")
def environment(clone: Path, proxy: int) -> Iterator[dict[str, str]]:
    """Where commands run: forked, since each would take a third of a second only to be imported."""
    path = f"{clone / 'bin'}:{clone / '.venv' / 'bin'}:{os.environ['PATH']}"
    alone = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy}", "SSL_CERT_FILE": str(clone / "authority.pem")}
    own = {"PYTHONPATH": str(ROOT), "PATH": path, "XDG_CONFIG_HOME": str(clone / "home")}
    with forked_command(clone / "bin" / "signalnode"):
        yield {**os.environ, **alone, **own}


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
        for market in ("BTC-USDT", "ETH-USDT", "SOL-USD"):  # a command has no notice of what is late then
            first = [".venv/bin/signalnode", "subscribe", market, "--count", "1"]
            subprocess.run(
                first, cwd=clone, env=environment, capture_output=True, timeout=FIRST_SCORE_S, check=True
            )
        with panel_at_rest(process.pid):
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


@contextlib.contextmanager
def panel_at_rest(node: int) -> Iterator[None]:
    """Nobody looks at the panel meanwhile, and it would draw all the time."""
    family = psutil.Process(node).children(recursive=True)
    (panel,) = [each for each in family if "top" in each.cmdline()]
    panel.suspend()
    try:
        yield
    finally:
        panel.resume()


def _drain(descriptor: int, into: list[bytes]) -> None:
    """Read what a terminal shows until nobody holds it any more."""
    with contextlib.suppress(OSError):
        while data := os.read(descriptor, 65_536):
            into.append(data)


def test_every_block_says_what_it_is() -> None:
    assert {each.language for each in BLOCKS} == {"bash", "python", "text", "toml", "json", "javascript"}
    assert all(each.file for each in BLOCKS if each.language in ("toml", "javascript"))


def test_no_two_blocks_are_one_file() -> None:
    files = [each.file for each in BLOCKS if each.file]
    assert len(files) == len(set(files))


def test_the_output_shown_is_of_the_form_the_panel_has() -> None:
    (shown,) = [each.text for each in blocks(README) if each.language == "text"]
    rows = [line for line in shown.splitlines() if PANEL_ROW.match(line)]
    assert len(rows) == 3
    assert str(DEFAULT_PORT) in shown


def test_the_readme_begins_with_two_commands_that_make_knows() -> None:
    verbs = [line.split()[1] for line, _ in commands(README)[:2]]
    assert verbs == ["run", "test"]
    assert [line for line, _ in COMMANDS if line.startswith("make ")] == ["make run", "make test"]
    for verb in verbs:
        subprocess.run(["make", "-n", verb], cwd=ROOT, capture_output=True, check=True)


def test_every_command_runs(node: Path, environment: dict[str, str]) -> None:
    for each in BLOCKS:
        if each.file:
            (node / each.file).write_text(each.text)
    asked = set[str]()
    for line, where in COMMANDS:
        if line.startswith("make ") or is_for_systemd(line) or line in asked:
            continue
        asked |= {line} if drawn(line.startswith(CHANGING_NOTHING), False) else set()
        if "--follow" in line:
            follows(line, node, environment)
            continue
        done = answered(line, node, environment)
        told = NOTICE.sub("", done.stderr)
        assert (done.returncode, told) == (0, ""), f"{where}: {line}"
        assert done.stdout or line.startswith(SILENT), f"{where}: {line} prints nothing"
    assert (node / "scores.parquet").is_file()


def answered(line: str, node: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a command says, asked again where it may have nothing to say yet."""
    until = time.monotonic() + SOON_S
    while True:
        done = subprocess.run(
            ["bash", "-c", line.replace(DEFAULT_PANEL, f"127.0.0.1:{page_port()}")],
            cwd=node,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SOON_S,
            check=False,
        )
        waits = line.startswith(SOON_SPEAKING) and not (done.stdout or done.returncode)
        if not waits or time.monotonic() > until:
            return done
        time.sleep(0.2)


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


def speaks(command: list[str], text: str, node: Path, environment: dict[str, str]) -> None:
    """A program prints something and ends, or goes on printing until it is ended."""
    process = subprocess.Popen(command, cwd=node, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        watch = threading.Timer(SOON_S, process.kill)
        watch.start()
        lines = [line for line, _ in zip(process.stdout, range(LINES_ENOUGH), strict=False)]
        watch.cancel()
    if any(words in text for words in NEVER_ENDING):
        process.terminate()
        process.wait(SOON_S)
        assert len(lines) == LINES_ENOUGH
    else:
        assert process.wait(SOON_S) == 0
        assert lines


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: block.where)
def test_every_program_runs(node: Path, environment: dict[str, str], port: int, block: Block) -> None:
    for each in BLOCKS:
        if each.language == "python" and each.file:  # which a program may name
            (node / each.file).write_text(each.text)
    text = on_port(block.text, port)
    if "import subscribe" in text or "StrategyEngine, subscribe" in text:
        text = text.replace("max_age_s", f'endpoint="tcp://127.0.0.1:{port}", max_age_s')
    speaks([sys.executable, "-u", "-c", text], text, node, environment)


def test_the_subscriber_in_javascript_runs(node: Path, environment: dict[str, str], port: int) -> None:
    packages = ROOT / "node_modules"
    if not shutil.which("node") or not all((packages / name).is_dir() for name in ("zeromq", "@msgpack")):
        pytest.skip("node, zeromq and @msgpack/msgpack are not here: npm install zeromq @msgpack/msgpack")
    (block,) = [each for each in BLOCKS if each.language == "javascript"]
    assert block.file is not None
    text = on_port(block.text, port)
    (node / block.file).write_text(text)
    (node / "node_modules").symlink_to(packages)
    speaks(["node", block.file], text, node, environment)


def test_the_subscriber_of_the_readme_is_about_ten_lines() -> None:
    (subscriber,) = [each.text for each in PROGRAMS if each.path == README and "msgpack" in each.text]
    code = [line for line in subscriber.splitlines() if line.strip()]
    assert len(code) <= 12
