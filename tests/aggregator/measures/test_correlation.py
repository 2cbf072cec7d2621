"""Correlations and leads against numpy from scratch, on every prefix, with markets that come and go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.aggregator.measures import correlation, lead
from signalnode.aggregator.measures.correlation import Correlations
from signalnode.aggregator.measures.decay import GAIN_MAX, STEPS_MIN
from signalnode.aggregator.measures.lead import LaggedCorrelations
from tests.effort import only_long

Floats = npt.NDArray[np.float64]
CLOSE = 1e-9


def stream(seed: int, steps: int, size: int, holes: float) -> Floats:
    """Correlated returns, shape (steps, size); NaN where a market is away, for one step or for a while."""
    draw = np.random.default_rng(seed)
    common = draw.standard_normal((steps, 1))
    values = 1e-4 * (common * draw.uniform(-1, 1, size) + draw.standard_normal((steps, size)))
    values[1:] += 0.5 * np.roll(values, 1, axis=1)[:-1]
    values[draw.random((steps, size)) < holes] = np.nan
    away = draw.integers(0, steps, size)
    for market, start in enumerate(away):
        values[start : start + steps // 5, market] = np.nan
    return values


def scratch_correlation(values: Floats, decay: float) -> Floats:
    """Weighted Pearson over the steps each two share, as numpy.cov with weights does it."""
    steps, size = values.shape
    weights = decay ** np.arange(steps - 1, -1, -1.0)
    rho = np.full((size, size), np.nan)
    for i in range(size):
        for j in range(i + 1):
            both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
            if weights[both].sum() < STEPS_MIN:
                continue
            cov = np.cov(values[both, i], values[both, j], aweights=weights[both], ddof=0)
            rho[i, j] = rho[j, i] = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    return rho


def scratch_lag(values: Floats, lag: int, decay: float) -> Floats:
    steps, size = values.shape
    weights = decay ** np.arange(steps - 1, -1, -1.0)
    rho = np.full((size, size), np.nan)
    for i in range(size):
        for j in range(size):
            x, y, w = values[: steps - lag, i], values[lag:, j], weights[lag:]
            both = np.isfinite(x) & np.isfinite(y)
            if w[both].sum() < STEPS_MIN:
                continue
            sigma = [
                np.sqrt(np.average(values[here, k] ** 2, weights=weights[here]))
                for k in (i, j)
                for here in [np.isfinite(values[:, k])]
            ]
            rho[i, j] = np.average(x[both] * y[both], weights=w[both]) / sigma[0] / sigma[1]
    return rho


@pytest.mark.parametrize("decay", [1.0, 0.99, 0.9])
def test_correlation_is_numpy_s_on_every_prefix(decay: float) -> None:
    values = stream(1, 90, 4, holes=0.2)
    running = Correlations(4, 1, decay)
    for step, row in enumerate(values, start=1):
        running.add(row[None, :])
        expected = scratch_correlation(values[:step], decay)
        np.testing.assert_allclose(running.correlation(0), expected, atol=CLOSE, rtol=0)


def test_without_decay_and_holes_it_is_pearson_s() -> None:
    values = stream(2, 200, 3, holes=0.0)
    values = values[np.isfinite(values).all(axis=1)]
    running = Correlations(3, 1, 1.0)
    for row in values:
        running.add(row[None, :])
    np.testing.assert_allclose(running.correlation(0), np.corrcoef(values.T), atol=CLOSE, rtol=0)


def test_lagged_correlation_is_the_formula_s_on_every_prefix() -> None:
    values = stream(3, 60, 4, holes=0.2)
    running = LaggedCorrelations(4, 3, 0.97)
    for step, row in enumerate(values, start=1):
        running.add(row)
        for lag in range(4):
            expected = scratch_lag(values[:step], lag, 0.97)
            np.testing.assert_allclose(running.at(lag), expected, atol=CLOSE, rtol=0)


@pytest.mark.parametrize(
    "gain_max", [1e12, pytest.param(GAIN_MAX, marks=only_long("as with a limit that is reached sooner"))]
)
def test_growing_weights_are_scaled_back_before_they_overflow(
    gain_max: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At decay 0.93 the gain passes 1e12 after 381 steps, and 1e100 after 3,173."""
    for module in (correlation, lead):
        monkeypatch.setattr(module, "GAIN_MAX", gain_max)
    values = stream(4, 400, 3, holes=0.1)
    values[np.isnan(values)] = 0.0
    running, lags = Correlations(3, 1, 0.93), LaggedCorrelations(3, 1, 0.93)
    for row in np.tile(values, (2 if gain_max < GAIN_MAX else 9, 1)):
        running.add(row[None, :])
        lags.add(row)
        assert running._gain == lags._gain <= gain_max
    expected = scratch_correlation(values, 0.93)
    np.testing.assert_allclose(running.correlation(0), expected, atol=CLOSE, rtol=0)
    np.testing.assert_allclose(lags.at(1), scratch_lag(values, 1, 0.93), atol=CLOSE, rtol=0)


def test_markets_that_come_and_go_leave_the_others_untouched() -> None:
    values = stream(5, 80, 4, holes=0.1)
    running, lags = Correlations(3, 1, 0.98), LaggedCorrelations(3, 2, 0.98)
    for row in values[:40]:
        running.add(row[None, :3])
        lags.add(row[:3])
    rows = [2, None, 0]  # market 1 leaves, market 3 comes
    running, lags = running.rearranged(rows), lags.rearranged(rows)
    for row in values[40:]:
        running.add(row[None, [2, 3, 0]])
        lags.add(row[[2, 3, 0]])
    known = values[:, [2, 3, 0]].copy()
    known[:40, 1] = np.nan
    np.testing.assert_allclose(running.correlation(0), scratch_correlation(known, 0.98), atol=CLOSE, rtol=0)
    np.testing.assert_allclose(lags.at(2), scratch_lag(known, 2, 0.98), atol=CLOSE, rtol=0)


def test_a_market_that_follows_another_by_two_steps_is_led_by_two_steps() -> None:
    draw = np.random.default_rng(6)
    leader = draw.standard_normal(1_000)
    follower = np.roll(leader, 2) + 0.5 * draw.standard_normal(1_000)
    lags = LaggedCorrelations(2, 4, 0.999)
    for row in np.stack([leader, follower], axis=1)[2:]:
        lags.add(row)
    *_, (ahead, rho) = lags.leads_by_lag()
    assert (ahead[0, 1], ahead[1, 0]) == (2.0, -2.0)
    assert rho[0, 1] == rho[1, 0]
    assert rho[0, 1] > 0.8


def test_a_constant_series_has_no_correlation() -> None:
    running = Correlations(2, 1, 1.0)
    for step in range(50):
        running.add(np.array([[50.0, float(step % 7)]]))
    assert np.isnan(running.correlation(0)[0, 1])
    assert running.correlation(0)[1, 1] == 1.0
