"""Each market by itself as far as it differs, and by the pool as far as it does not."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode.research.tuning.shrinkage import own_shares, pooled, shrunk


def gains(seed: int, apart: float, *, markets: int = 5, blocks: int = 30) -> np.ndarray:
    """Markets whose true gains differ by a standard deviation of `apart`, with blocks of deviation 1."""
    random = np.random.default_rng(seed)
    truth = random.normal(0.0, apart, (markets, 40, 1))
    return truth + random.normal(0.0, 1.0, (markets, 40, blocks))


def test_markets_that_do_not_differ_go_by_the_pool() -> None:
    assert np.mean([own_shares(gains(seed, 0.0)).mean() for seed in range(20)]) < 0.1


def test_markets_that_differ_widely_go_by_themselves() -> None:
    assert own_shares(gains(1, 2.0)).mean() > 0.95


def test_what_is_shrunk_is_nearer_to_the_truth_than_either_end() -> None:
    errors = {"own": 0.0, "pool": 0.0, "shrunk": 0.0}
    for seed in range(20):
        random = np.random.default_rng(seed)
        truth = random.normal(0.0, 0.2, (5, 40, 1))
        seen = truth + random.normal(0.0, 1.0, (5, 40, 30))
        for name, told in (("own", seen), ("pool", pooled(seen)[None]), ("shrunk", shrunk(seen))):
            errors[name] += float(np.mean((told.mean(axis=2) - truth[:, :, 0]) ** 2))
    assert errors["shrunk"] < 0.95 * min(errors["own"], errors["pool"])


def test_a_market_seen_for_longer_keeps_more_of_its_own() -> None:
    seen = gains(3, 0.3, markets=4)
    seen[0, :, 6:] = np.nan
    shares = own_shares(seen)
    assert shares[0].mean() < shares[1:].mean() - 0.2


def test_one_market_is_the_pool() -> None:
    seen = gains(1, 1.0, markets=1)
    assert not own_shares(seen).any()
    assert shrunk(seen) == pytest.approx(seen)


def test_blocks_that_a_market_lacks_stay_unknown_and_count_in_no_mean() -> None:
    seen = gains(2, 0.5, markets=2, blocks=4)
    seen[0, :, 2] = np.nan
    assert np.isnan(shrunk(seen)[0, :, 2]).all()
    assert pooled(seen)[:, 2] == pytest.approx(seen[1, :, 2])
    seen[1, :, 2] = np.nan
    assert np.isnan(pooled(seen)[:, 2]).all()
