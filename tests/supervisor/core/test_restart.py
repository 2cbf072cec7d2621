from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode_supervisor.core.child import History
from signalnode_supervisor.core.restart import (
    Verdict,
    backoff_max_ns,
    backoff_ns,
    judge,
    on_probation,
    retry_ns,
)
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.spec import ChildSpec

SPEC = ChildSpec(name="a", target="x:y", intensity=2, period_s=60.0, stable_s=10.0)


def _fail(spec: ChildSpec, times_s: list[float], history: History | None = None) -> tuple[Verdict, History]:
    verdict, history = Verdict.LEAVE, history or History()
    for at_s in times_s:
        verdict, history = judge(spec, history, int(at_s * NS_PER_S), clean=False, up_for_ns=0)
    return verdict, history


@pytest.mark.parametrize(
    ("policy", "clean", "verdict"),
    [
        ("always", True, Verdict.RETRY),
        ("always", False, Verdict.RETRY),
        ("on-failure", True, Verdict.LEAVE),
        ("on-failure", False, Verdict.RETRY),
        ("never", True, Verdict.LEAVE),
        ("never", False, Verdict.LEAVE),
    ],
)
def test_the_policy_decides_which_ends_are_mended(policy: str, clean: bool, verdict: Verdict) -> None:
    spec = ChildSpec(name="a", target="x:y", restart=policy)  # type: ignore[arg-type]
    assert judge(spec, History(), NS_PER_S, clean=clean, up_for_ns=0)[0] is verdict


def test_one_failure_more_than_the_intensity_within_the_period_gives_up() -> None:
    assert _fail(SPEC, [1, 2])[0] is Verdict.RETRY
    assert _fail(SPEC, [1, 2, 3])[0] is Verdict.GIVE_UP


def test_failures_older_than_the_period_are_forgotten() -> None:
    assert _fail(SPEC, [1, 2, 62.5])[0] is Verdict.RETRY


def test_a_child_on_probation_is_given_up_at_its_first_failure() -> None:
    _, history = _fail(SPEC, [1, 2, 3])
    assert _fail(SPEC, [1000], on_probation(history))[0] is Verdict.GIVE_UP


def test_a_stable_time_ends_streak_and_probation() -> None:
    _, history = _fail(SPEC, [1, 2, 3])
    verdict, after = judge(SPEC, on_probation(history), 1000 * NS_PER_S, clean=False, up_for_ns=10 * NS_PER_S)
    assert (verdict, after.streak, after.on_probation) == (Verdict.RETRY, 1, False)


def test_the_first_restart_after_a_stable_time_is_at_once() -> None:
    assert backoff_max_ns(SPEC, 1) == 0


@given(streak=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_each_wait_lies_within_its_bounds(streak: int, jitter: float) -> None:
    longest_ns = backoff_max_ns(SPEC, streak)
    assert 0 <= backoff_ns(SPEC, streak, jitter) <= longest_ns <= SPEC.backoff_max_s * NS_PER_S


def test_the_jitter_is_full_from_no_wait_to_the_longest() -> None:
    longest_ns = backoff_max_ns(SPEC, 5)
    assert [backoff_ns(SPEC, 5, jitter) for jitter in (0.0, 0.25)] == [0, longest_ns // 4]


@given(streak=st.integers(2, 100))
def test_waits_double_until_they_meet_the_maximum(streak: int) -> None:
    doubled = min(2 * backoff_max_ns(SPEC, streak), int(SPEC.backoff_max_s * NS_PER_S))
    assert backoff_max_ns(SPEC, streak + 1) == doubled


def test_a_given_up_child_is_retried_slowly_or_never() -> None:
    assert retry_ns(SPEC, 0.5) == SPEC.retry_s * NS_PER_S
    assert retry_ns(ChildSpec(name="a", target="x:y", retry_s=0.0), 0.5) is None


def test_an_excused_end_lengthens_the_wait_and_never_leads_to_giving_up() -> None:
    history = History()
    for at_s in range(100):
        verdict, history = judge(SPEC, history, at_s * NS_PER_S, clean=False, up_for_ns=0, excused=True)
        assert verdict is Verdict.RETRY
    assert history == History(streak=100)


def test_without_an_intensity_nothing_is_given_up() -> None:
    spec = ChildSpec(name="a", target="x:y", intensity=None)
    assert _fail(spec, [0.1 * i for i in range(100)]) == (Verdict.RETRY, History(streak=100))
