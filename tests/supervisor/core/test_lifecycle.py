from __future__ import annotations

from pathlib import Path

import pytest

from signalnode_supervisor.core.lifecycle import TABLE, Action, ChildState, Event, diagram, step

RUNNING = {ChildState.STARTING, ChildState.UP, ChildState.STOPPING}
PAGE = Path(__file__).parents[3] / "docs" / "decisions" / "lifecycle.md"


@pytest.mark.parametrize("state", ChildState)
@pytest.mark.parametrize("event", [Event.START, Event.STOP, Event.RESTART])
def test_whatever_state_a_child_is_in_it_can_be_asked_anything(state: ChildState, event: Event) -> None:
    if (state, event) == (ChildState.STARTING, Event.STOP):
        assert step(state, event)[1] == (Action.TERMINATE,)
    else:
        step(state, event)


@pytest.mark.parametrize("state", sorted(RUNNING))
def test_whatever_runs_may_end(state: ChildState) -> None:
    for event in (Event.ENDED_FOR_GOOD, Event.ENDED_BADLY, Event.ENDED_TOO_OFTEN):
        assert step(state, event)[0] not in RUNNING


def test_a_wait_is_always_armed() -> None:
    for (before, _), (after, actions) in TABLE.items():
        if after is ChildState.BACKING_OFF:
            assert Action.BACK_OFF in actions
        if after is ChildState.GIVEN_UP:
            assert Action.REST in actions
        if after is ChildState.STOPPING and before is not ChildState.STOPPING:
            assert {Action.TERMINATE, Action.ABORT} & set(actions)
        if after is ChildState.STARTING and before is not ChildState.STARTING:
            assert Action.ENQUEUE in actions


def test_what_cannot_happen_is_an_error_and_no_silent_nothing() -> None:
    with pytest.raises(LookupError, match="down cannot meet"):
        step(ChildState.DOWN, Event.HUNG)


def test_every_state_can_be_reached_and_left() -> None:
    assert {after for after, _ in TABLE.values()} == set(ChildState)
    assert {before for before, _ in TABLE} == set(ChildState)


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8"), (
        "paste the output of core.lifecycle.diagram() into it"
    )
