"""Relations that another process works out, as the measures ask for them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from signalnode.aggregator.measures.decay import Floats
from signalnode.aggregator.measures.grid import Grid
from signalnode.aggregator.measures.joined import SERIES
from signalnode.aggregator.relating.messages import Markets, decode_up, encode, read_columns, step_of
from signalnode.bus.relations import encode_relations
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import NO_RELATIONS, Relations
from signalnode.strategies.strongest import StrongestRelations

APART_FROM = 200  # markets; up to here the sums take 6 ms of a view, and a process would take 25 MB
Send = Callable[[bytes], bool]
_NONE = np.empty((0, 0))


def relates_apart(settings: AggregatorSettings, markets: int) -> bool:
    """Whether so many markets, and those of the sources, are related in a process of their own."""
    are_many = markets > APART_FROM or bool(settings.sources or settings.sources_file)
    return settings.relations == "apart" or (settings.relations == "auto" and are_many)


def elsewhere(settings: AggregatorSettings, markets: int, *, is_apart: bool) -> str:
    """Where a start would now relate them, and why that takes one: '' where it is as it was begun. What is
    known of couples cannot be carried from the one to the other.
    """
    if relates_apart(settings, markets) == is_apart:
        return ""
    where = "joined, in the aggregator itself" if is_apart else "apart, in a process of their own"
    return f"{markets} markets would be related {where}; for that: signalnode restart aggregator"


def _nobody(_content: bytes) -> bool:
    return False


class Apart:
    """Steps go to whom `begin` names, until `away`; what it says comes by `hear`. A step that it does not
    take is a gap to it. While it is away, and until its first word, nothing is known; it learns anew.
    """

    def __init__(self, markets: Sequence[str], grid: Grid) -> None:
        self._markets, self._grid, self._step_s = list(markets), grid, grid.step_s
        self._arrangement, self._step = 0, -1
        self._is_arranged = False
        self._send: Send = _nobody
        self.refused = 0  # steps in a row that were not taken
        self.away()

    def begin(self, send: Send) -> None:
        """There is somebody, who knows nothing yet."""
        self._send, self._is_arranged, self.refused = send, False, 0

    def away(self) -> None:
        """There is nobody."""
        self._send = _nobody
        self.refused = 0
        self._told_step = -1
        self._numbers: dict[str, float] = {}
        self._strongest: list[dict[str, Any]] = []
        self._relations: Relations = NO_RELATIONS
        self._packed = b""

    def hear(self, content: bytes) -> None:
        """Take what it says; raises ValueError or KeyError for what is no answer."""
        try:
            told = decode_up(content)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None
        if told.arrangement != self._arrangement:
            return  # of markets that were; the next is of those that are
        count = len(self._markets)
        couples, leaders = read_columns(told.couples, count), read_columns(told.leaders, count)
        self._relations = StrongestRelations(tuple(self._markets), couples, leaders, self._step_s)
        self._numbers, self._strongest = told.numbers, told.strongest
        self._packed, self._told_step = told.packed, told.step

    def rearrange(self, _rows: Sequence[int | None], markets: Sequence[str]) -> None:
        """Other markets: of those that stay it goes on."""
        self._markets = list(markets)
        self._arrangement += 1
        self._is_arranged = False

    def add(self, step: int, returns: Floats, scores: Floats) -> None:
        """Take one step; shapes (markets,) and (series, markets)."""
        self._step = step
        if not self._is_arranged:
            grid = self._grid
            said = Markets(
                self._arrangement, self._markets, self._step_s, grid.decay, grid.lags, list(SERIES)
            )
            self._is_arranged = self._send(encode(said))
        message = step_of(self._arrangement, step, returns, scores)
        taken = self._is_arranged and self._send(encode(message))
        self.refused = 0 if taken else self.refused + 1

    def turn(self) -> None:
        """Nothing is worked out here."""

    def numbers(self) -> dict[str, float]:
        """As `Measures.numbers` has them, and how old they and the relations are."""
        if self._told_step < 0:
            return {}
        return self._numbers | {"relations_age_s": (self._step - self._told_step) * self._step_s}

    def relations(self) -> Relations:
        """Of each market with the strongest others."""
        return self._relations

    def strongest(self) -> list[dict[str, Any]]:
        """For the view message."""
        return self._strongest

    def packed(self) -> bytes:
        """For whoever asks."""
        return self._packed or encode_relations((), self._step_s, _NONE, _NONE, _NONE)
