"""Which outages are worth a line of the log, in time made up."""

from __future__ import annotations

from signalnode.clock import NS_PER_S
from signalnode.engine.outages import LASTING_S, Outages

SHORT_NS, LONG_NS = NS_PER_S, int(LASTING_S * NS_PER_S)


def told(*heard: tuple[str, int]) -> list[tuple[str, float]]:
    """What is told of outages heard of at these times."""
    outages = Outages()
    return [each for outage, now_ns in heard if (each := outages.hear(outage, now_ns)) is not None]


def test_a_start_that_is_soon_heard_is_told_as_heard_alone() -> None:
    assert told(("not heard of yet", 1), ("lost: not connected yet", SHORT_NS), ("", SHORT_NS + 1)) == [
        ("", 1.0)
    ]


def test_one_that_lasts_is_told_once_a_reason_and_its_end_with_how_long_it_took() -> None:
    start = 100 * NS_PER_S
    assert told(
        ("", 1),
        ("lost: a", start),
        ("lost: a", start + LONG_NS),
        ("lost: a", start + 2 * LONG_NS),
        ("lost: b", start + 3 * LONG_NS),
        ("", start + 40 * NS_PER_S),
        ("", start + 50 * NS_PER_S),
    ) == [("", 0.0), ("lost: a", LASTING_S), ("lost: b", 3 * LASTING_S), ("", 40.0)]


def test_what_keeps_a_market_silent_is_known_once_its_cause_has_lasted() -> None:
    outages = Outages()
    for outage, second, is_known in (
        ("not heard of yet", 1, False),
        ("not heard of yet", 9, False),
        ("lost: not connected yet", 10, False),
        ("refused: dydx has no such market", 11, True),
        ("", 12, False),
        ("lost: closed", 13, False),
        ("lost: closed", 15, True),
    ):
        outages.hear(outage, second * NS_PER_S)
        assert outages.is_known is is_known


def test_a_short_one_is_not_told() -> None:
    assert told(("", 1), ("lost: a", NS_PER_S), ("", NS_PER_S + SHORT_NS)) == [("", 0.0)]
