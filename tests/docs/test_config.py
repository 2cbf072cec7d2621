"""docs/config.md against the settings: every key, with its default and its range."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from signalnode.settings import (
    FEED_KEYS,
    VENUE_NAMES,
    AggregatorSettings,
    AlertSettings,
    ClusterSettings,
    EngineSettings,
    FeedSettings,
    LimitSettings,
    MarketSettings,
    NodeSettings,
    PanelSettings,
    RecordSettings,
    ShardSettings,
    SupervisorSettings,
    VenueSettings,
)
from signalnode.settings.bounds import Within
from tests.documents import DOCS, names_of, prose, quoted, same, table

PAGE = DOCS / "config.md"
SECTIONS: dict[str, type[Any]] = {
    "The node": NodeSettings,
    "`[engine]`": EngineSettings,
    "`[aggregator]`": AggregatorSettings,
    "`[panel]`": PanelSettings,
    "`[record]`": RecordSettings,
    "`[alerts]`": AlertSettings,
    "`[supervisor]`": SupervisorSettings,
    "`[cluster]`": ClusterSettings,
    "`[shard]`": ShardSettings,
    "`[venues.<VENUE>]`": VenueSettings,
    "A market": MarketSettings,
    "`[feed]`": FeedSettings,
}
# Tables of their own, and what is no key.
ELSEWHERE = frozenset(
    {
        "engine",
        "aggregator",
        "alerts",
        "cluster",
        "panel",
        "record",
        "shard",
        "supervisor",
        "strategies",
        "venues",
        "markets",
        "path",
    }
)


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_the_config_is_told_with_its_default_and_range(heading: str) -> None:
    kind, told = SECTIONS[heading], table(PAGE, "key", heading)
    elsewhere = ELSEWHERE - {"record"} if heading == "A market" else ELSEWHERE
    keys = [each for each in fields(kind) if each.name not in elsewhere]
    same(told.names(), [each.name for each in keys])
    hints = get_type_hints(kind, include_extras=True)
    rows = {quoted(row[0])[0]: dict(zip(told.header, row, strict=True)) for row in told.rows}
    for each in keys:
        row = rows[each.name]
        assert "default" not in row or row["default"] == default_of(each)
        assert "range" not in row or row["range"] == range_of(each.name, hints[each.name])


def default_of(field: Field[Any]) -> str:
    value = field.default
    if value is MISSING or value in (None, "") or (value == () and field.name in ("paths", "command")):
        return "none"
    if isinstance(value, str | Path):
        return f'`"{value}"`'
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    return str(value).lower() if isinstance(value, bool) else str(value)


def range_of(key: str, hint: Any) -> str:
    """Bounds of a number, or the words to choose from."""
    words = VENUE_NAMES if key == "venue" else get_args(hint) if get_origin(hint) is Literal else ()
    if words:
        return ", ".join(f'`"{word}"`' for word in words)
    if get_origin(hint) is tuple:
        return range_of(key, get_args(hint)[0])
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    bounds = next((mark for mark in marks if isinstance(mark, Within)), None)
    if bounds is None:
        return ""
    low = np.format_float_positional(bounds.low, trim="-")
    return f"{low} to {int(bounds.high)}"


def test_the_feeds_and_the_limits_have_just_those_keys() -> None:
    told = {
        quoted(row[0])[0]: tuple(map(frozenset, map(quoted, row[1:]))) for row in table(PAGE, "kind").rows
    }
    assert told == FEED_KEYS
    section = prose(PAGE).split("### `[limits]`")[1]
    assert set(names_of(LimitSettings)) <= set(quoted(section))
    same(table(PAGE, "key", "`[strategies.<NAME>]`").names(), ("kind", "enabled"))
