"""What a gateway says of its markets: since when, after how many tries, and one line for all of the same."""

from __future__ import annotations

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.told import News, Told

THREE = ("A-USD", "B-USD", "C-USD")


def hear(told: Told, number: int, what: str, second: int, names: tuple[str, ...] = THREE) -> None:
    state, _, reason = what.partition(": ")
    for name in names:
        told.hear(name, number, state, reason, second * NS_PER_S)


def test_a_start_is_told_as_heard_alone() -> None:
    told = Told()
    hear(told, 0, "lost: not connected yet", 1)
    assert list(told.news()) == []
    assert told.facts(2 * NS_PER_S, None)["outage"] == "all 3: lost: not connected yet"
    hear(told, 1, "heard", 3)
    ((markets, facts, is_warning),) = told.news()
    assert (markets, facts["state"], facts["after_s"], is_warning) == ("all 3", "heard", 2.0, False)


def test_an_outage_is_a_warning_and_each_try_and_its_end_a_line() -> None:
    told = Told()
    hear(told, 1, "heard", 1)
    list(told.news())
    lines: list[News] = []
    for number, second in ((1, 10), (2, 11), (3, 13)):
        hear(told, number, "lost: connection refused", second)
        lines += told.news()
    assert [(each.markets, each.is_warning, each.facts.get("tries")) for each in lines] == [
        ("all 3", True, None),
        ("all 3", False, 1),
        ("all 3", False, 2),
    ]
    assert told.facts(20 * NS_PER_S, 32 * NS_PER_S) == {
        "markets": 3,
        "heard": 0,
        "outage": "all 3: lost: connection refused",
        "outage_s": 10.0,
        "tries": 2,
        "next_try_s": 12.0,
    }
    hear(told, 4, "heard", 51)
    (healed,) = told.news()
    assert healed.facts == {"state": "heard", "reason": "", "connection": 4, "after_s": 41.0, "tries": 2}
    assert told.facts(52 * NS_PER_S, None)["outage_s"] is None


def test_a_refused_market_is_named_and_waits_for_no_try() -> None:
    told = Told()
    hear(told, 1, "heard", 1, THREE[:2])
    hear(told, 1, "refused: no such market", 1, THREE[2:])
    assert told.hear("C-USD", 1, "refused", "nor its trades", NS_PER_S) == "no such market"
    assert len(list(told.news())) == 2, "one of those heard, and one of the refused"
    facts = told.facts(2 * NS_PER_S, 3 * NS_PER_S)
    assert (facts["heard"], facts["next_try_s"]) == (2, None)
    assert facts["outage"] == "C-USD: refused: no such market"
    hear(told, 1, "lost: closed", 2, THREE[:2])
    outage = "A-USD, and 1 more: lost: closed; not heard either: C-USD"
    assert told.facts(3 * NS_PER_S, None)["outage"] == outage
    hear(told, 2, "heard", 3, THREE[:2])
    told.drop("C-USD")
    assert told.facts(3 * NS_PER_S, None)["heard"] == 2
