"""One child's output pipe: read at a pace, and never in anybody's way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.host.flow import LineFlow
from signalnode_supervisor.host.logbook import Logbook
from signalnode_supervisor.host.output import PAUSE_NS, Output
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.inside.entry import DroppingOutput
from signalnode_supervisor.logs import follow
from signalnode_supervisor.settings import Settings


class Desk:
    """A pipe with an `Output` at its end."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(runtime_dir=home, state_dir=home)
        self.poller, self.logbook = Poller(), Logbook(self.settings, None)
        reader, self.writer = os.pipe2(os.O_NONBLOCK)
        flow = LineFlow(1000.0, 1000)
        self.output = Output(self.poller, reader, flow, self.logbook, name="a", fields={"pid": 5})

    def lines(self) -> list[str]:
        self.logbook.close()
        return [entry["line"] for entry in follow(self.settings.log_path("a"))]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.output.close(monotonic_ns())
    one.logbook.close()
    one.poller.close()
    os.close(one.writer)


def test_a_full_pipe_is_read_once_and_then_left_for_a_moment(desk: Desk) -> None:
    while True:
        try:
            os.write(desk.writer, b"x" * 1023 + b"\n")
        except BlockingIOError:
            break
    desk.poller.wait(1.0)
    now_ns = monotonic_ns()
    assert desk.output.resume_ns is not None
    os.write(desk.writer, b"later\n")
    desk.poller.wait(0.0)
    desk.output.resume(now_ns + PAUSE_NS)
    desk.poller.wait(1.0)
    assert desk.lines()[-1] == "later"


def test_the_last_words_are_kept_without_their_newline(desk: Desk) -> None:
    os.write(desk.writer, b"almost")
    desk.poller.wait(1.0)
    desk.output.close(monotonic_ns())
    assert desk.lines() == ["almost"]


def test_a_write_that_does_not_fit_is_dropped_counted_and_no_error() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    stream = DroppingOutput(writer)
    size = 1 << 20
    assert stream.write(b"x" * size) == size
    taken = len(os.read(reader, size))
    assert stream.write(b"y") == 1
    assert (
        os.read(reader, size)
        == f"\n[{size - taken} bytes left out: written faster than they could be read]\ny".encode()
    )
    os.close(reader)
    assert stream.write(b"into the void") == 13
    os.close(writer)
