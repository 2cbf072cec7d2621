"""While a slow config is being read, everything else goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.supervisor.harness import Node, eventually, is_alive, spec

Make = Callable[..., Node]


class Slow:
    """A node whose next reading takes until the gate is opened."""

    def __init__(self, one: Node) -> None:
        self.one, self._gate = one, one.home / "gate"
        os.mkfifo(self._gate)
        one.write(gate=str(self._gate))

    def open(self) -> None:
        self._gate.open("w").close()  # waits for its reader

    def reader(self) -> list[int]:
        """The process that waits at the gate."""
        return [
            int(each.name)
            for each in Path("/proc").iterdir()
            if each.name.isdigit() and str(self._gate).encode() in _command(each)
        ]

    @contextmanager
    def asked(self, verb: str, *names: str) -> Iterator[Callable[[], dict[str, Any]]]:
        """A request under way; call what this gives for its answer."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(str(self.one.runtime_dir / "control.sock"))
            line.sendall(json.dumps({"verb": verb, "names": names}).encode() + b"\n")
            file = line.makefile("rb")
            yield lambda: json.loads(file.readline())


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_the_dead_are_replaced_and_questions_answered(node: Make) -> None:
    one = node(spec("a"), spec("b")).up()
    one.specs[1] = spec("b", fingerprint="2")
    slow = Slow(one)
    with slow.asked("reload") as answer:
        eventually(lambda: slow.reader() != [], "the reading under way")
        os.kill(one.pid("a"), signal.SIGKILL)
        one.until("up", "a")
        assert one.ask("ping") == {}
        slow.open()
        assert answer()["restarted"] == ["b"]


def test_what_is_asked_meanwhile_comes_after_it(node: Make) -> None:
    one = node(spec("a")).up()
    one.ask("stop", "a")
    slow = Slow(one)
    with slow.asked("start", "a") as started:
        eventually(lambda: slow.reader() != [], "the reading under way")
        with slow.asked("stop", "a") as stopped:
            one.ask("ping")
            slow.open()
            assert started()["ok"]
            assert stopped()["children"]["a"]["state"] == "down"
    assert one.child("a")["wanted"] == "down"


def test_hangups_meanwhile_are_one_more_reload(node: Make) -> None:
    one = node(spec("a")).up()
    slow = Slow(one)
    assert one.process is not None
    with slow.asked("reload"):
        eventually(lambda: slow.reader() != [], "the reading under way")
        for _ in range(3):
            one.process.send_signal(signal.SIGHUP)
            one.ask("ping")
        one.write()  # the gate is named no more
        slow.open()
    one.until("reloaded")
    one.until("reloaded")
    assert one.stop() == 0
    assert one.process.stdout is not None
    assert "reloaded" not in one.process.stdout.read()


def test_the_end_waits_for_no_reading_and_leaves_no_reader(node: Make) -> None:
    one = node(spec("a")).up()
    slow = Slow(one)
    with slow.asked("reload") as answer:
        eventually(lambda: slow.reader() != [], "the reading under way")
        (pid,) = slow.reader()
        assert one.stop() == 0
        assert answer() == {"ok": False, "error": "the supervisor is stopping"}
    assert not is_alive(pid)
    assert one.left() == []
    assert list(one.runtime_dir.iterdir()) == []
