"""Steps that go to another process, and what it says of them: the pure parts, joined by hand."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from signalnode.aggregator.measures.grid import Grid
from signalnode.aggregator.measures.joined import SERIES, Joined
from signalnode.aggregator.relating.apart import APART_FROM, Apart, elsewhere, relates_apart
from signalnode.aggregator.relating.messages import decode_down, encode
from signalnode.aggregator.relating.process import Relating
from signalnode.bus.relations import decode_relations
from signalnode.settings import AggregatorSettings

CLOSE = 2e-4  # scores are kept in 1/256 of a point
GRID = Grid(1_000_000_000, 0.99, 2, True)
NAMES = [f"M{k}" for k in range(7)]


class Two:
    """Both ends, without what is between them; what `lost` names does not arrive."""

    def __init__(self, lost: frozenset[int] = frozenset()) -> None:
        self.apart, self.relating = Apart(NAMES, GRID), Relating()
        self.sent, self._lost = deque[bytes](), lost
        self.apart.begin(self._send)
        self._count = 0

    def _send(self, content: bytes) -> bool:
        self._count += 1
        if self._count in self._lost:
            return False
        self.sent.append(content)
        return True

    def talk(self) -> None:
        while self.sent:
            self.relating.take(decode_down(self.sent.popleft()))
        for told in self.relating.told():
            if told is not None:
                self.apart.hear(encode(told))


def steps(count: int, size: int = 7) -> list[tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
    draw = np.random.default_rng(4)
    common = 1e-4 * draw.standard_normal(count + 1)
    returns = common[1:, None] + 1e-4 * draw.standard_normal((count, size))
    returns[:, 3] += common[:-1]  # moves a step after the others
    scores = draw.uniform(0, 100, (count, 1, 1)) + draw.uniform(-20, 20, (count, len(SERIES), size))
    return list(zip(returns, scores, strict=True))


def test_apart_the_same_is_known_as_joined() -> None:
    two, joined = Two(), Joined(NAMES, GRID)
    for step, (returns, scores) in enumerate(steps(80)):
        two.apart.add(step, returns, scores)
        joined.add(step, returns, scores)
    two.talk()
    joined.turn()
    numbers = two.apart.numbers()
    assert numbers.pop("relations_age_s") == 0.0
    assert numbers == pytest.approx(joined.numbers(), abs=CLOSE)
    one, other = two.apart.relations(), joined.relations()
    np.testing.assert_allclose(one.correlation, other.correlation, atol=CLOSE)
    np.testing.assert_allclose(one.lead_correlation, other.lead_correlation, atol=CLOSE)
    np.testing.assert_array_equal(one.lead_s, other.lead_s)
    for market in NAMES:
        assert one.leaders(market, 0.2) == other.leaders(market, 0.2)
    assert one.correlated(0.3, 5) == other.correlated(0.3, 5)
    near, exact = one.between("M3", "M1"), other.between("M3", "M1")
    assert near is not None
    assert exact is not None
    assert near.lead_s == exact.lead_s == -1.0
    assert [each["markets"] for each in two.apart.strongest()] == [
        each["markets"] for each in joined.strongest()
    ]
    told = decode_relations(two.apart.packed())
    np.testing.assert_allclose(told.correlation, decode_relations(joined.packed()).correlation, atol=1)


def test_a_step_that_is_lost_is_a_gap() -> None:
    lost = {20, 21, 50}  # the first that is sent names the markets
    two, joined = Two(frozenset(lost)), Joined(NAMES, GRID)
    for step, (returns, scores) in enumerate(steps(80)):
        two.apart.add(step, returns, scores)
        gap = step + 2 in lost
        joined.add(step, returns * np.nan if gap else returns, scores * np.nan if gap else scores)
    two.talk()
    joined.turn()
    np.testing.assert_allclose(two.apart.relations().correlation, joined.relations().correlation, atol=CLOSE)


def test_markets_that_come_and_go_leave_the_others_known() -> None:
    two = Two()
    made = steps(60)
    for step, (returns, scores) in enumerate(made):
        two.apart.add(step, returns, scores)
    two.talk()
    before = two.apart.relations().between("M1", "M2")
    two.apart.rearrange([2, None, 1], ["M2", "new", "M1"])
    assert two.apart.relations().between("M1", "M2") == before
    two.apart.add(60, made[0][0][:3], made[0][1][:, :3])
    two.talk()
    after = two.apart.relations().between("M1", "M2")
    assert before is not None
    assert after is not None
    assert after.correlation == pytest.approx(before.correlation, abs=0.05)
    assert two.apart.relations().markets == ("M2", "new", "M1")


def test_who_is_away_leaves_nothing_known_and_is_told_the_markets_again() -> None:
    two = Two()
    for step, (returns, scores) in enumerate(steps(30)):
        two.apart.add(step, returns, scores)
    two.talk()
    two.apart.away()
    assert two.apart.numbers() == {}
    assert two.apart.relations().markets == ()
    assert two.apart.strongest() == []
    assert decode_relations(two.apart.packed()).markets == ()
    two.relating = Relating()
    two.apart.begin(two._send)
    for step, (returns, scores) in enumerate(steps(30), start=30):
        two.apart.add(step, returns, scores)
    two.talk()
    assert "correlation_returns" in two.apart.numbers()


def test_what_is_known_says_how_old_it_is() -> None:
    two = Two()
    made = steps(30)
    for step, (returns, scores) in enumerate(made[:25]):
        two.apart.add(step, returns, scores)
    two.talk()
    for step, (returns, scores) in enumerate(made[25:], start=25):
        two.apart.add(step, returns, scores)
    assert two.apart.numbers()["relations_age_s"] == 5.0


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80"])
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (its words are msgspec's)
        Apart(NAMES, GRID).hear(content)


def test_of_couples_that_are_not_told_nothing_is_known() -> None:
    names = [f"M{k}" for k in range(40)]
    two = Two()
    two.apart.rearrange([None] * 40, names)
    for step, (returns, scores) in enumerate(steps(60, 40)):
        two.apart.add(step, returns, scores)
    two.talk()
    relations = two.apart.relations()
    known = np.isfinite(relations.correlation)
    assert known.any()
    assert not known.all()
    first, second = np.argwhere(~known)[0]
    relation = relations.between(names[first], names[second])
    assert relation is not None
    assert np.isnan(relation.correlation)
    assert relations.between("M1", "nobody") is None
    assert relations.leaders("nobody", 0.0) == []


@pytest.mark.parametrize(
    ("wanted", "markets", "apart"),
    [("auto", 200, False), ("auto", 201, True), ("joined", 900, False), ("apart", 1, True)],
)
def test_who_relates_markets_is_a_setting_or_their_number(wanted: str, markets: int, apart: bool) -> None:
    settings = AggregatorSettings(relations=wanted)  # type: ignore[arg-type]
    assert relates_apart(settings, markets) is apart


def test_where_others_are_heard_nobody_knows_how_many_markets_come() -> None:
    assert relates_apart(AggregatorSettings(sources=("tcp://10.0.0.1:7450",)), 0)
    assert not relates_apart(AggregatorSettings(sources=("tcp://10.0.0.1:7450",), relations="joined"), 0)


def test_where_markets_are_related_is_settled_at_the_start_and_a_reload_that_would_change_it_says_so() -> (
    None
):
    auto, many = AggregatorSettings(), APART_FROM + 1
    assert elsewhere(auto, many, is_apart=True) == elsewhere(auto, 2, is_apart=False) == ""
    grown, shrunk = elsewhere(auto, many, is_apart=False), elsewhere(auto, 2, is_apart=True)
    assert grown == (
        f"{many} markets would be related apart, in a process of their own; "
        "for that: signalnode restart aggregator"
    )
    assert shrunk.startswith("2 markets would be related joined, in the aggregator itself; for that: ")
    assert elsewhere(AggregatorSettings(relations="joined"), many, is_apart=False) == ""
