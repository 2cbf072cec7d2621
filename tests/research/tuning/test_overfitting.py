"""What a best result owes to its having been looked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from signalnode.research.tuning.overfitting import (
    deflated_probability,
    highest_by_chance,
    overfitting_probability,
)


def noise(seed: int, candidates: int = 100, blocks: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (candidates, blocks))


def test_the_best_of_noise_is_overfitted_half_the_time() -> None:
    assert np.mean([overfitting_probability(noise(seed)) for seed in range(40)]) == pytest.approx(
        0.5, abs=0.1
    )


def test_a_candidate_that_is_always_best_is_never_overfitted() -> None:
    gains = noise(1)
    gains[7] += 5.0
    assert overfitting_probability(gains) == 0.0


def test_what_turns_round_in_the_other_half_is_overfitted() -> None:
    """What gains in one half of the blocks loses in the other: the best inside is the worst outside."""
    gains = noise(2, candidates=40)
    gains -= gains.mean(axis=1, keepdims=True)
    assert overfitting_probability(gains) > 0.9


def test_candidates_that_are_all_alike_are_no_better_than_the_middle() -> None:
    assert overfitting_probability(np.zeros((10, 12))) == 1.0


def test_the_highest_by_chance_is_that_of_a_simulation() -> None:
    highest = np.random.default_rng(1).normal(0.0, 0.3, (4_000, 200)).max(axis=1).mean()
    assert highest_by_chance(200, 0.3) == pytest.approx(highest, rel=0.02)


def test_the_best_of_noise_is_hardly_called_real() -> None:
    found = []
    for seed in range(200):
        gains = noise(seed, candidates=50)
        found.append(deflated_probability(gains, int(np.argmax(gains.mean(axis=1)))))
    assert np.mean(np.array(found) > 0.95) <= 0.05
    assert np.mean(found) < 0.6


def test_a_real_gain_stays_real_beside_many_trials() -> None:
    gains = noise(3, candidates=500, blocks=40)
    gains[11] += 1.0
    assert deflated_probability(gains, 11) > 0.95


def test_what_never_moves_has_no_probability_of_being_real() -> None:
    assert deflated_probability(np.zeros((5, 12)), 0) == 0.0
    assert not math.isnan(deflated_probability(np.ones((5, 12)), 0))
