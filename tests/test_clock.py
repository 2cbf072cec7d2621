"""Time as people read it."""

from __future__ import annotations

from signalnode.clock import NS_PER_MS, NS_PER_S, utc_text


def test_a_time_is_told_in_utc_to_the_millisecond_and_never_rounded_up() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"
    assert utc_text(1_786_276_800 * NS_PER_S + 250 * NS_PER_MS) == "2026-08-09T12:00:00.250Z"
    assert utc_text(NS_PER_S - 1) == "1970-01-01T00:00:00.999Z"
    assert utc_text(NS_PER_S - 1, "seconds") == "1970-01-01T00:00:00Z"
