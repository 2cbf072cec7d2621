"""The file in which others read how each child stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.messages import Ended, Started, Tick
from signalnode_supervisor.host.standing import PAUSE_NS, Standing, standing
from tests.supervisor.core.test_supervisor import Desk, spec


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "standing.json"


def read(file: Path) -> Any:
    return json.loads(file.read_bytes())


def test_one_that_was_started_again_says_why_and_how_often() -> None:
    desk = Desk(spec())
    pid = desk.bring_up("a")
    assert standing(desk.core.children["a"]) == {"state": "up", "restarts": 0, "why": ""}
    desk.step(Ended("a", pid, Exit(signal=9)), after_s=100.0)
    desk.step(Tick())
    desk.step(Started("a", 2))
    desk.say("a", "ready")
    assert standing(desk.core.children["a"]) == {"state": "up", "restarts": 1, "why": "SIGKILL"}


def test_one_that_is_up_and_cannot_do_its_work_says_why_until_it_can() -> None:
    desk = Desk(spec())
    desk.bring_up("a")
    desk.say("a", "beat", trouble="the disk is full")
    assert standing(desk.core.children["a"])["trouble"] == "the disk is full"
    desk.say("a", "beat", trouble="")
    assert "trouble" not in standing(desk.core.children["a"])


def test_one_that_is_given_up_says_so() -> None:
    desk = Desk(spec(intensity=0))
    desk.step(Ended("a", desk.bring_up("a"), Exit(code=1)))
    told = standing(desk.core.children["a"])
    assert (told["state"], told["restarts"]) == ("given_up", 0)
    assert told["why"].startswith("gave up after 1 failure")


def test_it_is_written_when_something_changed_and_not_more_often_than_that(file: Path) -> None:
    desk, told = Desk(spec()), Standing(file)
    told.tick(desk.core.children, 0)
    assert not file.exists()
    told.changed(0)
    told.tick(desk.core.children, 0)
    assert read(file)["a"]["state"] == "starting"
    assert told.next_ns is None
    pid = desk.bring_up("a")
    told.changed(1)
    told.tick(desk.core.children, 1)
    assert (read(file)["a"]["state"], told.next_ns) == ("starting", PAUSE_NS)
    told.tick(desk.core.children, PAUSE_NS)
    assert read(file)["a"]["state"] == "up"
    written = file.stat().st_ino
    told.changed(2 * PAUSE_NS)
    told.tick(desk.core.children, 2 * PAUSE_NS)
    assert file.stat().st_ino == written, f"process {pid} stands as it stood"


def test_it_is_put_back_where_somebody_removed_it_and_gone_at_the_end(file: Path) -> None:
    desk, told = Desk(spec()), Standing(file)
    assert told.put_back() == []
    told.changed(0)
    told.tick(desk.core.children, 0)
    file.unlink()
    assert told.put_back() == [str(file)]
    assert "a" in read(file)
    told.close()
    assert not file.exists()
    assert told.put_back() == []


def test_a_directory_that_takes_nothing_is_tried_again(tmp_path: Path) -> None:
    desk, told = Desk(spec()), Standing(tmp_path / "gone" / "standing.json")
    told.changed(0)
    told.tick(desk.core.children, 0)
    assert told.next_ns == PAUSE_NS
