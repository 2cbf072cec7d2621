"""Cross-market measures (first form: breadth alone)."""

from __future__ import annotations

from typing import Any

from signalnode.aggregator.board import Board
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import NO_RELATIONS, Relations


class Measures:
    def __init__(self, settings: AggregatorSettings, board: Board) -> None:
        self._board = board

    def update(self, now_ns: int) -> None: ...

    def regime(self) -> dict[str, float]:
        return {}

    def numbers(self) -> dict[str, float]:
        return {}

    def relations(self) -> Relations:
        return NO_RELATIONS

    def strongest(self) -> list[dict[str, Any]]:
        return []
