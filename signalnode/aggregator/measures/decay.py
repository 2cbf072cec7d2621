"""What all measures over time share: exponential weights by step, and matrices that are used again.

Weights as in RiskMetrics (J.P. Morgan, 1996): a step k steps ago weighs λ^k. Instead of decaying n² numbers
at every step, the newest step's weight grows by 1/λ, and everything is scaled back before it can overflow:
the ratio of sums is the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

GAIN_MAX = 1e100  # rescale above; doubles reach 1e308
STEPS_MIN = 10.0  # weighted steps below which a correlation says nothing and is NaN


class Workspace:
    """Scratch matrices that every reading uses again: large ones made anew would tear the heap apart."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.numbers = np.empty((4, size, size))
        self.flag = np.empty((size, size), dtype=np.bool_)


def zero_unknown(values: Floats, flag: npt.NDArray[np.bool_] | None = None) -> None:
    """Make 0 of each NaN, in place. A third of what `np.nan_to_num` takes, which looks for infinity too."""
    np.copyto(values, 0.0, where=np.isnan(values, out=flag))


def old_and_new(rows: list[int | None]) -> tuple[Places, Places]:
    """Old and new places of the columns that stay. `rows[k]`: the old one of new column k, None for none."""
    old = [row for row in rows if row is not None]
    new = [k for k, row in enumerate(rows) if row is not None]
    return np.array(old, dtype=np.intp), np.array(new, dtype=np.intp)
