from __future__ import annotations

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.base import Tried
from signalnode.feeds.faults import Faults
from signalnode.feeds.live import envelope
from signalnode.feeds.live.away import Away


def test_an_outage_says_since_when_after_how_many_tries_and_when_the_next_is_due():
    away = Away()
    away.note(True, 5 * NS_PER_S)
    for number in (1, 2, 2, 3):
        away.count("lost", number, 12 * NS_PER_S)
    assert away.tried(10 * NS_PER_S) == Tried(5_000, 3, 2_000)
    away.note(False, 11 * NS_PER_S)
    away.count("heard", 4, None)
    assert away.tried(12 * NS_PER_S) == Tried()
    away.note(True, 20 * NS_PER_S)
    assert away.tried(20 * NS_PER_S) == Tried(0, 0, None)


@pytest.mark.parametrize("due_ns", [None, 7])
def test_what_a_market_is_told_is_read_as_it_was_packed(due_ns):
    told = envelope.pack_told("lost", "HTTP 503, on the way", due_ns)
    assert envelope.unpack_told(told) == ("lost", "HTTP 503, on the way", due_ns)


def test_what_was_told_by_itself_is_no_news_among_the_faults_and_counts_all_the_same():
    faults = Faults()
    faults.add("market_lost", "closed: 1012")
    faults.drop_news("market_lost")
    faults.add("book_gap", "after 7")
    assert faults.news() == ["1 x book_gap, the last: after 7"]
    faults.add("market_lost", "HTTP 503")
    assert faults.news()[0].startswith("1 x market_lost (")
    assert faults.counts["market_lost"] == 2
