"""A reload with another policy: it applies at once, and no process is touched for it."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.messages import (
    Adopted,
    Asked,
    Begin,
    Ended,
    Reply,
    Send,
    Spawn,
    Started,
    Tick,
    Withdraw,
)
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.spec import POLICY, ChildSpec
from tests.supervisor.core.test_supervisor import Desk, spec


def reload(desk: Desk, *specs: ChildSpec) -> dict[str, Any]:
    """Reload with these, and what is answered at once."""
    desk.step(Asked(1, "reload", (), specs))
    (reply,) = (command for command in desk.out if isinstance(command, Reply))
    return dict(reply.payload)


def touched(desk: Desk) -> list[object]:
    return [command for command in desk.out if isinstance(command, Send | Spawn | Withdraw)]


def given_up(**more: Any) -> Desk:
    """A desk whose only child has given up."""
    desk = Desk(spec(intensity=0, **more))
    desk.step(Ended("a", desk.bring_up("a"), Exit(code=1)))
    assert desk.state("a") == "given_up"
    return desk


@pytest.mark.parametrize(
    "policy",
    [
        {"role": "engine"},
        {"order": 3},
        {"restart": "never"},
        {"intensity": 9},
        {"period_s": 9.0},
        {"backoff_first_s": 9.0},
        {"backoff_base_s": 9.0},
        {"backoff_max_s": 9.0},
        {"stable_s": 9.0},
        {"retry_s": 9.0},
        {"start_timeout_s": 9.0},
        {"stop_grace_s": 9.0},
        {"heartbeats_missed_max": 9},
    ],
    ids=lambda policy: next(iter(policy)),
)
def test_another_policy_touches_nobody_and_the_answer_says_so(policy: dict[str, Any]) -> None:
    assert set(policy) <= POLICY
    desk = Desk(spec("a"), spec("b"))
    desk.bring_up("a")
    desk.bring_up("b")
    told = reload(desk, spec("a", **policy), spec("b"))
    assert touched(desk) == []
    assert (told["restarted"], told["adjusted"], told["kept"]) == ([], ["a"], 2)
    assert desk.core.children["a"].spec == spec("a", **policy)
    told = reload(desk, spec("a", **policy), spec("b"))
    assert told["adjusted"] == [], "once is enough"


def test_what_a_child_reads_again_is_told_and_touches_nobody() -> None:
    desk = Desk(spec("a", rereads={"calm": "1", "mine": "1", "old": "1"}))
    desk.bring_up("a")
    told = reload(desk, spec("a", rereads={"calm": "1", "mine": "2", "new": "1"}))
    assert touched(desk) == []
    assert (told["adjusted"], told["kept"]) == ([], 1)
    assert told["reread"] == {"a": {"added": ["new"], "removed": ["old"], "changed": ["mine"]}}
    assert "reread" not in reload(desk, spec("a", rereads={"calm": "1", "mine": "2", "new": "1"}))


def test_what_changes_in_both_ways_is_restarted_and_named_once() -> None:
    desk = Desk(spec())
    pid = desk.bring_up("a")
    desk.step(Asked(1, "reload", (), (spec(fingerprint="2", intensity=9),)))
    assert desk.sent() == [("a", signal.SIGTERM)]
    desk.step(Ended("a", pid, Exit(code=0)))
    desk.bring_up("a")
    (reply,) = (command for command in desk.out if isinstance(command, Reply))
    assert (reply.payload["restarted"], reply.payload["adjusted"]) == (["a"], [])


def test_more_patience_with_silence_holds_from_the_reload_on() -> None:
    desk = Desk(spec(heartbeat_interval_s=1.0, heartbeats_missed_max=3))
    desk.bring_up("a")
    reload(desk, spec(heartbeat_interval_s=1.0, heartbeats_missed_max=5))
    assert desk.core.next_deadline_ns(desk.now_ns) == 5 * NS_PER_S


def test_another_timeout_holds_for_a_start_under_way() -> None:
    desk = Desk(spec(start_timeout_s=10.0))
    desk.step(Started("a", 1))
    desk.step(Tick(), after_s=4.0)
    desk.step(Asked(1, "reload", (), (spec(start_timeout_s=60.0),)))
    assert desk.core.next_deadline_ns(desk.now_ns) == 60 * NS_PER_S


def test_a_shorter_backoff_ends_a_wait_that_is_longer() -> None:
    desk = Desk(spec(backoff_first_s=1000.0, backoff_max_s=1000.0))
    desk.step(Ended("a", desk.bring_up("a"), Exit(code=1)))
    reload(desk, spec(backoff_first_s=0.0, backoff_max_s=1000.0))
    assert desk.core.next_deadline_ns(desk.now_ns) == desk.now_ns


def test_a_child_that_gave_up_waits_by_the_new_time_from_now_on() -> None:
    desk = given_up(retry_s=0.0)
    assert desk.core.next_deadline_ns(desk.now_ns) is None
    reload(desk, spec(intensity=0, retry_s=100.0))
    deadline_ns = desk.core.next_deadline_ns(desk.now_ns)
    assert deadline_ns is not None
    assert 90 * NS_PER_S <= deadline_ns - desk.now_ns <= 110 * NS_PER_S
    reload(desk, spec(intensity=5, retry_s=100.0))
    assert desk.core.next_deadline_ns(desk.now_ns) == deadline_ns, "what stays the same begins nothing anew"
    reload(desk, spec(intensity=5, retry_s=0.0))
    assert desk.core.next_deadline_ns(desk.now_ns) is None
    assert desk.state("a") == "given_up"


def test_an_adopted_child_works_on_under_another_policy() -> None:
    found = Adopted("a", 7, spec(intensity=1).digest(), ready=True, started_ns=0, heard_ns=0)
    desk = Desk()
    desk.step(Begin((spec(intensity=9),), adopted=(found,)))
    assert (desk.state("a"), touched(desk)) == ("up", [])


def test_what_has_ended_for_good_stays_ended_under_a_policy_that_would_have_kept_it_up() -> None:
    desk = Desk(spec(restart="never"))
    desk.step(Ended("a", desk.bring_up("a"), Exit(code=0)))
    reload(desk, spec(restart="always"))
    assert (desk.state("a"), touched(desk)) == ("down", [])  # an end is judged once, when it comes
    desk.step(Asked(2, "start", ("a",), (spec(restart="always"),)))
    assert desk.spawned() == ["a"]
