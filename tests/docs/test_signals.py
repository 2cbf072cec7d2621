"""docs/signals.md, and the README's table of scores, against the registers."""

from __future__ import annotations

from signalnode.bus.wire import SCORES_MAX
from signalnode.features import FEATURES
from signalnode.signals import BUILT_IN_SCORES, PARAMETERS
from signalnode.signals.base import Signal
from signalnode.signals.extra import GROUP
from tests.documents import DOCS, README, names_of, one_line, same, table

PAGE = DOCS / "signals.md"


def test_the_scores_are_those_there_are() -> None:
    same(table(README, "score").names(), BUILT_IN_SCORES)


def test_the_features_are_those_there_are() -> None:
    same(table(PAGE, "feature").names(), FEATURES.names or ())


def test_the_parameters_are_those_there_are_with_default_range_unit_and_why() -> None:
    told = [tuple(row) for row in table(PAGE, "parameter").rows]
    assert told == [
        (f"`{p.name}`", str(p.default), f"{p.minimum:g} to {p.maximum:.0f}", p.unit, p.why)
        for p in PARAMETERS
    ]


def test_a_signals_fields_are_those_there_are() -> None:
    same(table(PAGE, "`Signal`").names(), names_of(Signal))


def test_the_limits_told_are_the_real_ones() -> None:
    text = one_line(PAGE)
    assert f"A market takes {SCORES_MAX} scores in all." in text
    assert f"entry point group `{GROUP}`" in text
