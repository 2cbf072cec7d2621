from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from signalnode_supervisor import ChildSpec, Limits, SpecError
from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.spec import POLICY


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "a name starts with"),
        ({"name": "../x"}, "a name starts with"),
        ({"name": "a" * 65}, "at most 64 bytes"),
        ({"name": "supervisor"}, "the supervisor's own"),
        ({"target": "no colon"}, "is not 'package.module:function'"),
        ({"restart": "sometimes"}, "is no policy"),
        ({"intensity": -1}, "intensity"),
        ({"backoff_max_s": -1.0}, "no time may be negative"),
        ({"start_timeout_s": 0.0}, "start_timeout_s"),
        ({"heartbeats_missed_max": 0}, "heartbeats_missed_max"),
        ({"limits": Limits(nice=20)}, "nice"),
        ({"args": {"x": object()}}, "args must be JSON"),
        ({"args": {"x": "y" * 40_000}}, "args must be JSON"),
    ],
)
def test_an_impossible_spec_is_refused_in_one_line(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message) as refused:
        ChildSpec(**{"name": "a", "target": "x:y", **wrong})  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


OTHER: dict[str, Any] = {
    "name": "b",
    "excused_statuses": (14,),
    "target": "x:z",
    "args": {"k": 1},
    "fingerprint": "f",
    "labels": {"market": "b"},
    "reload_signal": 1,
    "rereads": {"k": "1"},
    "heartbeat_interval_s": 0.5,
    "limits": Limits(nice=1),
    "role": "engine",
    "order": 1,
    "restart": "never",
}


def _other(name: str, value: object) -> object:
    """A value that differs from this field's default; numbers are one more."""
    return OTHER[name] if name in OTHER else value + 1  # type: ignore[operator]


@pytest.mark.parametrize("name", [each.name for each in fields(ChildSpec)])
def test_the_digest_changes_with_what_a_process_is_started_with_and_with_nothing_else(name: str) -> None:
    spec = ChildSpec(name="a", target="x:y")
    changed = replace(spec, **{name: _other(name, getattr(spec, name))})
    assert changed != spec
    assert (changed.digest() == spec.digest()) is (name in POLICY)


def test_the_policy_is_made_of_fields_there_are() -> None:
    assert {each.name for each in fields(ChildSpec)} > POLICY


def test_exits_read_as_people_say_them() -> None:
    assert [str(e) for e in (Exit(code=3), Exit(signal=9), Exit(signal=77), Exit())] == [
        "exit 3",
        "SIGKILL",
        "signal 77",
        "status unknown",
    ]
