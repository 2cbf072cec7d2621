"""Blocks that know nothing of one another."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode.research.tuning.splits import Blocked, block_s, blocks_of, groups_of, halvings, walk

REACH_S = 35.0


def test_a_block_is_twenty_reaches_and_its_last_is_purged() -> None:
    length = block_s(REACH_S)
    assert length == 20 * REACH_S
    start = 1_000_000 * int(length)
    times = (start + np.arange(2 * int(length))) * 1_000_000_000
    blocks = blocks_of(times, REACH_S)
    kept = blocks >= 0
    assert set(blocks[kept]) == {1_000_000, 1_000_001}
    reach = int(REACH_S)
    assert kept[: int(length) - reach].all()
    assert not kept[int(length) - reach : int(length)].any()


@pytest.mark.parametrize("reach_s", [0.5, 7.0, 123.4])
def test_no_row_reaches_into_another_block(reach_s: float) -> None:
    times = np.sort(np.random.default_rng(1).integers(0, int(1e14), 5_000))
    blocks = blocks_of(times, reach_s)
    ends = times + int(reach_s * 1e9)
    length = int(block_s(reach_s) * 1e9)
    assert (ends[blocks >= 0] // length == blocks[blocks >= 0]).all()


def test_means_by_block_leave_out_what_is_purged_or_too_thin() -> None:
    blocked = Blocked(np.array([4, 4, -1, 5, 6, 6, 6]), rows_per_block=4)
    assert blocked.names.tolist() == [4, 6]
    assert blocked.means(np.array([1.0, 2.0, 9.0, 9.0, 1.0, 2.0, 3.0])).tolist() == [1.5, 2.0]
    assert not len(Blocked(np.full(8, -1), 4).names)


@pytest.mark.parametrize(("count", "ways"), [(2, 2), (3, 2), (4, 6), (12, 924), (100, 924)])
def test_each_halving_teaches_with_half_and_has_its_counterpart(count: int, ways: int) -> None:
    starts = groups_of(count)
    sizes = np.diff(starts, append=count)
    assert starts[0] == 0
    assert sizes.max() - sizes.min() <= 1
    found = halvings(len(starts))
    assert len(found) == ways
    assert {row.tobytes() for row in found} == {(1.0 - row).tobytes() for row in found}


def test_one_block_cannot_be_halved() -> None:
    with pytest.raises(ValueError, match="1 blocks"):
        groups_of(1)


def test_the_walk_examines_each_block_of_the_second_half_once() -> None:
    assert list(walk(12)) == [6, 7, 8, 9, 10, 11]
