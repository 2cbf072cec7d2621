"""`on_supervisor_death = "keep"`: children work on, and the next supervisor takes them over."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable

import pytest

from tests.effort import some
from tests.supervisor.harness import KILLED, Node, eventually, is_alive, spec

Make = Callable[..., Node]


def _kept(node: Make, *specs: dict[str, object]) -> Node:
    return node(*specs, on_supervisor_death="keep")


def test_children_outlive_a_killed_supervisor_and_are_adopted(node: Make) -> None:
    one = _kept(node, spec("a"), spec("b")).up()
    before = {name: one.pid(name) for name in "ab"}
    one.kill()
    assert all(map(is_alive, before.values()))
    one.up()
    assert {name: one.pid(name) for name in "ab"} == before
    shown = one.child("a")
    assert shown["adopted"]
    assert shown["epoch"] == 1
    assert one.stop() == 0
    assert one.left() == []


def test_an_adopted_child_is_heard_and_its_hang_is_found(node: Make) -> None:
    one = _kept(node, spec("a", heartbeats_missed_max=5)).up()
    one.kill()
    one.up()
    eventually(lambda: "seq" in one.child("a"), "heartbeats after the adoption")
    os.kill(one.pid("a"), signal.SIGSTOP)
    one.until("hung", "a")
    one.until("up", "a")
    assert not one.child("a")["adopted"]


def test_what_an_adopted_child_prints_is_still_logged(node: Make) -> None:
    one = _kept(node, spec("a", "prints_on_request")).up()
    one.kill()
    one.up()
    os.kill(one.pid("a"), signal.SIGUSR2)
    assert one.until("output", "a")["line"] == "as you wish"


def test_printing_without_a_supervisor_harms_no_child(node: Make) -> None:
    one = _kept(node, spec("a", "talks_without_end")).up()
    pid = one.pid("a")
    one.kill()
    one.up()
    assert one.pid("a") == pid


def test_the_end_of_an_adopted_child_is_seen_and_told(node: Make) -> None:
    one = _kept(node, spec("a")).up()
    one.kill()
    one.up()
    os.kill(one.pid("a"), signal.SIGKILL)
    assert one.until("ended", "a")["exit"] in (*KILLED, "status unknown")  # told since Linux 6.15
    one.until("up", "a")
    assert not one.child("a")["adopted"]


def test_a_child_that_died_meanwhile_is_started_anew(node: Make) -> None:
    one = _kept(node, spec("a"), spec("b")).up()
    pid = one.pid("a")
    one.kill()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), "the child gone")
    one.up()
    assert one.pid("a") != pid
    assert not one.child("a")["adopted"]


def test_changed_settings_restart_an_adopted_child(node: Make) -> None:
    one = _kept(node, spec("a"), spec("b")).up()
    before = {name: one.pid(name) for name in "ab"}
    one.kill()
    one.specs[0]["fingerprint"] = "other"
    one.start()
    one.until("ended", "a")
    one.until("up", "a")
    assert one.pid("a") != before["a"]
    assert one.pid("b") == before["b"]


def test_a_child_that_nobody_wants_any_more_is_ended(node: Make) -> None:
    one = _kept(node, spec("a"), spec("b")).up()
    pid = one.pid("b")
    one.kill()
    one.specs.pop()
    one.up()
    eventually(lambda: not is_alive(pid), "the unwanted child gone")


def test_the_grandchildren_of_an_adopted_child_end_with_it(node: Make) -> None:
    one = _kept(node, spec("a", "with_descent")).up()
    one.kill()
    one.up()
    grandchildren = one.child("a")["grandchildren"]
    assert all(map(is_alive, grandchildren))
    one.ask("stop", "a")
    eventually(lambda: not any(map(is_alive, grandchildren)), "the grandchildren gone")


def test_a_stopped_child_stays_stopped_over_a_killed_supervisor(node: Make) -> None:
    one = _kept(node, spec("a"), spec("b")).up()
    one.ask("stop", "a")
    one.kill()
    one.start()
    one.until("adopted", "b")
    assert one.child("a")["state"] == "down"


def test_a_runtime_directory_that_takes_nothing_ends_no_supervisor(node: Make) -> None:
    one = node(spec("a"), spec("b"), on_supervisor_death="keep").up()
    pids = one.pid("a"), one.pid("b")
    with one.held():  # or it makes the directory again before there is something in its place
        shutil.rmtree(one.runtime_dir / "children")
        (one.runtime_dir / "children").touch()
    os.kill(pids[0], signal.SIGKILL)
    one.until("cannot be adopted", "a")
    assert one.pid("b") == pids[1]


@pytest.mark.parametrize(("key", "other"), some([("began", 1), ("mark", "another/a.1")], 1))
def test_a_process_that_is_not_the_one_written_down_is_not_taken(node: Make, key: str, other: object) -> None:
    one = _kept(node, spec("a")).up()
    pid = one.pid("a")
    one.kill()
    record = one.runtime_dir / "children" / "a.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), key: other}))
    one.up()
    assert one.pid("a") != pid
    assert not is_alive(pid)
