"""What is proposed and what is not: on made-up gains by the thousand, of noise, of an effect, of both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.research.tuning.decision import (
    Finding,
    deflated_min,
    doubts,
    doubts_nearby,
    doubts_of_others,
    find,
)
from tests.effort import drawn

LOOKS = 5  # signals of one market
TRIALS, BLOCKS = 120, 24
WAVES = 150


def made_up(
    seed: int, *, effect: float = 0.0, markets: int = 1, blocks: int = BLOCKS, common: float = 1.0
) -> npt.NDArray[np.float64]:
    """Gains of candidates that lie in a plane of parameters: smooth noise of deviation 0.02 in each block, of
    which `common` is shared by the markets, and a hill of height `effect` away from what stands.
    """
    random = np.random.default_rng(seed)
    place = np.vstack([np.zeros(2), random.uniform(-1.5, 1.5, (TRIALS, 2))])
    waves, phases = random.normal(0.0, 1.4, (WAVES, 2)), random.uniform(0.0, 2.0 * np.pi, WAVES)
    basis = np.sqrt(2.0 / WAVES) * np.cos(place @ waves.T + phases)
    hill = effect * np.exp(-0.5 * ((place[:, 0] - 0.9) / 0.6) ** 2)
    noise = basis @ random.normal(0.0, 0.02, (WAVES, blocks))
    gains = np.stack(
        [
            common * noise + (1.0 - common) * (basis @ random.normal(0.0, 0.02, (WAVES, blocks)))
            for _ in range(markets)
        ]
    )
    gains += hill[:, None]
    return gains - gains[:, :1]


def share_proposed(effect: float, seeds: int, **how: float) -> float:
    """Of so many seeds, the share in which nothing speaks against the best trial."""
    found = (find(made_up(seed, effect=effect, **how), 0) for seed in range(seeds))  # type: ignore[arg-type]
    return float(np.mean([not doubts(each, LOOKS) for each in found]))


def test_noise_is_hardly_ever_proposed() -> None:
    seeds = drawn(60, 3_000)
    assert share_proposed(0.0, seeds) <= 0.01 + 2.0 * np.sqrt(0.01 / seeds)


def test_an_effect_as_large_as_the_noise_of_two_blocks_is_found() -> None:
    assert share_proposed(0.04, drawn(25, 1_000)) >= 0.9


@pytest.mark.parametrize("common", [0.0, 0.7])
def test_noise_is_hardly_ever_proposed_for_one_of_several_markets(common: float) -> None:
    assert share_proposed(0.0, drawn(25, 1_000), markets=3, common=common) <= drawn(0.05, 0.015)


def test_an_effect_that_all_markets_share_is_found_in_shorter_recordings() -> None:
    """Three markets with noise of their own tell together what one alone could not."""
    seeds, how = drawn(30, 600), {"blocks": 12, "common": 0.0}
    assert share_proposed(0.03, seeds, markets=3, **how) > share_proposed(0.03, seeds, **how) + 0.1


def test_the_spikes_two_cases_are_told_apart() -> None:
    """+0.014 inside and nothing outside; +0.06 inside, +0.11 outside."""
    momentum = Finding(7, 0.014, 0.0, 0.004, 0.87, 0.3, 0.0, 200, 24, 12)
    volatility = Finding(7, 0.06, 0.11, 0.02, 0.02, 0.99, 0.0, 200, 24, 12)
    assert any("held out" in reason for reason in doubts(momentum, LOOKS))
    assert any("87%" in reason for reason in doubts(momentum, LOOKS))
    assert doubts(volatility, LOOKS) == []


def test_a_finding_tells_luck_inside_from_a_gain_that_lasts() -> None:
    luck = [find(made_up(seed), 0) for seed in range(12)]
    lasting = [find(made_up(seed, effect=0.05), 0) for seed in range(12)]
    assert np.mean([each.inside for each in luck]) > 0.005
    assert abs(np.mean([each.held_out for each in luck])) < 0.006
    assert np.mean([each.held_out for each in lasting]) > 0.03
    assert np.mean([each.overfitting for each in luck]) > 0.3
    assert np.mean([each.overfitting for each in lasting]) < 0.05


def test_where_nothing_beats_what_stands_that_is_said() -> None:
    gains = -np.abs(made_up(1))
    assert doubts(find(gains, 0), LOOKS) == ["no trial did better than what stands"]


def test_a_gain_too_small_to_matter_is_left() -> None:
    sure = Finding(3, 0.003, 0.003, 0.0001, 0.0, 1.0, 0.0, 200, 24, 12)
    assert doubts(sure, LOOKS) == ["+0.0030 held out is too little to matter (under 0.005)"]


def test_more_looks_ask_for_more() -> None:
    assert [deflated_min(looks) for looks in (0, 1, 2, 5, 20)] == pytest.approx([0.5, 0.5, 0.75, 0.9, 0.975])


def test_a_peak_with_nothing_around_it_is_doubted() -> None:
    assert doubts_nearby(0.06, {"volume_s 14": 0.05, "volume_s 10": 0.03}) == []
    assert doubts_nearby(0.06, {"volume_s 14": 0.05, "volume_s 10": -0.01}) == [
        "the gain is gone nearby, at volume_s 10"
    ]
    assert doubts_nearby(0.06, {"volume_s 14": np.nan})


def test_what_another_score_would_lose_is_told() -> None:
    losing, gaining, still = [-0.03, -0.02, -0.025], [0.03, 0.02, np.nan], [0.0, 0.0, 0.0]
    told = doubts_of_others({"momentum": losing, "volume_spike": gaining, "book_pressure": still})
    assert told == ["momentum would lose 0.025"]
