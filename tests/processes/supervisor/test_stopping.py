"""How things end when they are asked to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.effort import PATIENCE_S, drawn, some
from tests.supervisor.harness import Node, eventually, is_alive, spec

Make = Callable[..., Node]
DEAF = drawn(16, 50)


@pytest.mark.parametrize("number", some([signal.SIGTERM, signal.SIGINT], 1))
def test_a_signal_ends_everything_and_leaves_no_process_socket_or_lock(node: Make, number: int) -> None:
    one = node(spec("a"), spec("b"), spec("c")).executing().up()
    assert one.stop(number) == 0
    assert one.left() == []
    assert list(one.runtime_dir.iterdir()) == []
    assert {e["exit"] for e in one.events if e["event"] == "ended" and e.get("child")} <= {"exit 0"}


def test_a_request_ends_everything_as_well(node: Make) -> None:
    one = node(spec("a")).up()
    one.ask("shutdown")
    assert one.process is not None
    assert one.process.wait(PATIENCE_S) == 0
    assert one.left() == []


def test_a_child_that_ignores_the_request_is_killed_after_its_grace(node: Make) -> None:
    one = node(spec("a", "deaf", stop_grace_s=0.2)).up()
    assert one.ask("stop", "a")["children"]["a"]["state"] == "down"
    assert one.child("a")["last_exit"]["exit"] == "SIGKILL"


def test_many_deaf_children_are_stopped_within_one_grace_period(node: Make) -> None:
    names = [f"c{i}" for i in range(DEAF)]
    one = node(*(spec(name, "deaf", stop_grace_s=1.0) for name in names)).up()
    begun_s = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - begun_s < DEAF / 2, "one after the other takes a second each"
    assert one.left() == []


def test_a_second_interrupt_hurries_the_end(node: Make) -> None:
    one = node(spec("a", "deaf", stop_grace_s=600.0)).up()
    assert one.process is not None
    one.process.send_signal(signal.SIGINT)
    one.until("stopping")
    assert one.stop(signal.SIGINT) == 0
    assert one.left() == []


def test_stop_ends_the_whole_descent_of_a_child(node: Make) -> None:
    one = node(spec("a", "with_descent")).up()
    grandchildren = one.child("a")["grandchildren"]
    one.ask("stop", "a")
    eventually(lambda: not any(map(is_alive, grandchildren)), "the grandchildren gone")


def test_a_lower_order_starts_first_and_stops_last(node: Make) -> None:
    one = node(spec("engine", order=1), spec("board", order=0)).up()
    ups = [e["child"] for e in one.events if e["event"] == "up"]
    assert ups == ["board", "engine"]
    assert one.stop() == 0
    assert one.process is not None
    assert one.process.stdout is not None
    rest = one.process.stdout.read()
    assert rest.index('"event": "down", "child": "engine"') < rest.index('"event": "down", "child": "board"')


def test_stop_is_remembered_by_the_next_supervisor(node: Make) -> None:
    one = node(spec("a"), spec("b")).up()
    one.ask("stop", "a")
    assert one.stop() == 0
    one.start()
    one.until("up", "b")
    assert one.child("a")["state"] == "down"
    assert one.child("a")["reason"] == "stopped by request"
    one.ask("start", "a")
    assert one.stop() == 0
    one.up()


def test_a_stopped_child_gets_what_it_is_sent(node: Make) -> None:
    """A SIGSTOPped process would never see SIGTERM: it is woken to end in its own way."""
    one = node(spec("a", heartbeat_interval_s=0.0, stop_grace_s=600.0)).up()
    os.kill(one.pid("a"), signal.SIGSTOP)
    assert one.ask("stop", "a")["children"]["a"]["state"] == "down"
    assert one.child("a")["last_exit"]["code"] == 0


def test_an_interrupt_while_the_fork_server_preloads_ends_at_once(node: Make) -> None:
    children = [spec(name, stop_grace_s=600.0, order=order) for order, name in enumerate("ab")]
    one = node(*children, preload=["tests.supervisor.slow_preload"]).start()
    one.until("output", line="preloading takes its time")
    assert one.stop(signal.SIGINT) == 0
    assert one.left() == []
