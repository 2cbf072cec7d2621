from __future__ import annotations

import pytest

from supervisor import ChildSpec, Limits, SpecError
from supervisor.child import Exit


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


def test_the_digest_changes_with_every_value_that_a_running_child_depends_on() -> None:
    digests = {
        ChildSpec(**{"name": "a", "target": "x:y", **more}).digest()  # type: ignore[arg-type]
        for more in ({}, {"args": {"k": 1}}, {"fingerprint": "f"}, {"limits": Limits(nice=1)}, {"order": 1})
    }
    assert len(digests) == 5


def test_exits_read_as_people_say_them() -> None:
    assert [str(e) for e in (Exit(code=3), Exit(signal=9), Exit(signal=77), Exit())] == [
        "exit 3",
        "SIGKILL",
        "signal 77",
        "status unknown",
    ]
