"""Time cut into blocks that know nothing of one another, and which of them teach and which examine.

A row at time t reaches ahead by the horizon of what it is held against, and its score remembers as long as
its half-life says. So blocks are REACHES_PER_BLOCK such reaches long, and the last reach of each is purged:
what follows its rows would lie in the next block (López de Prado, Advances in Financial Machine Learning,
2018, chapter 7). Whatever is put together of whole blocks, in any order, then is apart from the rest.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

REACHES_PER_BLOCK = 20
BLOCKS_MIN = 12  # fewer decide nothing: half of them teach only, and six figures are few for an error
GROUPS_MAX = 12  # of blocks, halved in every way: 924 ways, each with a twelfth of the time for its grain
FILLED_MIN = 0.5  # share of a block's rows that must be there


def block_s(reach_s: float) -> float:
    """Length of a block, in seconds, for rows that reach `reach_s` (horizon plus half-life) in time."""
    return REACHES_PER_BLOCK * reach_s


def blocks_of(times_ns: npt.NDArray[np.int64], reach_s: float) -> npt.NDArray[np.int64]:
    """The block of each row, shape (rows,): how many blocks its time is after 1970; −1 where it is purged."""
    length_ns, reach_ns = int(block_s(reach_s) * 1e9), int(reach_s * 1e9)
    block, within_ns = np.divmod(times_ns, length_ns)
    return np.where(within_ns >= length_ns - reach_ns, -1, block)


class Blocked:
    """Rows by block, worked out once for all columns that have them; `blocks` as `blocks_of` gives them.

    A block with fewer than FILLED_MIN of `rows_per_block` is left out, and rows that are purged.
    """

    def __init__(self, blocks: npt.NDArray[np.int64], rows_per_block: float) -> None:
        names, place, counts = np.unique(blocks, return_inverse=True, return_counts=True)
        filled = (names >= 0) & (counts >= FILLED_MIN * rows_per_block)
        self._rows = np.flatnonzero(filled[place])
        self._place = (np.cumsum(filled) - 1)[place[self._rows]]
        self._counts = counts[filled]
        self.names: npt.NDArray[np.int64] = names[filled]  # shape (n,), in order

    def means(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of each block, shape (n,); `values` (rows,) holds no NaN."""
        return np.bincount(self._place, values[self._rows], len(self._counts)) / self._counts


def groups_of(count: int) -> npt.NDArray[np.int64]:
    """Where each group begins, of `count` blocks in an even number of groups that lie together, GROUPS_MAX at
    most. Raises ValueError for fewer than two blocks.
    """
    groups = min(GROUPS_MAX, count) // 2 * 2
    if groups < 2:
        raise ValueError(f"{count} blocks cannot be halved")
    return -(-np.arange(groups) * count // groups)


@functools.cache
def halvings(groups: int) -> npt.NDArray[np.float64]:
    """1 for a group that teaches, 0 for one that examines, in every way of halving them; (ways, groups)."""
    chosen = np.array(list(itertools.combinations(range(groups), groups // 2)))
    teaching = np.zeros((len(chosen), groups))
    np.put_along_axis(teaching, chosen, 1.0, axis=1)
    return teaching


def walk(count: int) -> Iterator[int]:
    """The blocks that examine, each by what all before it taught, in order: those of the second half."""
    yield from range(count // 2, count)
