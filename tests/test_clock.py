"""Time as people read it, and a wait for signals."""

from __future__ import annotations

import signal

import pytest

from signalnode.clock import NS_PER_MS, NS_PER_S, await_signal, utc_text

STOPS = (signal.SIGTERM, signal.SIGINT)


def test_a_time_is_told_in_utc_to_the_millisecond_and_never_rounded_up() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"
    assert utc_text(1_786_276_800 * NS_PER_S + 250 * NS_PER_MS) == "2026-08-09T12:00:00.250Z"
    assert utc_text(NS_PER_S - 1) == "1970-01-01T00:00:00.999Z"
    assert utc_text(NS_PER_S - 1, "seconds") == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("given", "taken"), [(signal.SIGTERM, signal.SIGTERM), (1_304_804_320, None), (0, None)]
)
def test_of_a_wait_during_which_the_process_was_stopped_no_signal_is_made_up(
    given: int, taken: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python gives it back then."""
    monkeypatch.setattr(signal, "sigtimedwait", lambda *_: signal.struct_siginfo((given, *[7] * 6)))
    assert await_signal(STOPS, 1.0) == taken


def test_nothing_is_waited_for_longer_than_asked() -> None:
    assert await_signal(STOPS, 0.0) is None
