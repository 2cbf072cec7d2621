"""Law 11: while a scale learns its first standard no score steps by what it learns alone."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode.clock import NS_PER_S
from signalnode.events import EVENT
from tests.effort import drawn
from tests.laws.made import Stretch, made_market
from tests.laws.streams import NAMES, engine

POINTS_MAX = 5.0
SECONDS = drawn(150, 300)  # past the baseline
SEEDS = drawn([1, 2, 3, 7], range(1, 61))  # of the 7th, a score once moved by five points at its 128th sample


@pytest.mark.parametrize("rate", [1.0, 20.0], ids=["calm", "busy"])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_learnt_moves_no_score_by_more_than_five_points(seed: int, rate: float) -> None:
    events = made_market(seed, Stretch(seconds=SECONDS, events_per_s=rate))
    nothing = np.zeros(1, EVENT)  # of no kind: it is refused, but the scales learn on its way
    times, start_ns = events["time_received_ns"], int(events["time_received_ns"][0])
    scored, taken = engine(), 0
    for second in range(1, SECONDS):
        sample_ns = start_ns + second * NS_PER_S
        until = int(np.searchsorted(times, sample_ns, side="right"))
        scored.ingest(events[taken:until])
        before = scored.scores_at(sample_ns)
        nothing["time_received_ns"] = sample_ns + 1
        scored.ingest(nothing)
        after = scored.scores_at(sample_ns + 1)
        steps = {name: abs(after[name] - before[name]) for name in NAMES}
        assert max(steps.values()) < POINTS_MAX, (second, steps)
        taken = until
