from __future__ import annotations

from signalnode.aggregator.gathering import FAST_PER_S, GATHER_MS, WINDOW_NS, Gathering
from signalnode.clock import NS_PER_S

FEW, MANY = FAST_PER_S // 10, FAST_PER_S // 5  # in a tenth of a second


def after(*counts: int, are_more: bool = False) -> Gathering:
    """What is learnt of so many messages in one tenth of a second after the other."""
    gathering = Gathering()
    for number, count in enumerate(counts, 1):
        gathering.took(count, number * NS_PER_S // 10, are_more=are_more)
    return gathering


def test_messages_wait_for_others_only_where_they_come_fast():
    assert after(*[FEW] * 20).wait_ms == 0
    assert after(*[MANY] * 20).wait_ms == GATHER_MS


def test_a_burst_that_is_over_makes_nobody_wait():
    assert after(*[MANY] * 20, *[0] * 6).wait_ms == 0
    assert after(FAST_PER_S, *[0] * 2 * (WINDOW_NS * 10 // NS_PER_S + 1)).wait_ms == 0


def test_nothing_waits_while_more_is_at_hand():
    assert after(*[MANY] * 20, are_more=True).wait_ms == 0
