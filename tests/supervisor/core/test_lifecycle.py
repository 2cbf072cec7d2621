from __future__ import annotations

from pathlib import Path

import pytest

from signalnode_supervisor.core.lifecycle import TABLE, Action, ChildState, Event, Stage, diagram, step

ENDING = {Stage.STOPPING, Stage.RESTARTING, Stage.ABORTING}
RUNNING = {Stage.STARTING, Stage.UP} | ENDING
VERDICTS = (Event.ENDED_FOR_GOOD, Event.ENDED_BADLY, Event.ENDED_TOO_OFTEN)
PAGE = Path(__file__).parents[3] / "docs" / "decisions" / "lifecycle.md"


@pytest.mark.parametrize("stage", Stage)
def test_whatever_stage_a_child_is_in_it_can_be_asked_anything_and_does_it(stage: Stage) -> None:
    assert step(stage, Event.STOP)[0] in (Stage.DOWN, Stage.STOPPING)
    assert step(stage, Event.START)[0].state in (ChildState.STARTING, ChildState.UP, ChildState.STOPPING)
    assert step(stage, Event.RESTART)[0] in (Stage.QUEUED, Stage.RESTARTING)


@pytest.mark.parametrize("stage", sorted(RUNNING))
def test_whatever_runs_may_end_and_then_nothing_runs(stage: Stage) -> None:
    asked = stage in (Stage.STOPPING, Stage.RESTARTING)
    for event in (Event.ENDED,) if asked else VERDICTS:
        assert step(stage, event)[0] not in RUNNING


@pytest.mark.parametrize("stage", sorted(ENDING))
def test_an_end_can_turn_from_one_purpose_to_another_and_is_asked_for_once(stage: Stage) -> None:
    assert step(stage, Event.STOP) == (Stage.STOPPING, ())
    assert step(stage, Event.START) == (Stage.RESTARTING, (Action.FORGIVE,))
    assert step(stage, Event.OVERDUE) == (stage, (Action.KILL,))


def test_a_deadline_is_always_armed() -> None:
    for (before, _), (after, actions) in TABLE.items():
        if after is Stage.BACKING_OFF:
            assert Action.BACK_OFF in actions
        if after is Stage.GIVEN_UP:
            assert Action.REST in actions
        if after in ENDING and before not in ENDING:
            assert {Action.TERMINATE, Action.ABORT} & set(actions)
        if after is Stage.QUEUED and before is not Stage.QUEUED:
            assert Action.ENQUEUE in actions
        if after is Stage.STARTING and before is not Stage.STARTING:
            assert Action.AWAIT in actions


def test_what_cannot_happen_is_an_error_and_no_silent_nothing() -> None:
    with pytest.raises(LookupError, match="down cannot meet"):
        step(Stage.DOWN, Event.HUNG)


def test_every_stage_can_be_reached_and_left() -> None:
    assert {after for after, _ in TABLE.values()} == set(Stage)
    assert {before for before, _ in TABLE} == set(Stage)


def test_every_word_that_status_knows_is_that_of_a_stage() -> None:
    assert {stage.state for stage in Stage} == set(ChildState)


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8"), (
        "paste the output of core.lifecycle.diagram() into it"
    )
