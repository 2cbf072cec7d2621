"""Law 11: while a scale learns its first standard no score steps by what it learns alone."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import EVENT
from signalnode.signals import BUILT_IN_SCORES
from tests.effort import drawn
from tests.laws.made import Stretch, made_market

POINTS_MAX = 5.0
SECONDS = 150  # past the baseline


@pytest.mark.parametrize("rate", [1.0, 20.0], ids=["calm", "busy"])
@pytest.mark.parametrize("seed", range(1, 1 + drawn(4, 20)))
def test_what_is_learnt_moves_no_score_by_more_than_five_points(seed: int, rate: float) -> None:
    events = made_market(seed, Stretch(seconds=SECONDS, events_per_s=rate))
    nothing = np.zeros(1, EVENT)  # of no kind: it is refused, but the scales learn on its way
    times, start_ns = events["time_received_ns"], int(events["time_received_ns"][0])
    engine, taken = SignalEngine("ANY-USD"), 0
    for second in range(1, SECONDS):
        sample_ns = start_ns + second * NS_PER_S
        until = int(np.searchsorted(times, sample_ns, side="right"))
        engine.ingest(events[taken:until])
        before = engine.scores_at(sample_ns)
        nothing["time_received_ns"] = sample_ns + 1
        engine.ingest(nothing)
        after = engine.scores_at(sample_ns + 1)
        steps = {name: abs(after[name] - before[name]) for name in BUILT_IN_SCORES}
        assert max(steps.values()) < POINTS_MAX, (second, steps)
        taken = until
