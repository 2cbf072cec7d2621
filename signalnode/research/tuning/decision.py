"""Whether to change parameters: what was found, held against what would be found in noise.

`gains` has the shape (markets, candidates, blocks): how much higher a candidate's information coefficient was
in a block than that of what stands now, which is candidate 0. NaN: the market has no such block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalnode.research.tuning.overfitting import deflated_probability, overfitting_probability
from signalnode.research.tuning.shrinkage import own_shares, shrunk
from signalnode.research.tuning.splits import walk

Gains = npt.NDArray[np.float64]

ERRORS_MIN = 1.0  # standard errors that the held-out gain must exceed
GAIN_MIN = 0.005  # of an information coefficient; less changes no decision
OVERFITTING_MAX = 0.2  # probability of backtest overfitting
NEIGHBOUR_STEP = 1.2  # times more, and times less, of one parameter
NEIGHBOUR_SHARE_MIN = 0.5  # of the gain, that each neighbour keeps
DEFLATED_SPARE = 0.5  # shared out among the looks: in noise a fortieth of all runs then proposes anything
LOSS_ERRORS_MAX = 2.0  # standard errors that another score may lose


@dataclass(frozen=True, slots=True)
class Finding:
    """What the trials say of one market and one signal."""

    best: int  # the candidate that is best over all blocks; 0: what stands now
    inside: float  # its gain over the blocks that chose it
    held_out: float  # the gain in blocks that came after those that chose, one walk through the recording
    error: float  # standard error of that
    overfitting: float  # probability of backtest overfitting
    deflated: float  # probability that the gain is real, for so many trials
    own_share: float  # how much the market's own gain counts beside that of all markets
    trials: int
    blocks: int
    held_out_blocks: int


def find(gains: Gains, market: int) -> Finding:
    """Judge the candidates for one market, each market shrunk towards the pool. Needs two blocks of it."""
    estimate = shrunk(gains)[market]
    own = np.isfinite(gains[market, 0])
    taught, examined = estimate[:, own], gains[market][:, own]
    best = int(np.argmax(taught.mean(axis=1)))
    held_out = _walked(gains, market, np.flatnonzero(own))
    error = float(held_out.std(ddof=1) / math.sqrt(len(held_out))) if len(held_out) > 1 else math.inf
    return Finding(
        best=best,
        inside=float(examined[best].mean()),
        held_out=float(held_out.mean()),
        error=error,
        overfitting=overfitting_probability(taught, examined),
        deflated=deflated_probability(taught, best),
        own_share=float(own_shares(gains)[market, best]),
        trials=gains.shape[1] - 1,
        blocks=int(own.sum()),
        held_out_blocks=len(held_out),
    )


def _walked(gains: Gains, market: int, blocks: npt.NDArray[np.intp]) -> Gains:
    """The gain in each examining block of what all blocks before it, of every market, chose."""
    held_out = []
    for place in walk(len(blocks)):
        at = int(blocks[place])
        taught = np.nanmean(shrunk(gains[:, :, :at])[market], axis=1)
        held_out.append(float(gains[market, int(np.argmax(taught)), at]))
    return np.array(held_out)


def doubts(finding: Finding, looks: int) -> list[str]:
    """Why what stands should stay, by the trials alone; none where there is no reason.

    `looks` are the signals times the markets that are looked at together; the more, the surer each must be.
    """
    if finding.best == 0:
        return ["no trial did better than what stands"]
    told = []
    if not finding.held_out > ERRORS_MIN * finding.error:
        told.append(f"{finding.held_out:+.3f} held out is within its standard error of {finding.error:.3f}")
    elif finding.held_out < GAIN_MIN:
        told.append(f"{finding.held_out:+.4f} held out is too little to matter (under {GAIN_MIN:g})")
    if not finding.overfitting < OVERFITTING_MAX:
        told.append(
            f"what is best in one half of the blocks fails in the other {finding.overfitting:.0%} of the "
            f"time (under {OVERFITTING_MAX:.0%} needed)"
        )
    needed = deflated_min(looks)
    if not finding.deflated > needed:
        told.append(
            f"after {finding.trials} trials it is real with {finding.deflated:.0%} only (over {needed:.0%} "
            "needed)"
        )
    return told


def deflated_min(looks: int) -> float:
    """What the deflated figure must exceed for so many looks."""
    return 1.0 - DEFLATED_SPARE / max(looks, 1)


def doubts_nearby(gain: float, neighbours: Mapping[str, float]) -> list[str]:
    """Why a gain is not to be believed by what its neighbours gain, by name such as "volume_s 14"."""
    alone = [name for name, near in neighbours.items() if not near >= NEIGHBOUR_SHARE_MIN * gain]
    if not alone:
        return []
    return [f"the gain is gone nearby, at {', '.join(alone)}"]


def doubts_of_others(gains: Mapping[str, Sequence[float]]) -> list[str]:
    """Which other scores of the market lose by the change, of their gains by block."""
    told = []
    for name, by_block in gains.items():
        known = np.asarray(by_block, np.float64)
        known = known[np.isfinite(known)]
        if len(known) < 2 or not known.std() > 0.0:
            continue
        error = float(known.std(ddof=1)) / math.sqrt(len(known))
        mean = float(known.mean())
        if mean < -LOSS_ERRORS_MAX * error and mean <= -GAIN_MIN:
            told.append(f"{name} would lose {-mean:.3f}")
    return told
