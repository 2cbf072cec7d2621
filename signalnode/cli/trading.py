"""Strategies on recordings, by the very code of Layer 5: `evaluate --strategy`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from signalnode.aggregator.replay import decided_on
from signalnode.bus.wire import Score
from signalnode.cli.evaluation import Progress
from signalnode.cli.spans import Source
from signalnode.clock import NS_PER_MS
from signalnode.engine.core import SignalEngine
from signalnode.errors import UsageError
from signalnode.events import Events
from signalnode.research.messages import messages_of
from signalnode.research.trades import Trade, Trades
from signalnode.research.trading import StrategiesEvaluation, alone_of, judged
from signalnode.settings import NodeSettings, config_found, load_node
from signalnode.strategies import STRATEGIES
from signalnode.strategies.base import Strategy
from signalnode.strategies.loading import load_strategies

TIME_MAX_S = 86_400.0  # that a trade may be held
FEE_MAX_BPS = 1_000.0


def traded(
    sources: Sequence[Source],
    names: Sequence[str],
    config: Path | None,
    *,
    hold_s: float,
    fee_bps: float,
    progress: Progress | None = None,
) -> StrategiesEvaluation:
    """What the strategies of those names would have done on all these markets together, and its worth.

    Raises UsageError for a name or number that cannot be, and what loading, reading and scoring raise.
    """
    for option, value, most in (("--hold", hold_s, TIME_MAX_S), ("--fee-bps", fee_bps, FEE_MAX_BPS)):
        if not 0.0 <= value <= most:
            raise UsageError(f"{option} {value:g} is not within 0 and {most:g}")
    path = config_found(config)
    node = load_node(path) if path else NodeSettings()
    strategies = _strategies(names, node, path)
    spans: dict[str, list[int]] = {}
    streams = {
        source.market: _noted(_messages(source, node, progress), source.market, spans) for source in sources
    }
    trades = {name: Trades(hold_s, fee_bps) for name in strategies}
    closed: dict[str, list[Trade]] = {name: [] for name in strategies}
    lost = dict.fromkeys(strategies, 0)
    first_ns = last_ns = views = 0
    for outcome in decided_on(streams, strategies, node.aggregator, node.assets):
        last_ns, views = outcome.time_ns, views + 1
        first_ns = first_ns or last_ns
        for fault in outcome.faults:
            if not lost[fault.strategy]:
                print(f"signalnode: {fault.strategy} lost its turn: {fault.reason}", file=sys.stderr)
            lost[fault.strategy] += 1
        for name, each in trades.items():
            its_own = [decision for decision in outcome.decisions if decision.strategy == name]
            closed[name] += each.take(last_ns, outcome.markets, its_own)
    found = [(name, closed[name], trades[name].still_open, lost[name]) for name in strategies]
    worth, alone = judged(found, fee_bps), alone_of({each: spans[each] for each in streams if each in spans})
    return StrategiesEvaluation(tuple(streams), first_ns, last_ns, views, worth, alone=alone)


def _strategies(names: Sequence[str], node: NodeSettings, path: Path | None) -> dict[str, Strategy]:
    known = {each.name for each in STRATEGIES} | set(node.strategies)
    for name in names:
        if name not in known:
            raise UsageError(f"--strategy {name}: there is none; known are {', '.join(sorted(known))}")
    tables = {name: node.strategies.get(name, {}) for name in names}
    loaded = load_strategies(tables, path or Path("evaluate"), STRATEGIES)
    for name in names:
        if name not in loaded:
            raise UsageError(f"--strategy {name}: it is not enabled in {path}")
    return {name: each.strategy for name, each in loaded.items()}


def _noted(messages: Iterator[Score], market: str, spans: dict[str, list[int]]) -> Iterator[Score]:
    """The same; `spans` gets when the market's first and last one was."""
    for message in messages:
        time_ns = message.time_published_ns
        spans.setdefault(market, [time_ns, time_ns])[1] = time_ns
        yield message


def _messages(source: Source, node: NodeSettings, progress: Progress | None) -> Iterator[Score]:
    engine = SignalEngine(source.market, source.settings)
    interval_ns = node.engine.publish_interval_ms * NS_PER_MS

    def score(events: Events) -> npt.NDArray[Any]:
        return engine.replay(events, interval_ns, with_unknown=True)

    def told(_: int, done: float) -> None:
        if progress:
            progress(source.market, done)

    return messages_of(source.market, score, source.decoding, told)
