"""A subscribing socket without libzmq, which hears libzmq's publishers and ours."""

from __future__ import annotations

import os
import socket as streams
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from signalnode.bus.xpub import Xpub
from signalnode.bus.xsub import NEVER_NS, RETRY_NS, RETRY_NS_MAX, Xsub
from signalnode.bus.zmtp import GREETING, command, ready
from signalnode.clock import NS_PER_S, monotonic_ns
from tests.bus.limits import no_more_descriptors

PATIENCE_MS = 20_000
TOPICS = (b"A\0", b"\0")


class Publishing:
    """libzmq's end, which may come and go."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self._context = endpoint, zmq.Context()
        self.socket: zmq.Socket[bytes] | None = None

    def begin(self, kind: int = zmq.XPUB) -> zmq.Socket[bytes]:
        self.socket = self._context.socket(kind)
        self.socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(self.endpoint)
        return self.socket

    def end(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def close(self) -> None:
        self.end()
        self._context.term()


@pytest.fixture
def publishing(short_dir: Path) -> Iterator[Publishing]:
    made = Publishing(f"ipc://{short_dir}/frames")
    yield made
    made.close()


@pytest.fixture
def heard() -> Iterator[Xsub]:
    made = Xsub(TOPICS)
    yield made
    made.close()


def asked(socket: zmq.Socket[bytes]) -> set[bytes]:
    return {socket.recv() for _ in TOPICS}


def until(heard: Xsub, wanted: Callable[[list[bytes]], bool]) -> list[bytes]:
    """All that comes until that is so of it."""
    came = list[bytes]()
    while not wanted(came):
        assert heard.wait(PATIENCE_MS)
        came += heard.receive(1_000)
    return came


def test_what_is_sent_comes_in_order_and_so_many_at_a_time(publishing: Publishing, heard: Xsub) -> None:
    socket = publishing.begin()
    heard.connect(publishing.endpoint)
    heard.ask(PATIENCE_MS)
    assert asked(socket) == {b"\1A\0", b"\1\0"}
    sent = [b"A\0" + os.urandom(size) for size in (0, 253, 254, 70_000, 3_000_000, 5)]
    for message in sent:
        socket.send(message)
        socket.send(b"B\0 is for another")
    assert until(heard, lambda came: len(came) == len(sent)) == sent
    for message in sent[:3]:
        socket.send(message)
    came = list[bytes]()
    while len(came) < 3:
        assert heard.wait(PATIENCE_MS)
        one = heard.receive(1)
        assert len(one) <= 1
        came += one
    assert came == sent[:3]
    assert not heard.holds


def test_who_is_not_there_or_goes_is_looked_for_again_ever_more_seldom(
    publishing: Publishing, heard: Xsub
) -> None:
    heard.connect(publishing.endpoint)
    for doublings in range(1, 5):
        before_ns = heard.due_ns
        while heard.due_ns == before_ns:
            heard.wait(1)
        assert heard.due_ns - before_ns >= min(RETRY_NS << doublings, RETRY_NS_MAX)
    for turn in range(2):
        socket = publishing.begin()
        assert not heard.send(b"nobody is there")
        while heard.due_ns != NEVER_NS:
            heard.wait(10)
        heard.ask(PATIENCE_MS)
        assert asked(socket) == {b"\1A\0", b"\1\0"}
        socket.send(b"A\0%d" % turn)
        assert until(heard, bool) == [b"A\0%d" % turn]
        publishing.end()
        while heard.due_ns == NEVER_NS:
            assert heard.wait(PATIENCE_MS)
            assert heard.receive(10) == []


def test_what_is_said_up_arrives_and_who_is_parted_with_sees_it(publishing: Publishing, heard: Xsub) -> None:
    socket = publishing.begin()
    heard.connect(publishing.endpoint)
    heard.ask(PATIENCE_MS)
    asked(socket)
    assert heard.send(b"\2A\0")
    assert socket.recv() == b"\2A\0"
    heard.disconnect(publishing.endpoint)
    assert {socket.recv() for _ in TOPICS} == {b"\0A\0", b"\0\0"}
    assert not heard.send(b"\2A\0")


def test_who_is_no_publisher_is_left_and_tried_again_without_haste(
    publishing: Publishing, heard: Xsub
) -> None:
    publishing.begin(zmq.PULL)
    heard.connect(publishing.endpoint)
    before_ns = monotonic_ns()
    tries = 0
    while tries < 3:
        was_ns = heard.due_ns
        heard.wait(PATIENCE_MS if was_ns == NEVER_NS else 5)
        assert heard.receive(10) == []
        tries += was_ns == NEVER_NS != heard.due_ns
    assert monotonic_ns() - before_ns > NS_PER_S // 100


def test_a_publisher_that_asks_whether_anybody_is_there_is_answered(short_dir: Path, heard: Xsub) -> None:
    with streams.socket(streams.AF_UNIX) as listening:
        listening.bind(f"{short_dir}/asks")
        listening.listen()
        heard.connect(f"ipc://{short_dir}/asks")
        stream, _ = listening.accept()
        with stream:
            stream.sendall(
                GREETING + ready(b"PUB") + command(b"PING", b"\0\0first") + command(b"PING", b"\0\0it")
            )
            assert heard.wait(PATIENCE_MS)
            assert heard.receive(10) == []
            assert stream.recv(10_000).endswith(command(b"PONG", b"it"))


def test_where_files_run_out_it_is_looked_for_again(publishing: Publishing, heard: Xsub) -> None:
    socket = publishing.begin()
    with no_more_descriptors():
        heard.connect(publishing.endpoint)
        assert heard.due_ns != NEVER_NS
    while heard.due_ns != NEVER_NS:
        heard.wait(10)
    heard.ask(PATIENCE_MS)
    assert asked(socket) == {b"\1A\0", b"\1\0"}


def test_our_own_publisher_is_heard_as_well(short_dir: Path, heard: Xsub) -> None:
    sending = Xpub(f"ipc://{short_dir}/own", queue_max=10, backlog=10, asked_bytes_max=1_024)
    heard.connect(f"ipc://{short_dir}/own")
    changes = list[bytes]()
    while len(changes) < len(TOPICS):
        changes += sending.serve()
        heard.ask(1)
    assert changes == [b"\1A\0", b"\1\0"]
    sending.send(b"A\0", b"content")
    assert until(heard, lambda came: len(came) == 2) == [b"A\0", b"content"]  # its messages have two parts
    sending.close()
