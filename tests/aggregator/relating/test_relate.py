"""What a ring of float32 says of its markets, against the exact sums and numpy from scratch."""

from __future__ import annotations

import tracemalloc
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.aggregator.measures.component import largest_eigenvalue
from signalnode.aggregator.measures.correlation import Correlations
from signalnode.aggregator.measures.lead import LaggedCorrelations
from signalnode.aggregator.relating import relate as module
from signalnode.aggregator.relating.relate import Found, Relater
from signalnode.aggregator.relating.ring import Ring, packed_scores
from tests.aggregator.measures.test_correlation import scratch_correlation, scratch_lag, stream
from tests.effort import drawn

CLOSE = 1e-6  # float32
DECAY, LAGS, SERIES = 0.99, 3, ("up", "down")

Floats = npt.NDArray[np.float64]


def related(returns: Floats, scores: Floats | None = None, decay: float = DECAY) -> Found:
    """Of returns, shape (steps, markets), and scores, shape (steps, series, markets)."""
    steps, size = returns.shape
    series = () if scores is None else SERIES
    ring = Ring([f"M{k}" for k in range(size)], len(series), decay)
    for step in range(steps):
        ring.add(returns[step], packed_scores(np.empty((0, size)) if scores is None else scores[step]))
    relater = Relater(ring, LAGS, series)
    for _ in relater.steps():
        pass
    return relater.found


@pytest.mark.parametrize("holes", [0.0, 0.2])
@pytest.mark.parametrize("block", [3, 256])
@pytest.mark.parametrize("steps", [1, 5, 30, 90])  # and LAGS 3
def test_correlation_and_lead_are_those_of_the_exact_sums(
    holes: float, block: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_MARKETS", block)
    values, *wanted, wanted_lead, wanted_rho = exact(holes, steps)
    rho, lead, lead_rho = related(values).matrices
    for each in wanted:
        np.testing.assert_allclose(rho, each, atol=CLOSE, rtol=0)
    np.testing.assert_array_equal(lead, wanted_lead)
    np.testing.assert_allclose(lead_rho, wanted_rho, atol=CLOSE, rtol=0)


@cache
def exact(holes: float, steps: int) -> tuple[Floats, ...]:
    """Returns; their correlation by sums, and from scratch; leads and their correlation."""
    values = stream(1, 90, 8, holes)[:steps] if holes else stream_without_holes(90, 8)[:steps]
    values[:, 5] = np.nan if steps > 5 else values[:, 5]
    if steps > 20:
        values[17] = np.nan  # a step that was lost
    correlations, lags = Correlations(8, 1, DECAY), LaggedCorrelations(8, LAGS, DECAY)
    for row in values:
        correlations.add(row[None, :])
        lags.add(row)
    *_, leads = lags.leads_by_lag()
    return values, correlations.correlation(0), scratch_correlation(values, DECAY), *leads


def test_a_lead_s_correlation_is_numpy_s() -> None:
    values = stream(3, 80, 4, holes=0.1)
    _, lead, lead_rho = related(values).matrices
    assert (lead != 0).any()
    for row, column in zip(*np.nonzero(lead > 0), strict=True):
        wanted = scratch_lag(values, int(lead[row, column]), DECAY)[row, column]
        assert lead_rho[row, column] == pytest.approx(wanted, abs=CLOSE)


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_the_mean_over_all_couples_is_that_of_the_matrix(
    holes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_MARKETS", 3)
    draw = np.random.default_rng(2)
    values = stream_without_holes(90, 8)
    scores = 60.0 * draw.uniform(-1, 1, (90, 1, 1)) + draw.uniform(-40, 40, (90, 2, 8))
    scores[:, 1, 6] = 12.5  # constant: of no correlation
    away = draw.random((90, 8)) < holes
    away[:, 0] = False  # one block is whole
    values[away] = np.nan
    scores[np.repeat(away[:, None], 2, axis=1)] = np.nan
    numbers = related(values, scores).numbers
    rows = {"returns": values, "up": scores[:, 0], "down": scores[:, 1]}
    for name, each in rows.items():
        with np.errstate(invalid="ignore"):  # of the constant one
            rho = scratch_correlation(np.round(each * 256) / 256 if name != "returns" else each, DECAY)
        np.fill_diagonal(rho, np.nan)
        if name == "down":
            rho[6], rho[:, 6] = np.nan, np.nan
        assert numbers[f"correlation_{name}"] == pytest.approx(np.nanmean(rho), abs=CLOSE), name
    exact = np.nan_to_num(scratch_correlation(values, DECAY))
    assert numbers["first_component_share"] == pytest.approx(largest_eigenvalue(exact) / 8, abs=CLOSE)


def test_each_market_s_strongest_are_those_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_MARKETS", 4)
    monkeypatch.setattr(module, "COUPLES_MAX", 3)
    monkeypatch.setattr(module, "LEADERS_MAX", 2)
    values = stream(5, 120, 11, holes=0.1)
    values[2:, 9] = values[:-2, 4]
    found = related(values)
    rho, lead, lead_rho = found.matrices
    np.fill_diagonal(rho, np.nan)
    for market in range(11):
        size = np.nan_to_num(np.abs(rho[market]))
        assert list(found.couples.fields["other"][market]) == list(np.argsort(-size, kind="stable")[:3])
        leads = np.where(lead[:, market] > 0, np.abs(lead_rho[:, market]), 0.0)
        wanted = [each for each in np.argsort(-leads, kind="stable")[:2] if leads[each]]
        assert [each for each in found.leaders.fields["other"][market] if each >= 0] == wanted
    first = {name: each[9, 0] for name, each in found.leaders.fields.items()}
    assert (first["other"], first["lead"]) == (4, -2)


def test_a_steep_climb_costs_no_digits() -> None:
    values = stream_without_holes(90, 4) + np.array([0.02, -0.01, 0.0, 0.03])
    rho, _, _ = related(values).matrices
    np.testing.assert_allclose(rho, scratch_correlation(values, DECAY), atol=2e-5, rtol=0)


def test_of_no_step_and_of_no_market_nothing_is_known() -> None:
    assert related(np.empty((0, 3))).numbers == {}
    assert related(np.empty((12, 0))).numbers == {}
    assert related(np.full((30, 3), np.nan)).numbers == {}
    assert "correlation_returns" not in related(stream_without_holes(30, 1)).numbers


def stream_without_holes(steps: int, size: int) -> Floats:
    draw = np.random.default_rng(9)
    values = 1e-4 * (draw.standard_normal((steps, 1)) + draw.standard_normal((steps, size)))
    values[1:] += 0.5 * np.roll(values, 1, axis=1)[:-1]
    return values


@pytest.mark.parametrize(("holes", "most"), [(0.0, 3.0), (0.1, 5.5)])
def test_a_pass_takes_little_beside_its_columns(
    holes: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In times of the returns that it reads: they are there once, and what two blocks need for their
    products; twice that where all was worked out in double precision and kept.
    """
    monkeypatch.setattr(module, "BLOCK_MARKETS", drawn(128, module.BLOCK_MARKETS))
    count, decay = 2 * module.BLOCK_MARKETS, 0.997
    draw = np.random.default_rng(4)
    ring = Ring([f"M{k}" for k in range(count)], 1, decay)
    for _ in range(ring.steps):
        returns = 1e-4 * draw.standard_normal(count)
        returns[draw.random(count) < holes] = np.nan
        ring.add(returns, packed_scores(draw.uniform(0.0, 100.0, (1, count))))
    tracemalloc.start()
    try:
        for _ in Relater(ring, 1, ("up",)).steps():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most * 4 * count * ring.filled
