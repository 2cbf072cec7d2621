"""The fork server as the supervisor sees it, where the machine has no room for another process."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.host.spares import NO_ROOM_PAUSE_NS, ForkServer


@pytest.fixture
def server() -> Iterator[ForkServer]:
    poller = Poller()
    one = ForkServer(poller, {"mark": "run"}, lambda: one.want(1), lambda _: None, lambda _: None)
    yield one
    one.stop()
    poller.close()


def test_a_fork_server_that_cannot_be_started_is_tried_again_after_longer_and_longer_waits(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any, **__: Any) -> int:
        raise OSError(errno.EAGAIN, "no room")

    monkeypatch.setattr("os.posix_spawn", no_room)
    monkeypatch.setattr("signalnode_supervisor.host.spares.monotonic_ns", lambda: 1)
    due_ns = []
    for _ in range(3):
        server.start()
        due_ns.append(server.next_deadline_ns())
    assert server.pid == 0
    assert due_ns == [1 + NS_PER_S // 5, 1 + 2 * NS_PER_S // 5, 1 + 4 * NS_PER_S // 5]


def test_where_there_is_no_room_to_fork_the_next_is_asked_for_after_a_pause(server: ForkServer) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far:
        server._line, server.preloaded = near, True
        server._poller.watch(near.fileno(), server._heard)
        far.settimeout(30)
        server.want(1)
        for _ in range(3):
            assert far.recv(16) == b"+"
            server._take_in({"spare": 0})
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(16)
        due_ns = server.next_deadline_ns()
        assert due_ns is not None
        server.tick(due_ns + NO_ROOM_PAUSE_NS)
        assert far.recv(16) == b"+"
