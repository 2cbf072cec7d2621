"""One market's scores, and which of them rest on nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable

UNKNOWN = "unknown"  # the column of a table of scores that says which of them rest on nothing


class MarketScores(dict[str, float]):
    """Scores by name, each 0 to 100. `unknown` names those whose evidence the market lacks so far, all of
    them before its first price: they are 50, and say nothing.
    """

    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, scores: Iterable[tuple[str, float]], unknown: tuple[str, ...]) -> MarketScores:
        """Those scores, of which `unknown` are unknown. An `__init__` would cost a live engine a quarter of a
        microsecond more.
        """
        made = cls(scores)
        if unknown:
            made.unknown = unknown
        return made


def names_in(bits: int, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` whose bit is set, as a replay's table has them."""
    return tuple(name for place, name in enumerate(names) if bits >> place & 1)


def is_any_known(scores: Collection[str], unknown: Collection[str]) -> bool:
    """Whether any of those names is not among the `unknown`."""
    return len(unknown) < len(scores) or not set(scores) <= set(unknown)
