"""Slow starts: progress buys time, standing still and silence do not."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode_supervisor.core import liveness
from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.liveness import is_ahead, late_at_ns, progress_of
from signalnode_supervisor.core.messages import Asked, Ended, Log, Started, Tick
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.host.status import Sample, describe
from tests.supervisor.core.test_supervisor import Desk, spec


@pytest.fixture
def desk() -> Desk:
    """Child "a" is starting as process 1, in time 0; it has 10 s, and its heart beats each second."""
    made = Desk(spec(start_timeout_s=10.0, heartbeat_interval_s=1.0, heartbeats_missed_max=3))
    made.step(Started("a", 1))
    return made


def beats(desk: Desk, seconds: int, **facts: Any) -> None:
    """A beat each second, with the same facts; deadlines are looked at before each."""
    for _ in range(seconds):
        desk.step(Tick(), after_s=1.0)
        if desk.state("a") == "starting":
            desk.say("a", **facts)


def test_progress_gives_a_start_its_time_anew(desk: Desk) -> None:
    for tenths in range(5):
        beats(desk, 9, progress=tenths / 10)
    assert desk.state("a") == "starting"
    desk.say("a", "ready")
    assert desk.state("a") == "up"


def test_progress_that_stands_still_gives_no_time(desk: Desk) -> None:
    beats(desk, 9, progress=0.42)
    assert desk.core.children["a"].deadline_ns == 11 * NS_PER_S
    beats(desk, 2, progress=0.42)
    assert desk.sent() == [("a", signal.SIGABRT)]
    assert desk.core.children["a"].reason == "not ready in time, 42% prepared"


@pytest.mark.parametrize("said", [0.3, -1, 2, True, "0.9", None, float("nan"), float("inf"), [1]])
def test_what_is_not_further_than_before_is_no_progress(desk: Desk, said: Any) -> None:
    desk.say("a", progress=0.42)
    beats(desk, 10, progress=said)
    assert desk.sent() == [("a", signal.SIGABRT)]


def test_a_start_that_falls_silent_while_it_prepares_hangs_after_three_heartbeats(desk: Desk) -> None:
    desk.say("a", after_s=1.0, progress=0.1)
    assert desk.core.next_deadline_ns(desk.now_ns) == 4 * NS_PER_S
    desk.step(Tick(), after_s=3.0)
    assert desk.sent() == [("a", signal.SIGABRT)]
    assert desk.core.children["a"].reason == "no heartbeat in time, 10% prepared"


def test_a_supervisor_that_slept_blames_no_start_for_silence(desk: Desk) -> None:
    desk.say("a", progress=0.1)
    desk.step(Tick(), after_s=9.0)
    assert desk.state("a") == "starting"


def test_a_start_that_says_nothing_of_progress_may_be_silent_until_it_is_late(desk: Desk) -> None:
    desk.step(Tick(), after_s=9.9)
    assert desk.state("a") == "starting"
    desk.step(Tick(), after_s=0.1)
    assert desk.core.children["a"].reason == "not ready in time"


def test_with_all_prepared_it_may_be_silent_and_has_its_time_once_more(desk: Desk) -> None:
    beats(desk, 8, progress=0.5)
    desk.say("a", progress=1.0)
    desk.step(Tick(), after_s=9.9)
    assert desk.state("a") == "starting"
    desk.step(Tick(), after_s=0.1)
    assert desk.state("a") == "stopping"


def test_no_start_lasts_longer_than_the_longest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "PREPARE_S_MAX", 30.0)
    for hundredths in range(29):
        beats(desk, 1, progress=hundredths / 100)
    assert desk.state("a") == "starting"
    desk.step(Tick(), after_s=1.0)
    assert desk.sent() == [("a", signal.SIGABRT)]


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.floats(0.1, 10_000.0))
def test_progress_never_shortens_a_start_and_never_makes_it_endless(
    begun_ns: int, moved_for_ns: int, timeout_s: float
) -> None:
    wanted = spec(start_timeout_s=timeout_s)
    first_ns, late_ns = (late_at_ns(wanted, begun_ns, begun_ns + each) for each in (0, moved_for_ns))
    assert first_ns <= late_ns <= begun_ns + NS_PER_S * max(liveness.PREPARE_S_MAX, timeout_s + 1e-9)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_only_a_higher_number_is_ahead(one: float, other: float) -> None:
    assert is_ahead(progress_of({"progress": one}), other) is (one > other)
    assert is_ahead(one, None)
    assert not is_ahead(None, None)


def test_a_new_process_begins_at_nothing(desk: Desk) -> None:
    desk.say("a", progress=0.9)
    desk.step(Ended("a", 1, Exit(code=1)))
    desk.step(Tick())
    desk.step(Started("a", 2))
    desk.say("a", after_s=9.0, progress=0.1)
    assert desk.core.children["a"].deadline_ns == desk.now_ns + 3 * NS_PER_S
    assert desk.core.children["a"].reason == "preparing 10%"


def test_status_says_how_far_it_is_until_it_is_up(desk: Desk) -> None:
    desk.say("a", progress=0.42)
    shown = describe(desk.core.children["a"], Sample(1), desk.now_ns)
    assert (shown["state"], shown["reason"], shown["progress"]) == ("starting", "preparing 42%", 0.42)
    desk.say("a", "ready")
    shown = describe(desk.core.children["a"], Sample(1), desk.now_ns)
    assert (shown["state"], shown["reason"], shown["progress"]) == ("up", "", None)


def test_whoever_waits_for_a_start_is_answered_when_it_takes_longer_than_its_timeout(desk: Desk) -> None:
    desk.step(Asked(1, "start", ("a",)))
    desk.say("a", after_s=9.0, progress=0.1)
    assert desk.out == []
    desk.say("a", after_s=1.5, progress=0.2)
    note, reply = desk.out
    assert isinstance(note, Log)
    assert note.event == "still preparing"
    assert reply.payload["children"] == {"a": {"state": "starting", "reason": "preparing 20%", "pid": 1}}  # type: ignore[union-attr]
    desk.say("a", after_s=1.0, progress=0.3)
    assert desk.out == [], "said once"
    assert desk.core.children["a"].settled, "nor does the readiness of the whole wait for it"


def test_a_slow_start_can_be_stopped(desk: Desk) -> None:
    desk.say("a", progress=0.1)
    desk.step(Asked(1, "stop", ("a",)))
    assert desk.sent() == [("a", signal.SIGTERM)]
    desk.say("a", progress=0.2)
    desk.step(Ended("a", 1, Exit(code=0)))
    assert desk.state("a") == "down"
