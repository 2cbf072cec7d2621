"""What lasts is told once, then now and then, in one line."""

from __future__ import annotations

from signalnode.aggregator.notices import FAILING_MAX, NAMED_MAX, Withheld, failing, troubled
from signalnode_supervisor.core.liveness import encode


def test_few_are_named_each_with_its_state() -> None:
    assert troubled({"A": "unheard", "B": "silent", "C": "unheard"}) == "unheard A, C; silent B"


def test_of_many_the_first_are_named_and_the_rest_is_counted() -> None:
    states = {f"M{number:03d}": "unheard" for number in range(330)}
    assert troubled(states) == f"unheard M000, M001, M002, M003, M004 and {330 - NAMED_MAX} more"


def test_strategies_that_fail_are_told_in_a_message_as_small_as_the_supervisor_takes() -> None:
    well = {"decisions": 9, "failures": 0, "error": ""}
    broken = {"decisions": 0, "failures": 3, "error": "KeyError: 'mid'"}
    assert failing({"calm": well, "mine": broken}) == ["mine fails, 3 in a row: KeyError: 'mid'"]
    all_fail = {f"{number:064d}": {**broken, "error": "é" * 200} for number in range(64)}
    told = failing(all_fail)
    assert told[-1] == f"{64 - FAILING_MAX} more fail"
    assert len(encode("beat", 2**62, {"failing": told})) > 800, "left out as a whole where too large"


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
