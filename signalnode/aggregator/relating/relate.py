"""All relations of the markets of a ring, worked out a pair of blocks at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from signalnode.aggregator.measures.component import lanczos
from signalnode.aggregator.measures.decay import Floats, Places
from signalnode.aggregator.relating.blocks import Block, Couples, Sum, Window, correlated, coupled
from signalnode.aggregator.relating.ring import Ring, Singles
from signalnode.aggregator.relating.strongest import (
    COUPLES_MAX,
    LEADERS_MAX,
    Strongest,
    by_correlation,
    by_lead,
    turned,
)
from signalnode.bus.relations import RELATIONS_MARKETS_MAX

BLOCK_MARKETS = 256  # of one product: 2.5 MB of 2,400 steps


@dataclass(slots=True)
class Found:
    """What is known of `markets` at one time; `numbers` as in `measures/core.py`, those that are known.

    `matrices`: correlation, lead in steps and its correlation of the first RELATIONS_MARKETS_MAX, float32.
    """

    markets: tuple[str, ...]
    numbers: dict[str, float] = field(default_factory=dict)
    couples: Strongest = field(default_factory=lambda: Strongest(0, 0))
    leaders: Strongest = field(default_factory=lambda: Strongest(0, 0))
    matrices: Singles = field(default_factory=lambda: np.empty((3, 0, 0), np.float32))

    def strongest(self, step_s: float) -> list[dict[str, Any]]:
        """The COUPLES_MAX most correlated couples of all, as a view tells them; of equal ones the first."""
        columns = self.couples.fields
        others = columns["other"]
        rows, places = np.nonzero(others > np.arange(len(others))[:, None])
        best = np.argsort(-columns["strength"][rows, places], kind="stable")[:COUPLES_MAX]
        return [
            {
                "markets": [self.markets[row], self.markets[others[row, place]]],
                "correlation": float(columns["correlation"][row, place]),
                "lead_s": float(columns["lead"][row, place]) * step_s,
                "lead_correlation": float(columns["lead_correlation"][row, place]),
            }
            for row, place in zip(rows[best], places[best], strict=True)
        ]


class Relater:
    """One pass over a ring that nobody changes meanwhile. `steps` yields after each piece of the work, some
    hundredths of a second; then `found` is whole.
    """

    def __init__(self, ring: Ring, lags: int, series: tuple[str, ...]) -> None:
        self._ring, self._lags, self._series = ring, lags, series
        count = len(ring.markets)
        shown = min(count, RELATIONS_MARKETS_MAX)
        self.found = Found(
            ring.markets,
            couples=Strongest(count, COUPLES_MAX),
            leaders=Strongest(count, LEADERS_MAX),
            matrices=np.full((3, shown, shown), np.nan, np.float32),
        )
        self._tiles: dict[tuple[int, int], Singles] = {}
        self._cuts: list[Places] = []

    def steps(self) -> Iterator[None]:
        """Do it all."""
        if not self._ring.filled or not self._ring.markets:
            return
        yield from self._returns()
        yield from self._scores()

    def _returns(self) -> Iterator[None]:
        window, self._cuts = self._cut(None)
        sums = _Mean()
        blocks = [self._block(places, window, None) for places in self._cuts]
        for first, rows in enumerate(self._cuts):
            for second in range(first, len(self._cuts)):
                columns = self._cuts[second]
                couples = coupled(blocks[first], blocks[second], self._lags)
                self._take(couples, rows, columns, sums, is_diagonal=first == second)
                self._tiles[first, second] = np.nan_to_num(couples.correlation)
                yield
        sums.tell(self.found.numbers, "returns")
        yield from self._component()

    def _take(
        self, couples: Couples, rows: Places, columns: Places, sums: _Mean, *, is_diagonal: bool
    ) -> None:
        if is_diagonal:
            known = np.isfinite(couples.correlation.diagonal())
            np.fill_diagonal(couples.correlation, np.where(known, np.float32(1.0), np.float32(np.nan)))
        self._show(couples, rows, columns)
        self._show(turned(couples), columns, rows)
        sums.take(couples.correlation, is_diagonal=is_diagonal)
        sides = [(couples, rows, columns), (turned(couples), columns, rows)]
        for each, mine, others in sides[:1] if is_diagonal else sides:
            for into, measure in ((self.found.couples, by_correlation), (self.found.leaders, by_lead)):
                strength = measure(each)
                if is_diagonal:
                    np.fill_diagonal(strength, 0.0)
                into.take(mine, others, each, strength)

    def _show(self, couples: Couples, rows: Places, columns: Places) -> None:
        here, there = (np.flatnonzero(each < self.found.matrices.shape[1]) for each in (rows, columns))
        if len(here) and len(there):
            at, of = np.ix_(rows[here], columns[there]), np.ix_(here, there)
            rho, lead, lead_rho = self.found.matrices
            rho[at] = couples.correlation[of]
            lead[at] = couples.lead[of]
            lead_rho[at] = couples.lead_correlation[of]

    def _component(self) -> Iterator[None]:
        diagonals = (self._tiles[k, k].diagonal() for k in range(len(self._cuts)))
        known = sum(int(np.count_nonzero(each)) for each in diagonals)
        value = lanczos(_Tiled(self._tiles, [len(each) for each in self._cuts])) if known else None
        if value is not None:
            self.found.numbers["first_component_share"] = value / known
        self._tiles = {}
        yield

    def _scores(self) -> Iterator[None]:
        for number, name in enumerate(self._series):
            window, cuts = self._cut(number)
            whole, mean = Sum(window), _Mean()
            first_gap = 0
            for places in cuts:
                block = self._block(places, window, number)
                if not block.is_whole:
                    break
                whole.add(block)
                first_gap += 1
                yield
            mean.add(*whole.read())
            for first in range(first_gap, len(cuts)):
                rows = self._block(cuts[first], window, number)
                for second in (*range(first_gap), *range(first, len(cuts))):
                    is_same = second == first
                    block = rows if is_same else self._block(cuts[second], window, number)
                    mean.take(correlated(rows, block), is_diagonal=is_same)
                    yield
            mean.tell(self.found.numbers, name)

    def _cut(self, number: int | None) -> tuple[Window, list[Places]]:
        """The window, and all markets in blocks, those without a gap first."""
        ring, count = self._ring, len(self._ring.markets)
        present = np.zeros(ring.filled, np.bool_)
        seen = np.zeros(count, np.int64)
        for begin in range(0, count, BLOCK_MARKETS):
            places = np.arange(begin, min(begin + BLOCK_MARKETS, count))
            here = np.isfinite(self._values(places, number))
            present |= here.any(axis=1)
            seen[places] = here.sum(axis=0)
        is_whole = seen == np.count_nonzero(present)
        groups = (np.flatnonzero(is_whole), np.flatnonzero(~is_whole))
        cuts = [
            places[begin : begin + BLOCK_MARKETS]
            for places in groups
            for begin in range(0, len(places), BLOCK_MARKETS)
        ]
        return Window(ring.roots(), present, ring.decay), cuts

    def _values(self, places: Places, number: int | None) -> Singles:
        return self._ring.returns(places) if number is None else self._ring.scores(number, places)

    def _block(self, places: Places, window: Window, number: int | None) -> Block:
        return Block(self._values(places, number), window)


class _Mean:
    """Mean over all known couples of different markets."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, total: float, count: int) -> None:
        self._sum += total
        self._count += count

    def take(self, rho: Singles, *, is_diagonal: bool) -> None:
        """Of a pair of blocks; each couple counts once, or twice in a block with itself, so twice in all."""
        known = np.isfinite(rho)
        if is_diagonal:
            np.fill_diagonal(known, val=False)
        times = 1 if is_diagonal else 2
        self.add(
            times * float(np.sum(rho, where=known, dtype=np.float64)), times * int(np.count_nonzero(known))
        )

    def tell(self, numbers: dict[str, float], name: str) -> None:
        if self._count:
            numbers[f"correlation_{name}"] = self._sum / self._count


class _Tiled:
    """A symmetric matrix, of which the blocks on and over the diagonal are there."""

    def __init__(self, tiles: dict[tuple[int, int], Singles], sizes: list[int]) -> None:
        self._tiles = tiles
        ends = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
        self._spans = [slice(begin, end) for begin, end in pairwise(ends)]
        self._size = ends[-1]

    def __len__(self) -> int:
        return self._size

    def __matmul__(self, vector: Floats) -> Floats:
        found = np.zeros(self._size)
        for (row, column), tile in self._tiles.items():
            here, there = self._spans[row], self._spans[column]
            exact = tile.astype(np.float64)
            found[here] += exact @ vector[there]
            if row != column:
                found[there] += exact.T @ vector[here]
        return found
