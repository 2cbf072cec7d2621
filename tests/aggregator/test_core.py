from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signalnode.aggregator.core import CATCH_UP_MAX, Aggregator
from signalnode.aggregator.kept import load, save
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.cluster import ClusterState
from signalnode.bus.wire import SCORE_NAMES, decode, encode
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import Decision, View
from tests.bus.messages import end, heartbeat, score

MS = 1_000_000
T0 = 1_700_000_000_000_000_000
VIEW = 250 * MS


class Watcher:
    """Keeps every view, and decides to enter whatever is fresh."""

    def __init__(self) -> None:
        self.views: list[View] = []

    def evaluate_opportunities(self, view: View) -> list[Decision]:
        self.views.append(view)
        return [
            Decision(action="enter", markets=(market,), direction="long", strength=50.0, reasons=("fresh",))
            for market in view
        ]


def core_of(*markets: str, strategy: Any = None, **settings: Any) -> Aggregator:
    turns = StrategyRunner({"watcher": strategy} if strategy else {})
    return Aggregator(AggregatorSettings(**settings), markets or ("A",), turns, epoch=1, now_ns=T0)


def test_what_is_taken_is_to_be_re_published_once() -> None:
    core = core_of()
    assert core.take(encode(score(seq=1)), T0)
    assert not core.take(encode(score(seq=1)), T0)
    assert core.take(encode(heartbeat(seq=1)), T0)
    assert core.take(encode(score(seq=1, epoch=2)), T0)
    assert not core.take(encode(score(seq=9, epoch=1)), T0)


def test_what_waited_is_old_when_it_is_taken_unless_nothing_waited_since_it_was_said() -> None:
    core = core_of()
    for seq, (caught_up_s, age_s, state) in enumerate([(0, 10.0, "behind"), (8, 2.0, "fresh")], start=1):
        core.caught_up_ns = T0 + caught_up_s * 1_000 * MS
        core.take(encode(score(seq=seq, time_published_ns=T0)), T0 + 10_000 * MS)
        market = core.board.markets(T0 + 10_000 * MS)["A"]
        assert (market.age_s, market.state) == (age_s, state)


def test_hostile_messages_are_counted_by_reason_and_change_nothing() -> None:
    core = core_of()
    topic, payload = encode(score())
    for frames in ([topic], [topic, b"\xc1"], [topic, bytes(70_000)], [b"score.B", payload]):
        assert not core.take(frames, T0)
    assert not core.take(encode(score("Z")), T0)
    view = core.advance(T0 + VIEW)[0].view
    assert not core.take(encode(view), T0)  # nobody but us makes views
    assert core.rejected == {
        "frames": 1,
        "malformed": 1,
        "too_large": 1,
        "topic": 1,
        "market": 1,
        "kind": 1,
    }
    assert core.board.state("A", T0) == "unheard"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [score(status="stale")],
        [score(status="degraded")],
        [score(seq=1), end(seq=1)],
        [score(seq=1), heartbeat(seq=4)],
        [heartbeat(seq=4)],
    ],
    ids=["unheard", "stale", "degraded", "ended", "behind", "only-beats"],
)
def test_a_market_that_is_not_fresh_is_marked_and_never_passed_to_a_strategy(messages: list[Any]) -> None:
    watcher = Watcher()
    core = core_of("A", "B", strategy=watcher)
    core.take(encode(score("B")), T0)
    for message in messages:
        core.take(encode(message), T0)
    outcome = core.advance(T0 + VIEW)[0]
    assert list(watcher.views[0]) == ["B"]
    assert watcher.views[0].markets["A"].state != "fresh"
    assert [d.markets for d in outcome.decisions] == [["B"]]


def test_silence_makes_a_market_unfit_after_three_seconds() -> None:
    watcher = Watcher()
    core = core_of(strategy=watcher)
    core.take(encode(score()), T0)
    core.advance(T0 + 13 * VIEW)
    assert [len(view) for view in watcher.views] == [1] * 12 + [0]


def test_views_are_made_at_their_own_times_and_numbered() -> None:
    outcomes = core_of().advance(T0 + 4 * VIEW + 1)
    assert [o.view.time_published_ns - T0 for o in outcomes] == [VIEW, 2 * VIEW, 3 * VIEW, 4 * VIEW]
    assert [o.view.seq for o in outcomes] == [1, 2, 3, 4]


def test_after_a_long_pause_only_the_last_views_are_made_up_for() -> None:
    outcomes = core_of().advance(T0 + 1_000 * VIEW)
    assert len(outcomes) == CATCH_UP_MAX + 1
    assert outcomes[-1].view.time_published_ns == T0 + 1_000 * VIEW


def test_late_joiners_get_the_newest_of_what_they_subscribed_to() -> None:
    core = core_of("A", "AB")
    for message in (score("A", 1), score("A", 2), score("AB", 1), end("AB", 1)):
        core.take(encode(message), T0)
    core.advance(T0 + VIEW)

    def topics(*prefixes: bytes) -> list[bytes]:
        return [frames[0] for frames in core.newest(set(prefixes))]

    assert topics(b"score.A") == [b"score.A", b"score.AB"]
    assert topics(b"score.A", b"score.AB", b"score.B", b"end.") == [b"score.A", b"score.AB", b"end.AB"]
    assert topics() == topics(b"score.ABC") == []
    assert topics(b"score.AB") == [b"score.AB"]
    assert topics(b"end.") == [b"end.AB"]
    assert topics(b"view") == [b"view"]
    assert topics(b"") == [b"score.A", b"score.AB", b"end.AB", b"view"]
    newest = decode(core.newest({b"score.A"})[0])
    assert newest.seq == 2  # type: ignore[union-attr]


def test_a_changed_config_takes_effect_without_losing_the_board() -> None:
    core = core_of("A", "B")
    core.take(encode(score("A")), T0)
    core.take(encode(score("B")), T0)
    core.expect(["A", "C"])
    assert core.take(encode(score("C")), T0)
    assert not core.take(encode(score("B", seq=2)), T0)
    view = core.advance(T0 + VIEW)[0].view
    assert {name: market.state for name, market in view.markets.items()} == {"A": "fresh", "C": "fresh"}
    assert core.newest({b"score.B"}) == []


def walk(seed: int, steps: int, markets: int) -> list[tuple[int, Any]]:
    """(now, message) of a random market, some of it lost, doubled, or of a market away for a while."""
    draw = random.Random(seed)
    mids = dict.fromkeys((f"M{k}" for k in range(markets)), 100.0)
    seqs = dict.fromkeys(mids, 0)
    events: list[tuple[int, Any]] = []
    now_ns = T0
    for step in range(steps):
        now_ns += 100 * MS
        shock = draw.gauss(0, 1e-4)
        for number, market in enumerate(mids):
            mids[market] *= 1 + shock + draw.gauss(0, 1e-4)
            seqs[market] += 1
            if draw.random() < 0.1 or (number == 0 and 100 < step < 160):
                continue
            scores = {name: draw.uniform(0, 100) for name in SCORE_NAMES}
            message = score(market, seqs[market], mid=mids[market], scores=scores)
            events += [(now_ns + draw.randrange(50) * MS, message)] * draw.choice((1, 1, 1, 2))
    return sorted(events, key=lambda event: event[0])


def run(events: list[tuple[int, Any]], extra_advances: bool = False) -> list[bytes]:
    """Every view and decision as bytes."""
    from signalnode.strategies import STRATEGIES

    strategies = {each.name: each.make() for each in STRATEGIES}
    core = Aggregator(AggregatorSettings(), ["M0", "M1", "M2"], StrategyRunner(strategies), 1, T0)
    out: list[bytes] = []
    last_ns = T0
    for now_ns, message in events:
        if extra_advances:
            for outcome in core.advance((last_ns + now_ns) // 2):
                out += [f for m in (outcome.view, *outcome.decisions) for f in encode(m)]
        last_ns = now_ns
        for outcome in core.advance(now_ns):
            out += [f for m in (outcome.view, *outcome.decisions) for f in encode(m)]
        core.take(encode(message), now_ns)
    return out


def test_the_same_messages_at_the_same_times_give_the_same_bits_however_often_it_is_asked() -> None:
    events = walk(1, 200, 3)
    first = run(events)
    assert run(events) == first
    assert run(events, extra_advances=True) == first
    assert any(frame.startswith(b"decision.") for frame in first)


def test_measures_are_finite_and_named_in_every_view() -> None:
    core = core_of("M0", "M1", "M2", correlation_half_life_s=20.0)
    views = []
    for now_ns, message in walk(2, 400, 3):
        views += [outcome.view for outcome in core.advance(now_ns)]
        core.take(encode(message), now_ns)
    last = views[-1]
    assert {
        "fresh_share",
        "breadth",
        "dispersion_bps",
        "correlation_returns",
        "first_component_share",
    } <= set(last.measures)
    assert all(np.isfinite(list(view.measures.values())).all() for view in views)
    assert set(last.regime) == {"trending", "mean_reverting", "turbulent", "quiet"}
    assert len(last.relations) == 3
    assert 0.2 < last.measures["correlation_returns"] < 0.8


def test_nobody_can_write_into_what_the_markets_relations_are() -> None:
    watcher = Watcher()
    core = core_of("M0", "M1", strategy=watcher)
    for now_ns, message in walk(3, 60, 2):
        core.advance(now_ns)
        core.take(encode(message), now_ns)
    relations = watcher.views[-1].relations
    for matrix in (relations.correlation, relations.lead_s, relations.lead_correlation):
        with pytest.raises(ValueError, match="read-only"):
            matrix[0, 1] = 1.0


def test_a_first_score_that_was_lost_counts_as_missed_until_it_is_sent_again() -> None:
    core = core_of("A")
    for message in (score("A", 5), heartbeat("A", 1, epoch=2)):
        assert core.take(encode(message), T0)
    assert (core.missed, core.board.state("A", T0)) == (1, "behind")
    again = encode(score("A", 1, epoch=2))
    assert [core.take(again, T0) for _ in range(2)] == [True, False]
    assert (core.missed, core.board.state("A", T0)) == (0, "fresh")
    assert core.ring.newest("A") == [tuple(again)]


def test_an_aggregator_goes_on_with_the_outcomes_that_the_one_before_it_kept(tmp_path: Path) -> None:
    path, seen = tmp_path / "outcomes.msgpack", []
    for epoch in (1, 2):
        begun_ns = T0 + epoch * 400 * VIEW
        core = Aggregator(AggregatorSettings(), ["A"], StrategyRunner({}), epoch, begun_ns)
        if (kept := load(path)) is not None:
            core.go_on(kept, begun_ns)
        for second in range(20):
            now_ns = begun_ns + second * 4 * VIEW
            core.advance(now_ns)
            core.take(encode(score("A", second + 1, epoch, mid=100.0 + second * 1e-3)), now_ns)
        seen.append(sum(each.seen for each in core.outcomes["A"].deciles("volume_spike", 5.0)))
        save(path, core.outcomes, now_ns)
    assert 10 < seen[0] < 20
    assert seen[1] > 1.9 * seen[0]


def test_a_view_says_how_the_cluster_stands_and_how_long_ago_that_was_told() -> None:
    core = core_of("A")
    (first, *_) = core.advance(T0 + VIEW)
    core.cluster = ClusterState(phase="at work", wanted=1), T0
    told = core.advance(T0 + 12 * VIEW)[-1].view.cluster
    assert first.view.cluster is None
    assert told is not None
    assert (told.wanted, told.age_s) == (1, 3.0)
