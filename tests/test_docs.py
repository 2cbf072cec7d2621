"""README and docs/ name what there is, all of it and nothing else: what is new, moved or gone fails."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pytest

from signalnode import errors
from signalnode.aggregator.board import State
from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.regime import REGIMES
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.reader import Counts
from signalnode.bus.snapshot import RingReply
from signalnode.bus.wire import (
    MESSAGE_BYTES_MAX,
    SCORE_NAMES,
    SCORES_MAX,
    VIEW_BYTES_MAX,
    DecisionMessage,
    MarketState,
    Score,
    ViewMessage,
    decode,
    encode,
)
from signalnode.cli import BROKEN_PIPE_STATUS, INTERRUPTED_STATUS
from signalnode.features import FEATURES
from signalnode.settings import (
    FEED_KEYS,
    VENUE_NAMES,
    AggregatorSettings,
    EngineSettings,
    FeedSettings,
    LimitSettings,
    MarketSettings,
    NodeSettings,
    SupervisorSettings,
)
from signalnode.settings.model import Within
from signalnode.signals import PARAMETERS
from signalnode.signals.base import Signal
from signalnode.strategies import STRATEGIES, Decision, Relation, Relations, View
from signalnode_supervisor.core.lifecycle import ChildState
from tests.command_line import shown_by_help
from tests.documents import (
    DOCS,
    README,
    ROOT,
    anchors_of,
    blocks,
    every_document,
    links_of,
    prose,
    quoted,
    reading_order,
    table,
    tables,
)

README_LINES_MAX = 150  # what a trader needs in five minutes
ARCHITECTURE_LINES_MAX = 100  # one page
STRATEGIES_MD, SIGNALS_MD, WIRE_MD = DOCS / "strategies.md", DOCS / "signals.md", DOCS / "wire.md"
CONFIG_MD, OPERATE_MD = DOCS / "config.md", DOCS / "operate.md"
EACH = pytest.mark.parametrize("path", every_document(), ids=lambda path: str(path.relative_to(ROOT)))
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|toml|service|md))")


def test_the_readme_is_read_in_five_minutes_and_the_architecture_is_one_page() -> None:
    assert README.read_text(encoding="utf-8").count("\n") <= README_LINES_MAX
    assert (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").count("\n") <= ARCHITECTURE_LINES_MAX


def test_the_readme_leads_to_every_page() -> None:
    assert set(reading_order()) == {README, *DOCS.glob("*.md")}
    index = DOCS / "decisions" / "README.md"
    assert str(index.relative_to(ROOT)) in links_of(README)
    assert {index.parent / target for target in links_of(index)} == set(index.parent.glob("*.md")) - {index}


@EACH
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in links_of(path):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link
        assert not anchor or anchor in anchors_of(found), link


@EACH
def test_every_path_named_is_there(path: Path) -> None:
    """Those of this repository: from its root, from the package, or from the page itself."""
    roots = (ROOT, ROOT / "signalnode", path.parent)
    ours = {each.name for root in roots[:2] for each in root.iterdir()}
    for name in quoted(prose(path)):
        if PATH.fullmatch(name) and "/" in name and name.split("/")[0] in ours - {"run", "state"}:
            assert any((root / name).exists() for root in roots), name


def names(kind: type[Any]) -> list[str]:
    return [each.name for each in fields(kind)]


def keys_of(message: type[msgspec.Struct]) -> list[str]:
    tag = [message.__struct_config__.tag_field] if message.__struct_config__.tag_field else []
    return [*tag, *message.__struct_fields__]


def same(told: Iterable[str], real: Iterable[str]) -> None:
    """Every name once, and no other."""
    assert sorted(told) == sorted(real)


def test_the_scores_are_those_there_are() -> None:
    same(table(README, "score").names(), SCORE_NAMES)


def test_the_features_are_those_there_are() -> None:
    same(table(SIGNALS_MD, "feature").names(), FEATURES.names or ())


def test_the_parameters_are_those_there_are_with_default_range_unit_and_why() -> None:
    told = [tuple(row) for row in table(SIGNALS_MD, "parameter").rows]
    assert told == [
        (f"`{p.name}`", str(p.default), f"{p.minimum:g} to {p.maximum:.0f}", p.unit, p.why)
        for p in PARAMETERS
    ]


def test_a_signals_fields_are_those_there_are() -> None:
    same(table(SIGNALS_MD, "`Signal`").names(), names(Signal))


def test_what_a_view_has_is_what_is_told() -> None:
    public = [name for name in View.__annotations__ if not name.startswith("_")]
    same(table(STRATEGIES_MD, "`view.`").names(), [*public, "having"])
    same(table(STRATEGIES_MD, "field", "Markets").names(), MarketState.__struct_fields__)
    same(table(STRATEGIES_MD, "state").names(), get_args(State))
    same(table(STRATEGIES_MD, "regime").names(), REGIMES)
    same(table(STRATEGIES_MD, "field", "Relations").names(), names(Relation))
    assert {f"relations.{name}" for name in names(Relations)} <= set(quoted(prose(STRATEGIES_MD)))


def test_the_measures_are_those_that_a_view_brings() -> None:
    core = Aggregator(AggregatorSettings(), ["A-USD", "B-USD"], StrategyRunner({}), 1, 0)
    random, step_ns = np.random.default_rng(7), 250_000_000
    for seq in range(1, 200):
        core.advance(seq * step_ns)
        for market in ("A-USD", "B-USD"):
            scores = dict(zip(SCORE_NAMES, random.uniform(0, 100, len(SCORE_NAMES)).tolist(), strict=True))
            core.take(encode(score_of(market, seq, 100.0 + random.uniform(-1, 1), scores)), seq * step_ns)
    (outcome,) = core.advance(200 * step_ns)
    same(table(STRATEGIES_MD, "measure").names(), outcome.view.measures)


def score_of(market: str, seq: int, mid: float, scores: dict[str, float]) -> Score:
    times = dict.fromkeys(
        ("time_event_ns", "time_received_ns", "time_published_ns"), 1_795_541_872_904_000_000
    )
    return Score(
        v=1, market=market, epoch=1, seq=seq, mid=mid, warm=1.0, status="live", scores=scores, **times
    )


def test_a_decisions_fields_are_those_there_are() -> None:
    same(table(STRATEGIES_MD, "field", "A decision").names(), names(Decision))


def test_the_built_in_strategies_and_their_keys_are_those_there_are() -> None:
    told = {each.heading: each.names() for each in tables(STRATEGIES_MD) if each.header[0] == "key"}
    assert told == {each.name: names(each.make) for each in STRATEGIES}


SECTIONS: dict[str, type[Any]] = {
    "The node": NodeSettings,
    "`[engine]`": EngineSettings,
    "`[aggregator]`": AggregatorSettings,
    "`[supervisor]`": SupervisorSettings,
    "A market": MarketSettings,
    "`[feed]`": FeedSettings,
}
ELSEWHERE = {
    "engine",
    "aggregator",
    "supervisor",
    "strategies",
    "markets",
    "path",
}  # tables, and what is no key


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_the_config_is_told_with_its_default_and_range(heading: str) -> None:
    kind, told = SECTIONS[heading], table(CONFIG_MD, "key", heading)
    keys = [each for each in fields(kind) if each.name not in ELSEWHERE]
    same(told.names(), [each.name for each in keys])
    hints = get_type_hints(kind, include_extras=True)
    rows = {quoted(row[0])[0]: dict(zip(told.header, row, strict=True)) for row in told.rows}
    for each in keys:
        row = rows[each.name]
        assert "default" not in row or row["default"] == default_of(each)
        assert "range" not in row or row["range"] == range_of(each.name, hints[each.name])


def default_of(field: Field[Any]) -> str:
    value = field.default
    if value is MISSING or value in (None, "") or (value == () and "paths" in field.name):
        return "none"
    if isinstance(value, str | Path):
        return f'`"{value}"`'
    return str(value).lower() if isinstance(value, bool) else "`[]`" if value == () else str(value)


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
        quoted(row[0])[0]: tuple(map(frozenset, map(quoted, row[1:])))
        for row in table(CONFIG_MD, "kind").rows
    }
    assert told == FEED_KEYS
    section = prose(CONFIG_MD).split("### `[limits]`")[1]
    assert set(names(LimitSettings)) <= set(quoted(section))
    same(table(CONFIG_MD, "key", "`[strategies.<NAME>]`").names(), ("kind", "enabled"))


def test_the_commands_and_their_options_are_those_there_are() -> None:
    told: dict[str, set[str]] = {}
    for row in table(OPERATE_MD, "command").rows:
        options = {name.split()[0] for name in quoted(row[1]) if name.startswith("--")}
        told |= dict.fromkeys(quoted(row[0]), options)
    real = {}
    for verb in shown_by_help()[0]:
        below = [shown_by_help(verb, each)[1] for each in shown_by_help(verb)[0]]
        real[verb] = {*shown_by_help(verb)[1], *chain(*below)} - {"--config", "--help"}
    assert told == real


def test_the_exit_statuses_are_the_real_ones() -> None:
    told = [int(row[0]) for row in table(OPERATE_MD, "status").rows]
    faults = [each for each in vars(errors).values() if isinstance(each, type)]
    own = [each for each in faults if issubclass(each, errors.SignalnodeError)]
    real = {each.exit_status for each in own} - {errors.SignalnodeError.exit_status}
    assert told == sorted(real | {INTERRUPTED_STATUS, BROKEN_PIPE_STATUS})


def test_the_states_of_a_process_are_those_there_are() -> None:
    same(table(OPERATE_MD, "state").names(), [state.value.replace("_", " ") for state in ChildState])


def test_the_numbers_of_giving_up_are_the_defaults() -> None:
    policy = SupervisorSettings()
    assert (policy.intensity, policy.period_s, policy.retry_s) == (5, 60.0, 300.0)
    assert policy.heartbeats_missed_max == 3


def test_the_rating_of_the_unit_is_systemds() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = str(ROOT / "config" / "systemd" / "signalnode.service")
    command = ["systemd-analyze", "security", "--offline=true", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = re.search(r"rates it (\d\.\d) or better", prose(OPERATE_MD))
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", rated)
    assert told is not None
    assert exposure is not None
    assert float(exposure[1]) <= float(told[1])


def test_the_keys_of_every_message_are_those_on_the_wire() -> None:
    same(table(WIRE_MD, "key", "Score, heartbeat, end").names(), keys_of(Score))
    same(table(WIRE_MD, "key", "View").names(), keys_of(ViewMessage))
    same(table(WIRE_MD, "key", "Decision").names(), keys_of(DecisionMessage))
    same(table(WIRE_MD, "key of the answer").names(), keys_of(RingReply))


def test_what_a_subscription_tells_is_what_is_told_of_it() -> None:
    same(table(WIRE_MD, "count").names(), names(Counts))


def test_the_message_shown_is_a_message_of_the_wire() -> None:
    (shown,) = [each.text for each in blocks(WIRE_MD) if each.language == "json"]
    message = json.loads(shown)
    assert isinstance(decode([b"score.SOL-USD", msgspec.msgpack.encode(message)]), Score)
    assert list(message)[:2] == ["kind", "v"]


def test_times_travel_as_64_bit_integers_and_what_is_small_does_not() -> None:
    """So that a reader in JavaScript gets BigInts for the ones, and numbers for epoch and seq."""
    scores = dict.fromkeys(SCORE_NAMES, 50.0)
    _, body = encode(score_of("A-USD", 690, 100.0, scores))
    time = score_of("A-USD", 690, 100.0, scores).time_published_ns
    assert body.count(b"\xcf" + time.to_bytes(8, "big")) == 3
    assert b"\xa3seq\xcd" + (690).to_bytes(2, "big") in body


def test_the_limits_of_a_message_are_the_real_ones() -> None:
    text = prose(WIRE_MD)
    assert f"at most {MESSAGE_BYTES_MAX:,} bytes, a view {VIEW_BYTES_MAX:,}" in text
    assert f"up to {SCORES_MAX}" in text
