"""The process itself: real, killed, and there again."""

from __future__ import annotations

import os
import signal
import socket
import time

import numpy as np
import pytest

from signalnode import logs
from signalnode.aggregator.measures.grid import Grid
from signalnode.aggregator.measures.joined import SERIES
from signalnode.aggregator.relating.apart import Apart
from signalnode.aggregator.relating.child import Child
from signalnode.aggregator.relating.frames import FRAME_BYTES_MAX, WAITING_BYTES_MAX, Frames

NAMES = ["A", "B", "C"]


def until_known(child: Child, apart: Apart, draw: np.random.Generator, step: int) -> int:
    """Turn, with a step each time, until something is known; returns the next step."""
    while "correlation_returns" not in apart.numbers():
        child.turn(time.monotonic_ns())
        apart.add(step, 1e-4 * draw.standard_normal(3), draw.uniform(0, 100, (len(SERIES), 3)))
        step += 1
        time.sleep(0.02)  # between two turns, as in a poll
    return step


def test_a_killed_process_leaves_relations_unknown_until_it_is_back() -> None:
    apart = Apart(NAMES, Grid(1_000_000_000, 0.99, 2, True))
    child, draw = Child(apart, logs.logger()), np.random.default_rng(1)
    try:
        step = until_known(child, apart, draw, 0)
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        while apart.numbers():
            child.turn(time.monotonic_ns())
            time.sleep(0.01)
        assert apart.relations().markets == ()
        until_known(child, apart, draw, step)
        assert child.pid not in (None, first)
    finally:
        last = child.pid
        child.close()
    assert last is not None
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


def test_frames_come_whole_whatever_they_are_cut_into() -> None:
    one, other = map(Frames, socket.socketpair())
    sent = [b"", b"a", bytes(1_000_000), b"end"]
    for content in sent:
        assert one.send(content)
    came: list[bytes] = []
    while len(came) < len(sent):
        one.flush()
        came += other.receive()
    assert came == sent
    one.close()
    with pytest.raises(EOFError):
        other.receive()
    with pytest.raises(EOFError):
        other.send(b"x")
    other.close()


def test_of_who_does_not_read_no_more_waits_than_the_limit() -> None:
    one, other = map(Frames, socket.socketpair())
    with one.socket, other.socket:
        taken = sum(one.send(bytes(1_000_000)) for _ in range(20))
        assert 1_000_000 * (taken - 2) < WAITING_BYTES_MAX < 20_000_000
        assert one.is_sending


def test_what_is_no_frame_is_refused() -> None:
    one, two = socket.socketpair()
    with one, two:
        one.sendall((FRAME_BYTES_MAX + 1).to_bytes(4, "little"))
        with pytest.raises(ValueError, match="a frame of"):
            Frames(two).receive()
