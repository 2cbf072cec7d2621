"""What is said of one market while it is open, of decisions and of processes, as JSON-able maps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from signalnode.bus.wire import DecisionMessage, MarketState, Score
from signalnode.panels.metrics import CHANNELS
from signalnode.panels.web.board import state_word

REASONS_MAX = 8  # of one decision
REASON_CHARS_MAX = 300
LAST_WORDS_CHARS_MAX = 300


def market_facts(name: str, market: MarketState) -> dict[str, Any]:
    """How an open market stands: state and why, its process, its channels."""
    process, health = market.process, market.health
    channels = {
        each: msgspec.to_builtins(channel)
        for each in CHANNELS
        if health is not None and (channel := getattr(health, each)) is not None
    }
    return {
        "kind": "market",
        "market": name,
        "state": state_word(market),
        "age_s": market.age_s,
        "epoch": market.epoch,
        "seq": market.seq,
        "warm": market.warm,
        "unknown": list(market.unknown),
        "process": msgspec.to_builtins(process) if process else None,
        "channels": channels,
        "connection": health.connection if health else None,
        "clock_ms": health.clock_ms if health else None,
        "reason": health.reason if health else "",
    }


def points(scores: Iterable[Score], columns: Iterable[str]) -> list[list[Any]]:
    """`[time in ms, mid or null, [score or null, …]]` of each, scores in the order of `columns`."""
    names = list(columns)
    return [
        [
            score.time_published_ns / 1e6,
            score.mid if score.mid > 0.0 else None,
            [None if name in score.unknown else _rounded(score.scores.get(name)) for name in names],
        ]
        for score in scores
    ]


def decision_facts(decision: DecisionMessage) -> dict[str, Any]:
    """One decision with its reasons and the scores that it rests on."""
    return {
        "time_ms": decision.time_published_ns / 1e6,
        "strategy": decision.strategy,
        "seq": [decision.epoch, decision.seq],
        "action": decision.action,
        "direction": decision.direction,
        "markets": decision.markets[:10],
        "more": max(0, len(decision.markets) - 10),
        "strength": round(decision.strength, 1),
        "reasons": [reason[:REASON_CHARS_MAX] for reason in decision.reasons[:REASONS_MAX]],
        "scores": {
            market: {name: round(value, 1) for name, value in scores.items()}
            for market, scores in list(decision.scores.items())[:10]
        },
    }


def process_facts(child: Mapping[str, Any]) -> dict[str, Any]:
    """One child of the supervisor's `status`, as the tab of processes shows it."""
    last = child.get("last_exit") or {}
    words = " ".join(str(last.get(key) or "") for key in ("exit", "words")).strip()
    return {
        **{key: child.get(key) for key in ("name", "role", "state", "pid", "restarts", "reason")},
        **{key: child.get(key) for key in ("uptime_s", "cpu_share", "pss_bytes", "sampled_s", "next_s")},
        "last_words": words[:LAST_WORDS_CHARS_MAX],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
