"""How far a price lags behind the others of its asset: made streams, and Binance spot beside its futures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.aggregator.measures.gaps import AWAY_S, KNOWN_S, MEAN_S, Gaps
from signalnode.bus.wire import Gap
from signalnode.research.statistics import ranks
from tests.documents import ROOT
from tests.strategies.views import market

S = 1_000_000_000
T0 = 1_700_000_000 * S
STEP_NS = S // 4
Floats = npt.NDArray[np.float64]
ASSETS = {"A-USD": "A", "A-EUR": "A", "A-PERP": "A", "B-USD": "B"}


def gaps_of(mids: dict[str, Floats], assets: dict[str, str] = ASSETS) -> list[dict[str, Gap]]:
    """The gaps at every step; NaN is a market that is not fresh."""
    gaps, count = Gaps(), len(next(iter(mids.values())))
    gaps.expect(assets)
    return [
        gaps.update(
            {
                name: market("fresh", mid=each[step]) if each[step] > 0.0 else market("stale")
                for name, each in mids.items()
            },
            T0 + step * STEP_NS,
        )
        for step in range(count)
    ]


def walk(steps: int, seed: int = 1) -> Floats:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 1e-4, steps)))


def foreseen(gaps: list[dict[str, Gap]], name: str, mids: Floats, steps: int) -> float:
    told = np.array([each[name].gap_bps if name in each else np.nan for each in gaps])[:-steps]
    moves = np.log(mids[steps:] / mids[:-steps])
    known = np.isfinite(told)
    return float(np.corrcoef(ranks(told[known]), ranks(moves[known]))[0, 1])


def test_a_gap_is_the_distance_to_the_others_less_what_it_was_on_the_mean() -> None:
    steps = 400
    mids = {"A-USD": walk(steps, 1), "A-EUR": 0.9 * walk(steps, 2), "A-PERP": 1.01 * walk(steps, 3)}
    told = gaps_of(mids)[-1]["A-USD"].gap_bps
    age_s = 0.25 * np.arange(steps - 2)[::-1]  # the first price has stood for no time yet
    weights = np.exp(-age_s / MEAN_S) / np.exp(-age_s / MEAN_S).sum()
    apart = []
    for other in ("A-EUR", "A-PERP"):
        offsets = np.log(mids[other] / mids["A-USD"])
        apart.append(offsets[-1] - (weights * offsets[1:-1]).sum())
    assert told == pytest.approx(1e4 * np.mean(apart), rel=1e-6)


def test_who_follows_is_foreseen_and_the_one_it_follows_is_not() -> None:
    lead = walk(2_000)
    mids = {"A-USD": lead, "A-EUR": np.concatenate([lead[:4], lead[:-4]])}
    gaps = gaps_of(mids)
    assert foreseen(gaps, "A-EUR", mids["A-EUR"], 4) > 0.6
    assert abs(foreseen(gaps, "A-USD", lead, 4)) < 0.1


def test_a_price_in_other_units_has_the_same_gap() -> None:
    mids = {"A-USD": walk(200, 1), "A-EUR": walk(200, 2)}
    other = mids | {"A-EUR": 1e-6 * mids["A-EUR"]}
    for one, same in zip(gaps_of(mids), gaps_of(other), strict=True):
        assert one.keys() == same.keys()
        for name in one:
            assert one[name].gap_bps == pytest.approx(same[name].gap_bps, abs=1e-6)


def test_only_markets_of_one_asset_have_gaps_and_once_they_were_seen_together() -> None:
    mids = {"A-USD": walk(200, 1), "A-EUR": walk(200, 2), "B-USD": walk(200, 3)}
    gaps = gaps_of(mids)
    known = int(KNOWN_S * 4)
    assert all(not each for each in gaps[:known])
    assert all(set(each) == {"A-USD", "A-EUR"} for each in gaps[known + 1 :])
    assert gaps[-1]["A-USD"].gap_bps == pytest.approx(-gaps[-1]["A-EUR"].gap_bps)
    assert all(each.usual_bps > 0.0 for each in gaps[-1].values())


def test_a_market_that_is_not_fresh_has_none_and_begins_anew_when_it_was_away() -> None:
    short, long = (np.ones(200, bool) for _ in range(2))
    short[100:110] = long[100 : 100 + int(AWAY_S * 4) + 2] = False
    for there, comes_at_once in ((short, True), (long, False)):
        mids = {"A-USD": walk(200, 1), "A-EUR": np.where(there, walk(200, 2), np.nan)}
        gaps = gaps_of(mids)
        back = 101 + int((~there).sum())
        assert all(not each for each in gaps[100 : back - 1])
        assert bool(gaps[back]) is comes_at_once


def test_one_that_comes_or_goes_moves_nobody_elses_gap_by_its_level() -> None:
    level = np.full(400, 100.0)
    third = np.where(np.arange(400) // 50 % 2, np.nan, 103.0)
    gaps = gaps_of({"A-USD": level, "A-EUR": level * 1.001, "A-PERP": third})
    told = [each["A-USD"].gap_bps for each in gaps if "A-USD" in each]
    assert np.abs(told).max() < 1e-6


def test_what_comes_later_changes_no_gap() -> None:
    mids = {"A-USD": walk(100, 1), "A-EUR": walk(100, 2)}
    later = {name: np.concatenate([each[:60], 2.0 * each[60:]]) for name, each in mids.items()}
    assert gaps_of(mids)[:60] == gaps_of(later)[:60]


def test_spot_beside_futures_foresees_the_next_second_as_was_measured() -> None:
    path = ROOT / "tests" / "data" / "binance" / "btcusdt_side_by_side.csv"
    _, spot, usdm = np.loadtxt(path, delimiter=",", skiprows=1).T
    gaps = gaps_of({"A-USD": spot, "A-PERP": usdm})
    assert foreseen(gaps, "A-USD", spot, 4) == pytest.approx(0.17, abs=0.01)
    assert foreseen(gaps, "A-PERP", usdm, 4) == pytest.approx(0.05, abs=0.01)
