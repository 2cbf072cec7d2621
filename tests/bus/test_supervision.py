"""What the supervisor says of the markets' processes, as it comes to the board."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from signalnode.aggregator.board import Board
from signalnode.bus.supervision import Supervision
from signalnode.bus.wire import ProcessState
from tests.bus.messages import end, score

S = 1_000_000_000
UP = ProcessState(state="up", restarts=2, why="SIGKILL")
GIVEN_UP = ProcessState(
    state="given_up", restarts=6, why="gave up after 6 failures in 60 s, the last: SIGKILL"
)


def written(path: Path, **states: ProcessState) -> None:
    draft = path.with_suffix(".draft")
    told = {name: {"state": s.state, "restarts": s.restarts, "why": s.why} for name, s in states.items()}
    draft.write_text(json.dumps(told))
    os.replace(draft, path)


def test_the_file_is_read_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "standing.json"
    supervision = Supervision(path)
    assert supervision.news() is None
    written(path, A=UP)
    assert supervision.news() == {"A": UP}
    assert supervision.news() is None
    written(path, A=GIVEN_UP)
    assert supervision.news() == {"A": GIVEN_UP}
    path.write_text("[no standing]")
    assert supervision.news() is None
    path.unlink()
    assert supervision.news() == {}
    assert supervision.news() is None


@pytest.mark.parametrize("state", ["given_up", "backing_off", "down"])
def test_a_market_whose_process_is_gone_is_down_however_young_its_score(state: str) -> None:
    board = Board(["A", "B"], 3.0)
    board.take(score("A"), 10 * S)
    gone = ProcessState(state=state, restarts=6, why="SIGKILL")
    board.tell({"A": gone, "B": gone}, 10 * S + 1)
    assert (board.state("A", 10 * S + 2), board.state("B", 10 * S + 2)) == ("down", "down")
    assert board.markets(10 * S + 2)["A"].process == gone
    assert set(board.silent(10 * S + 2)) == {"A", "B"}


def test_one_that_is_heard_after_that_lives() -> None:
    board = Board(["A"], 3.0)
    board.tell({"A": GIVEN_UP}, S)
    board.take(score("A"), 2 * S)
    board.tell({"A": GIVEN_UP}, 3 * S)
    assert board.state("A", 3 * S) == "fresh"


def test_a_restarted_one_is_fresh_and_says_how_often_and_why() -> None:
    board = Board(["A"], 3.0)
    board.take(score("A"), S)
    board.tell({"A": UP}, 2 * S)
    state = board.markets(2 * S)["A"]
    assert (state.state, state.process) == ("fresh", UP)


def test_a_planned_end_stays_one() -> None:
    board = Board(["A"], 3.0)
    board.take(end("A"), S)
    board.tell({"A": ProcessState(state="down", restarts=0, why="stopped by request")}, 2 * S)
    assert board.state("A", 2 * S) == "ended"


def test_a_market_that_a_reload_brings_is_known_by_what_was_told_before() -> None:
    board = Board(["A"], 3.0)
    board.tell({"B": GIVEN_UP}, S)
    board.expect(["A", "B"])
    assert board.state("B", 2 * S) == "down"
    board.take(score("B"), 3 * S)
    assert board.state("B", 3 * S) == "fresh"
