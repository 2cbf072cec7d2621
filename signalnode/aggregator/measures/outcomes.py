"""What each score was followed by: a decayed table by market, score and decile, learnt as it comes true.

At every step of the grid the decile of each known score is laid by. A horizon later, if the market was fresh
all the while, the log return m of its mid since then, in basis points and in the score's direction, is the
outcome: of a `…_short` a fall counts up, of what has no direction a rise. So a table holds at any time what
had come true by then, and nothing of what came after. With weights w = 2^(−age/half-life), in each cell

    seen      W = Σ w                               hit_rate  p = Σ w 1[m > 0] / C,  C = Σ w 1[m ≠ 0]
    effective n = W² / Σ w² / h                     move_bps  μ = Σ w m / W,  size_bps = Σ w |m| / W

W²/Σw² is the number of equal weights that vary as much (Kish 1965). Windows of h steps that begin at each
step overlap, and only each h-th tells something of its own (Hansen and Hodrick 1980): so the number is
divided by h, which is on the safe side where a score leaves its decile sooner. Intervals of 95%: Wilson's
(1927) for p, with n C / W; μ ± z √(σ²/n) for the move, from n = 2 on.

All of it is arrays over all markets, an addition to the cells that had an outcome at each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import GAIN_MAX, Floats, old_and_new
from signalnode.strategies.outcomes import DECILES, FIELDS, SUMS, MarketOutcomes, cells_of

STEPS_MAX = 600  # of the grid, within the longest horizon; it is made coarser where there would be more
BASIS_POINTS = 1e4
SHORT = "_short"
TOLD_S = 30.0  # from one telling of a market's outcomes to the next
NUMBERS_MAX = 20_000  # that one telling may hold, 180 kB


class _Learnt(MarketOutcomes):
    """Those of one market, worked out score by score when they are asked for: as they stand then."""

    __slots__ = ("_outcomes", "_place")

    def __init__(self, outcomes: Outcomes, place: int) -> None:
        self._outcomes, self._place = outcomes, place
        self.horizons_s, self.scores = outcomes.horizons_s, tuple(outcomes.names)
        self._places = outcomes.score_places

    @property
    def values(self) -> Floats:  # type: ignore[override]
        return self._outcomes.cells[:, :, self._place]

    def _of(self, horizon: int, score: int) -> Floats:
        return self._outcomes.cells_at(horizon, score)[:, self._place]


class Outcomes(Mapping[str, MarketOutcomes]):
    """Tables of `markets`; `horizons_s` rise, `step_s` is what passes between two calls of `add`."""

    def __init__(
        self,
        markets: Sequence[str],
        horizons_s: Sequence[float],
        *,
        step_s: float,
        half_life_s: float,
        return_max: float,
    ) -> None:
        self.markets, self.names = list(markets), list[str]()
        self._places = {name: place for place, name in enumerate(markets)}
        self.horizons_s = tuple(horizons_s)
        self.half_life_s = half_life_s
        self._return_max = return_max
        self._every = max(1, -int(-max(horizons_s) // (STEPS_MAX * step_s)))  # steps in one of this grid
        grid_s = step_s * self._every
        self.steps = [max(1, round(each / grid_s)) for each in horizons_s]
        self._decay = 0.5 ** (grid_s / half_life_s)
        self._gain = 1.0
        self._calls = self._step = 0
        self._turn, self._told = 0.0, 0
        self.sums = np.zeros((len(SUMS), len(horizons_s), len(markets), 0, DECILES))
        self._signs = np.zeros(0)
        self._mids = np.full(len(markets), np.nan)  # of the last call
        self._sound = np.zeros(len(markets), np.int64)  # calls in a row with a sound return
        self._past_mids = np.full((max(self.steps) + 1, len(markets)), np.nan)
        self._past_deciles = np.full((max(self.steps) + 1, len(markets), 0), -1, np.int8)
        self.score_places: dict[str, int] = {}
        self._cells: dict[tuple[int, int], Floats] = {}  # since the last step, by horizon and score

    def add(self, names: Sequence[str], mids: Floats, scores: Floats) -> None:
        """Take one step: mids, shape (markets,), and the scores of those names, shape (markets, names); NaN
        where a market is not fresh, or a score unknown. Names are added at the end and never change place.
        """
        if len(names) > len(self.names):
            self._widen(names)
        with np.errstate(invalid="ignore", divide="ignore"):
            returns = np.log(mids / self._mids)
            is_sound = np.abs(returns) <= self._return_max
        self._sound = np.where(is_sound, self._sound + 1, 0)
        self._mids = mids
        self._calls += 1
        if self._calls % self._every:
            return
        self._step += 1
        self._gain /= self._decay
        if self._gain > GAIN_MAX:
            self.sums[:] = self._plain_sums()
            self._gain = 1.0
        here = self._step % len(self._past_mids)
        self._past_mids[here] = mids
        self._past_deciles[here] = _deciles(scores)
        for place, steps in enumerate(self.steps):
            self._take(place, steps, mids)
        self._cells = {}

    def pause(self) -> None:
        """Nothing that has begun comes true: steps are missing."""
        self._mids = np.full(len(self.markets), np.nan)

    def rearrange(self, rows: list[int | None], markets: Sequence[str]) -> None:
        """Other markets; see `old_and_new`."""
        old, new = old_and_new(rows)
        was = self.sums, self._mids, self._sound, self._past_mids, self._past_deciles
        size, scores = len(rows), len(self.names)
        self.markets, self._places = list(markets), {name: place for place, name in enumerate(markets)}
        self.sums = np.zeros((len(SUMS), len(self.steps), size, scores, DECILES))
        self._mids, self._sound = np.full(size, np.nan), np.zeros(size, np.int64)
        self._past_mids = np.full((len(was[3]), size), np.nan)
        self._past_deciles = np.full((len(was[3]), size, scores), -1, np.int8)
        self.sums[:, :, new] = was[0][:, :, old]
        self._mids[new], self._sound[new] = was[1][old], was[2][old]
        self._past_mids[:, new], self._past_deciles[:, new] = was[3][:, old], was[4][:, old]
        self._cells = {}
        self._told = 0

    def forget(self, markets: Iterable[str]) -> None:
        """Nothing is known of these, nor has anything begun."""
        places = [self._places[name] for name in markets if name in self._places]
        self.sums[:, :, places] = 0.0
        self._past_deciles[:, places] = -1
        self._cells = {}

    def kept(self) -> Floats:
        """The sums as they weigh now, shape (SUMS, horizons, markets, names, DECILES)."""
        return self._plain_sums()

    def go_on(self, names: Sequence[str], sums: Floats, away_s: float) -> None:
        """Begin with what `kept` gave, `away_s` ago; for a table in which nothing stands yet."""
        self._widen(names)
        keep = 0.5 ** (max(away_s, 0.0) / self.half_life_s)
        self.sums[:] = sums * keep
        self.sums[1] *= keep
        self._cells = {}

    def __getitem__(self, market: str) -> MarketOutcomes:
        return _Learnt(self, self._places[market])

    def __iter__(self) -> Iterator[str]:
        return iter(self.markets)

    def __len__(self) -> int:
        return len(self.markets)

    def in_turn(self, passed_s: float) -> dict[str, MarketOutcomes]:
        """Some of the markets of which anything is known, so many that each has its turn every TOLD_S;
        `passed_s` since the last call.
        """
        size = len(self.markets)
        if not size or not self.names:
            return {}
        numbers = len(FIELDS) * DECILES * len(self.steps) * len(self.names)
        self._turn += size * min(passed_s / TOLD_S, 1.0)
        count = min(int(self._turn), max(1, NUMBERS_MAX // numbers), size)
        self._turn = min(self._turn - count, float(size))
        begin, self._told = self._told, (self._told + count) % size
        places = [(begin + place) % size for place in range(count)]
        places = [place for place in places if self.sums[0, :, place].any()]
        if not places:
            return {}
        cells = cells_of(self._weighed(self.sums[:, :, places]), self._steps_like(4))
        return {
            self.markets[place]: MarketOutcomes(self.horizons_s, tuple(self.names), cells[:, :, at])
            for at, place in enumerate(places)
        }

    @property
    def cells(self) -> Floats:
        """All that is known, shape (FIELDS, horizons, markets, names, DECILES)."""
        return cells_of(self._plain_sums(), self._steps_like(4))

    def cells_at(self, horizon: int, score: int) -> Floats:
        """Of one score within one horizon, shape (FIELDS, markets, DECILES); worked out once a step."""
        found = self._cells.get((horizon, score))
        if found is None:
            steps = np.array(self.steps[horizon], np.float64)
            found = cells_of(self._weighed(self.sums[:, horizon, :, score]), steps)
            found.setflags(write=False)
            self._cells[horizon, score] = found
        return found

    def _take(self, place: int, steps: int, mids: Floats) -> None:
        """Count what has come true of the moment so many steps ago."""
        rows = np.flatnonzero(self._sound >= steps * self._every)
        then = (self._step - steps) % len(self._past_mids)
        deciles = self._past_deciles[then, rows]
        which, names = np.nonzero(deciles >= 0)
        moves = BASIS_POINTS * np.log(mids[rows] / self._past_mids[then, rows])
        move = moves[which] * self._signs[names]
        at = (rows[which] * len(self.names) + names) * DECILES + deciles[which, names]  # each cell once
        size, gain = np.abs(move), self._gain
        for number, what in enumerate((1.0, gain, size > 0.0, move > 0.0, move, move * move, size)):
            self.sums[number, place].reshape(-1)[at] += gain * what  # a view: `sums` is contiguous

    def _steps_like(self, dimensions: int) -> Floats:
        """Steps of each horizon, along the first of so many dimensions."""
        return np.array(self.steps, np.float64).reshape(-1, *[1] * (dimensions - 1))

    def _plain_sums(self) -> Floats:
        return self._weighed(self.sums)

    def _weighed(self, sums: Floats) -> Floats:
        plain: Floats = sums / self._gain
        plain[1] /= self._gain
        return plain

    def _widen(self, names: Sequence[str]) -> None:
        more = len(names) - len(self.names)
        self.names = list(names)
        self.score_places = {name: place for place, name in enumerate(names)}
        self._signs = np.array([-1.0 if name.endswith(SHORT) else 1.0 for name in names])
        self.sums = np.pad(self.sums, [(0, 0)] * 3 + [(0, more), (0, 0)])
        self._past_deciles = np.pad(
            self._past_deciles, [(0, 0), (0, 0), (0, more)], constant_values=np.int8(-1)
        )
        self._cells = {}


def _deciles(scores: Floats) -> npt.NDArray[np.int8]:
    known = np.isfinite(scores)
    tenths = np.minimum(np.where(known, scores, 0.0) * DECILES / 100.0, DECILES - 1.0)
    return np.where(known, tenths, -1.0).astype(np.int8)
