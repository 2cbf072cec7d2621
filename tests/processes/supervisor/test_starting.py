"""Real processes that take their time to get ready."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from tests.supervisor.harness import Node, eventually, spec

Make = Callable[..., Node]
SHORT = {"start_timeout_s": 1.5}


def _prepares(node: Node, name: str) -> Callable[[], bool]:
    """Whether progress of this child has been heard."""
    return lambda: node.child(name)["progress"] is not None


def test_a_start_with_progress_may_take_longer_than_its_timeout(node: Make) -> None:
    one = node(spec("a", "prepares", **SHORT)).start()
    assert one.until("still preparing", "a")["reason"].startswith("preparing ")
    told = one.ask("restart", "a")["children"]["a"]
    assert told["state"] == "starting", "nobody waits for it longer than for any other start"
    pid = one.pid("a")
    os.kill(pid, signal.SIGUSR1)
    one.until("up", "a")
    shown = one.child("a")
    assert (shown["pid"], shown["restarts"], shown["progress"]) == (pid, 0, None)
    assert not [event for event in one.events if event["event"] == "start timed out"]


def test_a_start_whose_progress_stands_still_is_late(node: Make) -> None:
    one = node(spec("a", "stands_still", restart="never", **SHORT)).start()
    one.until("down", "a")
    assert one.child("a")["last_exit"]["exit"] == "not ready in time, 40% prepared; SIGABRT"


def test_a_start_that_falls_silent_is_found_long_before_it_is_late(node: Make) -> None:
    one = node(spec("a", "prepares", start_timeout_s=600.0, heartbeats_missed_max=5, restart="never")).start()
    one.until("started", "a")
    eventually(_prepares(one, "a"), "progress")
    os.kill(one.pid("a"), signal.SIGSTOP)
    one.until("hung", "a")
    one.until("down", "a")
    assert one.child("a")["last_exit"]["exit"].startswith("no heartbeat in time, ")


def test_a_slow_start_goes_on_under_the_next_supervisor(node: Make) -> None:
    slow: dict[str, Any] = spec("a", "prepares", **SHORT)
    one = node(slow, on_supervisor_death="keep").start()
    one.until("started", "a")
    eventually(_prepares(one, "a"), "progress")
    pid = one.pid("a")
    one.kill()
    one.start()
    one.until("still preparing", "a")
    os.kill(pid, signal.SIGUSR1)
    one.until("up", "a")
    assert one.child("a")["pid"] == pid
