"""The scale: a raw reading becomes a score from 0 to 100 by this market's own recent standard.

**What is meant.** Once every `sample_s` of event time the reading x_i of that grid point becomes part of the
standard, and each older one counts for less by κ = e^(−sample_s/memory_s): with weight w_i = κ^(n−i) after n
of them. A score is the share of that standard below the present reading,

    F(x) = Σ w_i 1[x_i < x] / Σ w_i,    score = 100 F(x),

an empirical distribution that forgets: 90 means stronger than 90% of it. Learning on the grid, and never when
somebody asks, makes asking free and a resumed engine exact.

**How it is kept.** As a histogram of BINS equal bins over v in [0, 1], not as readings:

    z = (x − c) / s,    v = ½ (1 + z / (1 + |z|)).

Every reading has a place in it, however far out, and bins are finest where readings are dense: about z a bin
is (1 + |z|)² / 32 wide. Centre and spread are the decayed mean, and the decayed mean absolute deviation from
the mean of the time.
- *One reading in them.* A reading further from the centre than DEVIATIONS_MAX spreads counts in both as if it
  were so far, unless one of the two before it was as far: the middle of three is believed. The first three
  enter as their middle one. In the histogram each keeps its place.
- *Refitting.* c and s of the grid are set to those of the readings at each of the first REFIT_EACH samples,
  then REFITS times while they become twice as many, and at last every REFIT_MAX; what is in the bins moves
  along, from the middle of each to where it now belongs. Fitted less often at first, a score would jump by
  40 points; and by 9 were it fitted once an octave after that.
  When is known beforehand: were it decided by the data, rounding could decide it, and two units of price
  would differ.
- *Linear binning.* A sample is shared between the two bins whose middles are nearest, in proportion (Jones
  and Lotwick 1983), and within a bin the cumulative share is linear. So a score is a continuous function of
  the present reading and of every one that went into the standard. Rounding can't make it jump, which is why
  units and the mirror change no score by more than 1e-6.

**Two shapes of signal.**
- One-sided, a strength: as above.
- Two-sided, a direction x and an activity a (0 where the signal has none): two strengths, a + x the long one
  and a − x the short one, each with a standard of its own. What the market leans by all the time is no part
  of either: m = ½ (mean of the long − mean of the short) is the mean of x, the histograms hold a ± (x − m).
  The present reading is held against them as a ± (x − m), too; that of an *anchored* signal as it is, from
  zero, so that a climb that goes on becomes no less a climb. Under the mirror x and m change their signs, and
  the two swap.

**Before there is a standard.** A prior stands in, and fades with `warm`, from 0 to 1 over `baseline_s`: as if
α = PRIOR_SAMPLES (1 − warm) readings of a normal distribution P of this centre and spread were among them,

    F = (Σ w_i 1[x_i < x] + α P(z)) / (Σ w_i + α),

the mean of a Dirichlet process given what was seen (Ferguson 1973). As z counts mean absolute deviations, of
which a normal σ has √(2/π), P(z) = ½ (1 + erf(z/√π)). The spread has a prior as well, of
PRIOR_SPREAD_SAMPLES: the one that the signal declares, or for a direction without activity, whose unit nobody
knows, the mean size of its readings. Before the first sample every score is 50, and
for FULL_FROM of them it is drawn there: what two or three readings say is no standard yet.

A reading of −∞ says "nothing at all": it goes into the lowest bin and scores below everything. NaN says
"cannot say", and so does +∞, which no share could stand for: it teaches nothing and scores 50. So does every
reading before a market's first price, and a scale that has learnt no finite one: such a score is *unknown*.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from signalnode.compiled import apart, compiled, where
from signalnode.features.base import Parameter
from signalnode.features.decay import decay
from signalnode.features.limits import KNOWN_FROM, middle

BINS = 64
PRIOR_SAMPLES = 30.0  # weight of the prior in the histogram at the start, in samples
PRIOR_SPREAD_SAMPLES = 8.0  # the same in the spread: a spread is known sooner than a distribution
REFIT_EACH = 64  # samples at each of which the grid is fitted: later ones would make the score jump
REFITS = 4  # fits from there on while samples become twice as many: so does what has changed between two more
REFIT_MAX = 1024  # samples between two fits of the grid at last: each blurs what is in it
FULL_FROM = 32  # samples; before, a score is drawn to 50
DEVIATIONS_MAX = 8.0  # spreads from the centre, beyond which one reading counts for no more
SILENCE_FACTOR = 11.0  # usual waits that a silence may teach: a longer one is an outage, and no standard
CATCH_UP_MAX = 300  # samples, in a market however quiet

PARAMETERS = (
    Parameter("sample_s", 1.0, 0.01, 60.0, "s", "how often the scale learns; readings hardly change faster"),
    Parameter(
        "baseline_s", 120.0, 10.0, 86400.0, "s", "what must be seen before the prior is gone: warm = 1"
    ),
    Parameter(
        "memory_s", 1800.0, 10.0, 864000.0, "s", "time constant of forgetting: half an hour is 'recent'"
    ),
)

SCALE = np.dtype(
    [
        ("samples", "<i8"),  # finite readings learnt
        ("steps", "<i8"),  # readings learnt, those of "nothing at all" among them: how warm it is
        ("mass", "<f8"),  # decayed number of them
        ("total", "<f8"),  # decayed sum of readings
        ("sizes", "<f8"),  # decayed sum of |reading|
        ("deviations", "<f8"),  # decayed sum of |reading − centre|
        ("centre", "<f8"),
        ("before", "<f8"),  # the newest reading, and the one before it: whole
        ("earlier", "<f8"),
        ("grid_centre", "<f8"),
        ("grid_spread", "<f8"),
        ("per_grid_spread", "<f8"),  # one over it
        ("per_mass", "<f8"),  # one over all that is in `counts`
        ("counts", "<f8", (BINS,)),  # decayed histogram over v
        ("below", "<f8", (BINS + 1,)),  # its cumulative sums: mass below each bin's lower edge
    ],
    align=True,
)
SHAPE = np.dtype(
    [
        ("side", "<i8"),  # 1 of a long score, −1 of the short one that follows it, else 0
        ("anchored", "<i8"),
        ("spread", "<f8"),  # 0: take the mean size of the readings
        ("floor", "<f8"),
    ],
    align=True,
)


def _erf_at(u: float) -> float:
    """erf(z/√π) where u = z / (1 + |z|), in [−1, 1]."""
    return math.copysign(1.0, u) if abs(u) == 1.0 else math.erf(u / (1.0 - abs(u)) / math.sqrt(math.pi))


def _prior_share() -> Any:
    """P at each bin's lower edge and at the end; shape (BINS + 1,)."""
    edges = np.arange(BINS + 1) / BINS
    return np.array([0.5 * (1.0 + _erf_at(2.0 * v - 1.0)) for v in edges])


PRIOR = _prior_share()


def new_scales(shapes: Any) -> Any:
    """Fresh scales, one for each row of `shapes` (dtype SHAPE); shape (n,), dtype SCALE."""
    return np.zeros(len(shapes), SCALE)


@compiled
def warmth(samples: int, p: Any) -> float:
    """Share of the baseline window seen, 0 to 1, after `samples` steps of the grid."""
    seen_s: float = samples * p.sample_s
    return 1.0 if seen_s >= p.baseline_s else seen_s / p.baseline_s


@compiled
def forgetting(p: Any) -> float:
    """κ: what one step of the grid leaves of the past."""
    return decay(p.sample_s / p.memory_s)


@compiled
def _squeeze(z: float) -> float:
    """z in spreads → v in [0, 1]; z = −∞ → 0."""
    return where(z == -math.inf, 0.0, 0.5 * (1.0 + z / (1.0 + abs(z))))


@compiled
def _stretch(v: float) -> float:
    """The inverse of `_squeeze`, for 0 < v < 1."""
    u = 2.0 * v - 1.0
    return u / (1.0 - abs(u))


@compiled
def _deposit(counts: Any, v: float, mass: float) -> None:
    """Share `mass` between the two bins whose centres are nearest to v."""
    position = v * BINS - 0.5
    lower = math.floor(position)
    share = position - lower
    counts[max(lower, 0)] += mass * (1.0 - share)
    counts[min(lower + 1, BINS - 1)] += mass * share


@compiled
def _refit(scale: Any, centre: float, spread: float) -> None:
    """Lay the grid around `centre` with the present spread; the bins' mass moves along."""
    old_centre, old_spread = scale.grid_centre, scale.grid_spread
    scale.grid_centre, scale.grid_spread, scale.per_grid_spread = centre, spread, 1.0 / spread
    if old_spread == 0.0:
        return
    counts, old = scale.counts, scale.below  # which is summed up anew before anybody reads it
    for k in range(BINS):
        old[k] = counts[k]
    for k in range(1, BINS):  # the lowest bin holds "nothing at all" and stays
        counts[k] = 0.0
    for k in range(1, BINS):
        z = _stretch((k + 0.5) / BINS) * old_spread + old_centre - centre
        _deposit(counts, _squeeze(z / spread), old[k])


@compiled
def _spread(scale: Any, shape: Any, warm: float) -> float:
    """The mean size of a deviation, with its prior among them."""
    expected = shape.spread if shape.spread > 0.0 else scale.sizes / scale.mass
    weight = PRIOR_SPREAD_SAMPLES * (1.0 - warm)
    spread: float = (scale.deviations + weight * expected) / (scale.mass + weight)
    floored: float = max(spread, shape.floor)
    return floored


@compiled
def _limited(scale: Any, shape: Any, reading: float, warm: float) -> float:
    """What of `reading` counts in centre and spread."""
    if scale.samples < KNOWN_FROM:
        return reading
    centre = scale.centre
    most = DEVIATIONS_MAX * _spread(scale, shape, warm)
    size = abs(reading - centre)
    if size <= most:
        return reading
    most = max(most, middle(size, abs(scale.before - centre), abs(scale.earlier - centre)))
    counted: float = centre + math.copysign(min(size, most), reading - centre)
    return counted


@compiled
def _take_reading(scale: Any, reading: float, counted: float, keep: float) -> None:
    """Move centre and spread by `counted`, which is what of `reading` counts."""
    scale.samples += 1
    scale.mass = scale.mass * keep + 1.0
    scale.total = scale.total * keep + counted
    scale.sizes = scale.sizes * keep + abs(counted)
    if scale.samples == KNOWN_FROM:
        before, earlier = scale.before, scale.earlier
        usual = middle(reading, before, earlier)
        scale.total = scale.mass * usual
        scale.sizes = scale.mass * middle(abs(reading), abs(before), abs(earlier))
        scale.deviations = scale.mass * middle(
            abs(reading - usual), abs(before - usual), abs(earlier - usual)
        )
        scale.centre = usual
    else:
        scale.centre = scale.total / scale.mass
        scale.deviations = scale.deviations * keep + abs(counted - scale.centre)
    scale.earlier = scale.before
    scale.before = reading


@compiled
def _lean(scales: Any, shapes: Any, i: int) -> float:
    """m of the module's docstring, as score i counts it; 0 of a one-sided one."""
    if shapes[i].side == 0:
        return 0.0
    lean: float = 0.5 * (scales[i].centre - scales[i + shapes[i].side].centre)
    return lean


@compiled
def _take(scale: Any, shape: Any, reading: float, warm: float, keep: float) -> None:
    """Let the past fade, and centre and spread move by one reading that is no NaN and below +∞."""
    scale.steps += 1
    for k in range(BINS):
        scale.counts[k] *= keep
    if reading > -math.inf:
        _take_reading(scale, reading, _limited(scale, shape, reading, warm), keep)


@compiled
def _is_due(samples: int) -> bool:
    """Whether the grid is fitted anew after so many."""
    if samples <= REFIT_EACH:
        return True
    step = REFIT_EACH
    while 2 * step <= samples and step < REFIT_MAX:
        step *= 2
    due: bool = samples % (step if step == REFIT_MAX else step // REFITS) == 0
    return due


@compiled
def _lay(scale: Any, shape: Any, reading: float, lean: float, warm: float) -> None:
    """Lay the reading just taken into the histogram, which is fitted anew where that is due."""
    if reading == -math.inf:
        scale.counts[0] += 1.0
        return
    if _is_due(scale.samples):
        _refit(scale, scale.centre - lean, _spread(scale, shape, warm))
    _deposit(scale.counts, _squeeze((reading - lean - scale.grid_centre) * scale.per_grid_spread), 1.0)


@apart
def learn(scales: Any, shapes: Any, raw: Any, p: Any) -> None:
    """Lay one sample of every score's reading, `raw`, into its histogram. NaN and +∞ teach nothing."""
    keep = forgetting(p)
    for i in range(len(raw)):
        if raw[i] < math.inf:
            _take(scales[i], shapes[i], raw[i], warmth(scales[i].steps, p), keep)
    for i in range(len(raw)):
        if raw[i] < math.inf:
            warm = warmth(scales[i].steps - 1, p)
            _lay(scales[i], shapes[i], raw[i], _lean(scales, shapes, i), warm)
    _sum_up(scales)


@compiled
def _sum_up(scales: Any) -> None:
    """Renew `below` of every scale. Three side by side, the last ones again where fewer are left: a sum in
    order is a chain, in which each addition waits for the one before.
    """
    n = len(scales)
    for i in range(0, n, 3):
        a, b, c = scales[i], scales[min(i + 1, n - 1)], scales[min(i + 2, n - 1)]
        x = y = z = 0.0
        for k in range(BINS):
            a.below[k], b.below[k], c.below[k] = x, y, z
            x += a.counts[k]
            y += b.counts[k]
            z += c.counts[k]
        a.below[BINS], b.below[BINS], c.below[BINS] = x, y, z
        a.per_mass, b.per_mass, c.per_mass = 1.0 / x, 1.0 / y, 1.0 / z


@compiled
def _weight(samples: int) -> float:
    """What a score is worth after so many samples: from 0 to 1 along 3x² − 2x³, so that it does not jump."""
    if samples >= FULL_FROM:
        return 1.0
    x = samples / FULL_FROM
    return x * x * (3.0 - 2.0 * x)


@compiled
def is_known(scale: Any, reading: float) -> bool:
    """Whether a score of `reading` rests on anything: it says something, and there is a standard for it."""
    known: bool = scale.samples > 0 and reading < math.inf
    return known


@compiled
def _position(reading: float, lean: float, centre: float, per_spread: float) -> float:
    """Where `reading` falls on the grid, in bins, from 0 to BINS."""
    return min(_squeeze((reading - lean - centre) * per_spread), 1.0) * BINS


@compiled
def _share_below(scale: Any, position: float, warm: float) -> float:
    """Share of the standard below `position`, in [0, 1]."""
    k = min(int(position), BINS - 1)
    part = position - k
    mass = scale.below[k] + part * (scale.below[k + 1] - scale.below[k])
    if warm < 1.0:
        prior = PRIOR_SAMPLES * (1.0 - warm)
        mass += prior * (PRIOR[k] + part * (PRIOR[k + 1] - PRIOR[k]))
        share: float = mass / (scale.below[BINS] + prior)
    else:
        share = mass * scale.per_mass
    return min(share, 1.0)


@compiled
def _lean_taken(scales: Any, shapes: Any, i: int) -> float:
    """What is taken off a reading before it is held against the standard: nothing where that is anchored."""
    return _lean(scales, shapes, i) if shapes[i].anchored == 0 else 0.0


@compiled
def score_of(scales: Any, shapes: Any, raw: Any, i: int, p: Any) -> float:
    """Score i, of its reading `raw[i]`: from 0 to 100, and 50 where it is not known (`is_known`)."""
    scale, reading = scales[i], raw[i]
    if not is_known(scale, reading):
        return 50.0
    position = _position(reading, _lean_taken(scales, shapes, i), scale.grid_centre, scale.per_grid_spread)
    share = _share_below(scale, position, warmth(scale.steps, p))
    return 50.0 + 100.0 * (share - 0.5) * _weight(scale.samples)


@compiled
def score_rows(scales: Any, shapes: Any, raw: Any, p: Any, first: int, last: int, out: Any) -> None:
    """As `score_of`, of the rows from `first` on and before `last`, the second axis of `raw` and `out`.

    Positions come first, in a loop of their own, which holds the division: of every row, for so it becomes
    vectors, and what `out` holds of others is lost.
    """
    for i in range(len(raw)):
        scale = scales[i]
        lean, centre, per_spread = _lean_taken(scales, shapes, i), scale.grid_centre, scale.per_grid_spread
        for k in range(out.shape[1]):
            out[i, k] = _position(raw[i, k], lean, centre, per_spread)
        warm, weight = warmth(scale.steps, p), _weight(scale.samples)
        for k in range(first, last):
            known = is_known(scale, raw[i, k])
            share = _share_below(scale, out[i, k], warm) if known else 0.5
            out[i, k] = 50.0 + 100.0 * (share - 0.5) * weight
