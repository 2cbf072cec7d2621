"""Which markets a terminal panel shows, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from signalnode.bus.wire import STATUSES
from signalnode.clock import NS_PER_S
from signalnode.panels.keys import NEED, Controls
from signalnode.panels.status import SOUND
from signalnode.panels.view import DOUBTS, Row

CALM_NS = 2 * NS_PER_S  # between two orders by need: rows that leap cannot be read
HEARD = frozenset({*STATUSES, *DOUBTS})
TEXTS = ("market", "status")  # columns that sort upwards first


def interest(row: Row) -> float:
    """How far its scores stand out, by the squares of their strengths: of a long and a short the stronger
    counts, from 50 on. 0 for a market that may not be relied on.
    """
    if row.status not in SOUND:
        return 0.0
    found = 0.0
    for name, value in row.scores.items():
        if value is None or name.endswith("_short"):
            continue
        if name.endswith("_long"):
            other = row.scores.get(f"{name.removesuffix('_long')}_short") or 0.0
            found += (max(0.0, value - 50.0, other - 50.0) / 50.0) ** 2
        else:
            found += (value / 100.0) ** 2
    return found


class Arrangement:
    """Rows in the order that `controls` asks for; an order by need stays for CALM_NS."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._arranged_ns = -CALM_NS

    def arranged(self, rows: Sequence[Row], controls: Controls, now_ns: int) -> list[Row]:
        """Those of `rows`, which come in name order, that the filter lets through."""
        words = controls.filter.casefold().split()
        found = [
            row for row in rows if all(word in f"{row.market} {row.status}".casefold() for word in words)
        ]
        if controls.sort != NEED:
            text = controls.sort in TEXTS
            found.sort(key=_value_of(controls.sort), reverse=text == controls.is_turned)
            return found
        if now_ns - self._arranged_ns >= CALM_NS or any(row.market not in self._places for row in rows):
            self._arranged_ns = now_ns
            needed = sorted(rows, key=lambda row: (row.status in SOUND, -interest(row)))
            self._places = {row.market: place for place, row in enumerate(needed)}
        found.sort(key=lambda row: self._places[row.market], reverse=controls.is_turned)
        return found


def most_needed(rows: list[Row], rows_max: int) -> list[Row]:
    """At most so many of rows in the order of their need. Where most are in trouble, half of the room is for
    what is interesting all the same.
    """
    unsound = [row for row in rows if row.status not in SOUND]
    sound = [row for row in rows if row.status in SOUND]
    troubled = max(rows_max - len(sound), rows_max // 2)
    return unsound[:troubled] + sound[: rows_max - min(len(unsound), troubled)]


def _value_of(column: str) -> Callable[[Row], str | float]:
    if column == "market":
        return lambda row: row.market
    if column == "status":
        return lambda row: row.status
    if column in ("mid", "warm", "seq"):
        return lambda row: float(getattr(row, column))
    if column == "age":
        return lambda row: -1.0 if row.age_s is None else row.age_s
    return lambda row: value if (value := row.scores.get(column)) is not None else -1.0
