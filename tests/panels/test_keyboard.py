"""`signalnode top` before somebody at a real terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.effort import PATIENCE_S
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def test_keys_filter_open_and_end_top_and_the_terminal_is_as_before(tmp_path: Path) -> None:
    (tmp_path / "markets").mkdir()
    for name in ("ALPHA-USD", "BETA-USD"):
        text = f'market = "{name}"\n[feed]\nkind = "synthetic"\n'
        (tmp_path / "markets" / f"{name}.toml").write_text(text)
    config = tmp_path / "signalnode.toml"
    config.write_text(f'[aggregator]\nendpoint = "tcp://127.0.0.1:{free_port()}"\n')
    ours, line = pty.openpty()
    before = termios.tcgetattr(line)
    process = subprocess.Popen(
        [sys.executable, "-m", "signalnode", "top", "--config", str(config)],
        preexec_fn=lambda: os.login_tty(line),  # noqa: PLW1509 (no thread of ours is at work)
        pass_fds=(line,),
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30", "PYTHONPATH": str(ROOT)},
    )
    said = b""

    def until(expected: str) -> None:
        nonlocal said
        deadline = time.monotonic() + PATIENCE_S
        while expected.encode() not in said:
            assert select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0], (expected, said)
            said += os.read(ours, 65_536)
        said = b""

    try:
        until("q quit")
        os.write(ours, b"/bet")
        until("bet▏")
        os.write(ours, b"\r\x1b[B\r")
        until("no decision about it")
        os.write(ours, b"q")
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                os.read(ours, 65_536)
        assert process.wait(0.1) == 0
        assert termios.tcgetattr(line) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(line)


def test_what_is_read_by_a_file_says_first_where_the_page_is(tmp_path: Path) -> None:
    (tmp_path / "markets").mkdir()
    (tmp_path / "markets" / "ALPHA-USD.toml").write_text('market = "ALPHA-USD"\n[feed]\nkind = "synthetic"\n')
    config, port = tmp_path / "signalnode.toml", free_port()
    bus = f'[aggregator]\nendpoint = "tcp://127.0.0.1:{free_port()}"\n'
    config.write_text(f'{bus}[panel]\nendpoint = "127.0.0.1:{port}"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "signalnode", "top", "--config", str(config)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline().decode()
        process.terminate()
    assert f"open http://127.0.0.1:{port}" in first
    assert "signalnode subscribe --json" in first
