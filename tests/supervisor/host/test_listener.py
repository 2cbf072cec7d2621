"""The control socket under virtual time."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode_supervisor.host.listener import IDLE_NS, Listener, Request
from signalnode_supervisor.host.poller import Poller

WORK = b'{"verb": "restart", "names": ["a"]}\n'


class Desk:
    """A listener that answers nothing by itself, and a hand on its clock."""

    def __init__(self, path: Path, group: int | None = None) -> None:
        self.now_ns = 1
        self.asked: list[Request] = []
        self.path = path
        self.poller = Poller()
        self.listener = Listener(path, self.poller, self.asked.append, lambda: self.now_ns, group)

    def call(self, data: bytes) -> socket.socket:
        """A client that has said this, and was heard."""
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(30)
        line.connect(str(self.path))
        line.sendall(data)
        self.turn(2)
        return line

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.poller.wait(0)
            self.listener.tick(self.now_ns)

    def is_open(self, line: socket.socket) -> bool:
        line.setblocking(False)
        try:
            return line.recv(4096) != b""
        except BlockingIOError:
            return True


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path / "s")
    yield one
    one.listener.close()
    one.poller.close()


def test_who_sees_the_socket_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    listen = socket.socket.listen

    def seen_deaf(one: socket.socket, backlog: int) -> None:
        seen.append((tmp_path / "control.sock").exists())
        listen(one, backlog)

    monkeypatch.setattr(socket.socket, "listen", seen_deaf)
    desk = Desk(tmp_path / "control.sock")
    try:
        with desk.call(b'{"verb": "ping"}\n'):
            assert desk.asked
        assert [path.name for path in tmp_path.iterdir()] == ["control.sock"]
        assert seen == [False]
    finally:
        desk.listener.close()
        desk.poller.close()


def test_a_dead_ones_socket_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s"))
    dead.close()
    desk = Desk(tmp_path / "s")
    try:
        with desk.call(b'{"verb": "ping"}\n'):
            assert desk.asked
    finally:
        desk.listener.close()
        desk.poller.close()


@pytest.mark.parametrize("said", [b"", b'{"verb', b'{"verb": "ping"}\n'])
def test_who_keeps_a_place_and_says_no_more_loses_it(desk: Desk, said: bytes) -> None:
    with desk.call(said) as line:
        for request in desk.asked:
            request.answer({"ok": True})
            assert line.recv(4096)
        desk.now_ns += IDLE_NS
        desk.turn()
        assert not desk.is_open(line)


def test_a_line_that_comes_a_byte_at_a_time_gains_nothing_by_it(desk: Desk) -> None:
    with desk.call(b"x") as line:
        for _ in range(3):
            desk.now_ns += IDLE_NS // 2
            line.send(b"x")
            desk.turn()
            if not desk.is_open(line):
                return
    raise AssertionError("it holds its place for as long as it likes")


def test_who_waits_for_an_answer_may_wait_for_long(desk: Desk) -> None:
    with desk.call(WORK) as line:
        desk.now_ns += 100 * IDLE_NS
        desk.turn()
        desk.asked[0].answer({"ok": True})
        desk.turn()
        assert line.recv(4096) == b'{"ok":true}\n'


@pytest.mark.parametrize("said", [WORK, WORK + b"x\n"])
def test_who_hung_up_frees_the_place_and_wakes_nobody_again(desk: Desk, said: bytes) -> None:
    desk.call(said).close()
    desk.turn(3)
    assert desk.listener.next_deadline_ns() is None
    assert not desk.listener._connections
    desk.asked[0].answer({"ok": True})


def test_one_connection_is_served_a_request_a_turn(desk: Desk) -> None:
    with desk.call(WORK * 10):
        before = len(desk.asked)
        desk.turn()
        assert len(desk.asked) == before + 1


def test_who_takes_no_answers_is_asked_for_no_more_requests(desk: Desk) -> None:
    with desk.call(WORK * 300):
        for _ in range(300):
            desk.turn()
            for request in desk.asked:
                if request.payload is None:
                    request.answer({"much": "x" * 100_000})
        assert len(desk.asked) < 50


GROUP, STRANGER = 59_123, 65_534
ASKS = """
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
line.sendall(b'{"verb": "ping"}\\n')
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may pass to, as a test's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "run"


def test_users_of_the_control_group_may_ask_and_nobody_else(open_folder: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if os.geteuid() or python is None:
        pytest.skip("needs root, to be another user, and a Python that this one may run")
    open_folder.mkdir(mode=0o700)
    desk = Desk(open_folder / "s", GROUP)

    def asks(*groups: int) -> bool:
        command = [python, "-c", ASKS, str(desk.path)]
        done = subprocess.run(
            command, user=STRANGER, group=STRANGER, extra_groups=groups, capture_output=True, check=False
        )
        desk.turn(2)
        return done.returncode == 0

    try:
        assert not asks()
        assert asks(GROUP)
        assert [request.verb for request in desk.asked] == ["ping"]
        shutil.rmtree(open_folder)
        open_folder.mkdir(mode=0o700)
        assert desk.listener.put_back() == [str(desk.path)]
        assert asks(GROUP), "after somebody removed it, too"
    finally:
        desk.listener.close()
        desk.poller.close()


def test_without_a_group_directory_and_socket_are_closed(desk: Desk) -> None:
    assert desk.path.stat().st_mode & 0o777 == 0o600
