"""No price, no score: what a market has no evidence of is said to be unknown, and teaches nothing."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.bus.wire import SCORE_NAMES
from signalnode.clock import NS_PER_S
from signalnode.engine.work import Work
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.feeds import ChannelHealth, synthetic_events
from signalnode.feeds.base import BlockFeed
from signalnode.scores import MarketScores
from signalnode.settings import EngineSettings
from signalnode.signals import BUILT_IN_SCORES
from tests.engine.turns import told
from tests.laws.streams import ADDED

EVENTS = synthetic_events(5, 12_000, events_per_s=50.0)
SOILED = EVENTS.copy()  # every price refused; the depths are true
for _field in ("price", "bid", "ask"):
    SOILED[_field] *= -1.0


def told_by(events: Events, signals: dict[str, object] | None = None) -> SignalEngine:
    engine = SignalEngine("ANY-USD", signals)
    engine.ingest(events)
    return engine


def of_the_seven(scores: MarketScores) -> tuple[str, ...]:
    """Those of the contract that are unknown: another signal needs what it needs."""
    return tuple(name for name in scores.unknown if name in SCORE_NAMES)


def without(kind: int) -> Events:
    return EVENTS[EVENTS["kind"] != kind]


@pytest.mark.parametrize("signals", [{}, ADDED], ids=["built in", "added"])
def test_before_the_first_price_every_score_is_unknown_and_nothing_is_learnt(
    signals: dict[str, object],
) -> None:
    engine = told_by(SOILED, signals)
    assert engine.events > 0
    assert engine.warm == 0.0
    assert math.isnan(engine.mid)
    scores = engine.scores_at(engine.time_ns)
    assert set(scores.values()) == {50.0}
    assert scores.unknown == tuple(scores) == engine.names
    assert asyncio.run(engine.get_continuous_scores()).unknown == engine.names


def test_before_the_first_event_every_score_is_unknown() -> None:
    assert SignalEngine("ANY-USD").scores_at(0).unknown == BUILT_IN_SCORES


def test_what_came_before_the_first_price_is_no_part_of_the_standard() -> None:
    later = EVENTS.copy()
    later["time_received_ns"] += 3_600 * NS_PER_S
    engine = told_by(np.concatenate([SOILED[SOILED["kind"] != DEPTH], later]))
    assert engine.scores_at(engine.time_ns).unknown == ()
    alone = told_by(EVENTS)
    for scale, expected in zip(engine._scoring["scales"][0], alone._scoring["scales"][0], strict=True):
        assert abs(int(scale["steps"]) - int(expected["steps"])) <= 1  # the grid began at another event


def test_a_replay_shows_no_mid_before_the_first_price_and_no_warmth() -> None:
    table = SignalEngine("ANY-USD").replay(SOILED, NS_PER_S)
    assert np.all(np.isnan(table["mid"]))
    assert np.all(table["warm"] == 0.0)
    assert all(np.all(table[name] == 50.0) for name in BUILT_IN_SCORES)


@pytest.mark.parametrize(
    ("kind", "unknown"), [(TRADE, ("volume_spike",)), (QUOTE, ("liquidity_opportunity",)), (DEPTH, ())]
)
def test_what_a_market_lacks_is_all_that_is_unknown_of_it(kind: int, unknown: tuple[str, ...]) -> None:
    engine = told_by(without(kind))
    scores = engine.scores_at(engine.time_ns)
    assert of_the_seven(scores) == unknown
    assert all(scores[name] == 50.0 for name in unknown)
    assert engine.warm == 1.0


def test_what_comes_late_is_weighed_with_its_prior_until_it_is_warm_itself() -> None:
    late = without(QUOTE)
    quotes = EVENTS.copy()
    quotes["time_received_ns"] += int(late["time_received_ns"][-1] - EVENTS["time_received_ns"][0]) + 1
    engine = told_by(np.concatenate([late, quotes]))
    steps = dict(zip(("liquidity", "momentum"), engine._scoring["scales"][0]["steps"][[6, 0]], strict=True))
    assert 0.4 < steps["liquidity"] / steps["momentum"] < 0.6


def test_a_signal_that_cannot_say_is_unknown_for_so_long(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def mine(f, p): return f.spread if f.volume < 0.0 else float('nan')\n")
    engine = told_by(EVENTS, {"extra": [f"{path}:mine"]})
    assert engine.scores_at(engine.time_ns).unknown == ("mine",)


def lasting(kind: int, seconds: int) -> Events:
    """A market's beginning, and for `seconds` after it events of that kind alone."""
    (last,) = np.flatnonzero(EVENTS["kind"] == kind)[-1:]
    after = np.repeat(EVENTS[last : last + 1], seconds)
    after["time_received_ns"] = EVENTS["time_received_ns"][-1] + np.arange(1, seconds + 1) * NS_PER_S
    return np.concatenate([EVENTS, after])


def test_what_has_stopped_coming_while_the_rest_goes_on_is_unknown_again() -> None:
    told = lasting(QUOTE, 700)
    patient = told_by(told, {"evidence_s": 900.0})
    assert of_the_seven(patient.scores_at(patient.time_ns)) == ()
    engine = told_by(told, {"evidence_s": 600.0})
    assert of_the_seven(engine.scores_at(engine.time_ns)) == ("volume_spike",)
    returned = EVENTS[EVENTS["kind"] == TRADE][-1:].copy()
    returned["time_received_ns"] = engine.time_ns
    engine.ingest(returned)
    assert of_the_seven(engine.scores_at(engine.time_ns)) == ()


def test_without_quotes_that_were_there_no_price_is_known() -> None:
    engine = told_by(lasting(TRADE, 700), {"evidence_s": 600.0})
    assert of_the_seven(engine.scores_at(engine.time_ns)) == SCORE_NAMES


def test_a_silence_of_everything_is_no_lack_of_evidence() -> None:
    engine = told_by(EVENTS)
    assert engine.scores_at(engine.time_ns + 10**6 * NS_PER_S).unknown == ()


def test_an_added_signal_is_unknown_where_a_market_lacks_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from signalnode.signals.base import Signal\n"
        "SIZES = Signal(('sizes',), lambda f, p: f.imbalance, needs=('sizes',))\n"
        "SIDES = Signal(('sides',), lambda f, p: f.imbalance, needs=('sides',))\n"
    )
    extra: dict[str, object] = {"extra": [f"{path}:SIZES", f"{path}:SIDES"]}
    bare = EVENTS.copy()
    bare["bid_size"] = bare["ask_size"] = 1.0
    bare["aggressor_side"] = 0
    for events, unknown in ((EVENTS, ()), (bare, ("sizes", "sides"))):
        engine = told_by(events, extra)
        assert engine.scores_at(engine.time_ns).unknown == unknown


class Playing(BlockFeed):
    """A feed of those events, and then none for long."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        last = events[-1:].copy()
        last["time_received_ns"] += 3_600 * NS_PER_S
        self._set_block(np.concatenate([events, last]))

    def degraded(self, time_ns: int) -> bool:  # noqa: ARG002 - part of what a feed is
        return False


@pytest.mark.parametrize("kinds", [(TRADE, QUOTE, DEPTH), (QUOTE,)], ids=["depth is true", "all refused"])
def test_a_market_whose_prices_are_refused_speaks_and_says_that_it_knows_nothing(
    kinds: tuple[int, ...],
) -> None:
    feed = Playing(SOILED[np.isin(SOILED["kind"], kinds)])
    work = Work(SignalEngine("ANY-USD"), feed, ChannelHealth(), EngineSettings(), 1.0)  # type: ignore[arg-type]
    work.start(0)
    turns = [told(work, second * NS_PER_S) for second in range(1, 180)]
    (sent,) = [turn.scores for turn in turns if turn.scores is not None]
    assert sent.unknown == BUILT_IN_SCORES
    assert {turn.standing.status for turn in turns if turn.standing} == {"warming"}


def test_that_a_score_became_known_is_sent_even_where_it_reads_the_same() -> None:
    still = np.zeros(400, EVENT)
    still["kind"], still["bid"], still["ask"], still["bid_size"], still["ask_size"] = (
        QUOTE,
        9.0,
        10.0,
        1.0,
        1.0,
    )
    still["time_received_ns"] = EVENTS["time_received_ns"][0] + np.arange(400) * (NS_PER_S // 100)
    work = Work(SignalEngine("ANY-USD"), Playing(still), ChannelHealth(), EngineSettings(), 1.0)  # type: ignore[arg-type]
    work.start(0)
    turns = [told(work, tenth * NS_PER_S // 10) for tenth in range(40)]
    sent = [turn.scores.unknown for turn in turns if turn.scores is not None]
    assert sent[0] == BUILT_IN_SCORES
    assert "momentum_long" not in sent[-1]
