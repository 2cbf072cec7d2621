"""What lasts is told once, then now and then, in one line."""

from __future__ import annotations

from signalnode.aggregator.notices import NAMED_MAX, Withheld, troubled


def test_few_are_named_each_with_its_state() -> None:
    assert troubled({"A": "unheard", "B": "silent", "C": "unheard"}) == "unheard A, C; silent B"


def test_of_many_the_first_are_named_and_the_rest_is_counted() -> None:
    states = {f"M{number:03d}": "unheard" for number in range(330)}
    assert troubled(states) == f"unheard M000, M001, M002, M003, M004 and {330 - NAMED_MAX} more"


def test_withheld_decisions_are_news_when_it_begins_and_when_it_is_over() -> None:
    withheld = Withheld()
    assert not withheld.is_over()
    assert withheld.add(2, "No space left on device")
    assert not withheld.add(3, "No space left on device")
    assert (withheld.total, withheld.reason) == (5, "No space left on device")
    assert withheld.is_over()
    assert not withheld.is_over()
    assert withheld.add(1, "No space left on device")
    assert withheld.total == 6
