"""The node in numbers, as Prometheus and OpenMetrics read them: one text of a view and the processes. Pure.

Written by hand: 5,600 series take 3 ms so, and 94 ms and 10 MB through the client library's registry, which
keeps what a view says anyway. Formats: Prometheus text 0.0.4, and OpenMetrics 1.0, which ends in `# EOF` and
names the family of a counter without its `_total`. Of a market that is gone nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from signalnode.bus.cluster import ClusterState
from signalnode.bus.wire import DELAYS_S, Health, Layer5State, MarketState, ViewMessage
from signalnode.clock import NS_PER_S
from signalnode.names import ALERTS, RECORDER
from signalnode.panels.web.board import USABLE, state_word

PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
READY_AGE_S_MAX = 3.0  # a view that is older tells nothing of now
REASONS_MAX = 20  # of not being ready
CHANNELS = ("trades", "quotes", "depth")

HISTOGRAM = "delivery_latency_seconds"

Sample = tuple[str, float]  # labels as they are written, and the value
Family = tuple[str, str, str, Iterable[Sample]]  # name without a prefix, type, help, samples


@dataclass(slots=True)
class Totals:
    """What only grows, counted over the views: scores of each market, whatever its engine's epoch."""

    scores: dict[str, int] = field(default_factory=dict)
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, view: ViewMessage) -> None:
        """Count on; a market seen for the first time begins at 0."""
        for gone in self.scores.keys() - view.markets.keys():
            del self.scores[gone], self._places[gone]
        for name, market in view.markets.items():
            epoch, seq = self._places.get(name, (market.epoch, market.seq))
            more = market.seq - seq if market.epoch == epoch else market.seq
            self.scores[name] = self.scores.get(name, 0) + max(more, 0)
            self._places[name] = (market.epoch, market.seq)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is told. `view` is the newest, `age_s` since it came; processes as the supervisor's `status`
    lists them.
    """

    view: ViewMessage | None
    age_s: float | None
    totals: Totals
    processes: Sequence[Mapping[str, Any]] = ()
    with_scores: bool = True
    clients: int = 0


def exposition(facts: Facts, *, openmetrics: bool = False) -> bytes:
    """The whole text; families without a sample are left out."""
    lines: list[str] = []
    layer5 = None if facts.view is None else facts.view.layer5
    for name, kind, words, samples in families(facts):
        found = [f"signalnode_{name}{labels} {_number(value)}" for labels, value in samples]
        if found:
            family = name.removesuffix("_total") if openmetrics and kind == "counter" else name
            lines += (f"# HELP signalnode_{family} {words}", f"# TYPE signalnode_{family} {kind}", *found)
    if layer5 is not None and layer5.delays:
        lines += _histogram(layer5)
    if openmetrics:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def families(facts: Facts) -> Iterator[Family]:
    """Every family but the histogram, in the order in which they are written."""
    yield "up", "gauge", "1 while views of Layer 5 come.", [("", float(_is_heard(facts)))]
    yield "browsers", "gauge", "Browsers on the page.", [("", facts.clients)]
    if facts.age_s is not None:
        yield "view_age_seconds", "gauge", "Since the newest view came.", [("", facts.age_s)]
    if facts.view is not None:
        yield from _of_markets(facts.view, facts)
        yield from _of_layer_5(facts.view)
        if facts.view.cluster is not None:
            yield from _of_cluster(facts.view.cluster, facts.view.time_published_ns / NS_PER_S)
    yield from _of_processes(facts.processes)


def not_ready(view: ViewMessage | None, age_s: float | None) -> list[str]:
    """Why no market can be relied on, by market; nothing where one can."""
    if view is None or age_s is None or age_s > READY_AGE_S_MAX:
        return ["nothing is heard of Layer 5"]
    words = {name: state_word(market) for name, market in view.markets.items()}
    if any(word in USABLE for word in words.values()):
        return []
    told = [f"{name}: {word}" for name, word in list(words.items())[:REASONS_MAX]]
    return [*told, *([f"and {len(words) - REASONS_MAX} more"] if len(words) > REASONS_MAX else [])]


def _of_markets(view: ViewMessage, facts: Facts) -> Iterator[Family]:
    markets = {_labels(market=name): market for name, market in view.markets.items()}
    yield (
        "market_state",
        "gauge",
        "1 for the state that the market is in.",
        ((_labels(market=name, state=_state(each)), 1.0) for name, each in view.markets.items()),
    )
    yield (
        "score_age_seconds",
        "gauge",
        "Since the market was heard.",
        ((labels, each.age_s) for labels, each in markets.items() if each.age_s is not None),
    )
    yield (
        "market_warm_ratio",
        "gauge",
        "Share of the baseline that was seen.",
        ((labels, each.warm) for labels, each in markets.items()),
    )
    yield (
        "scores_total",
        "counter",
        "Scores published.",
        ((_labels(market=name), count) for name, count in facts.totals.scores.items()),
    )
    yield (
        "scores_missed_total",
        "counter",
        "Scores that never came to Layer 5.",
        ((labels, each.missed) for labels, each in markets.items()),
    )
    yield from _of_channels({name: each.health for name, each in view.markets.items() if each.health})
    if facts.with_scores:
        yield "score", "gauge", "The score, 0 to 100; absent while unknown.", _scores(view)


def _state(market: MarketState) -> str:
    """As `process_state` spells it: `given_up`."""
    return state_word(market).replace(" ", "_")


def _scores(view: ViewMessage) -> Iterator[Sample]:
    names: dict[str, str] = {}
    for name, market in view.markets.items():
        if market.mid <= 0.0 or state_word(market) not in USABLE:
            continue
        head = f'{{market="{_escaped(name)}",signal="'
        for signal, value in market.scores.items():
            if signal not in market.unknown:
                tail = names.setdefault(signal, f'{_escaped(signal)}"}}')
                yield head + tail, value


def _of_channels(health: Mapping[str, Health]) -> Iterator[Family]:
    channels = {
        _labels(market=name, channel=each): channel
        for name, told in health.items()
        for each in CHANNELS
        if (channel := getattr(told, each)) is not None
    }
    yield (
        "feed_gaps_total",
        "counter",
        "Times that something of the channel was missing, since the engine's start.",
        ((labels, channel.gaps) for labels, channel in channels.items()),
    )
    yield (
        "channel_age_seconds",
        "gauge",
        "Since the channel's newest event.",
        ((labels, channel.age_ms / 1e3) for labels, channel in channels.items()),
    )
    yield (
        "channel_silent",
        "gauge",
        "1 where the channel is silent by its own standard.",
        (
            (labels, float(channel.limit_ms is not None and channel.age_ms > channel.limit_ms))
            for labels, channel in channels.items()
        ),
    )


def _of_layer_5(view: ViewMessage) -> Iterator[Family]:
    yield (
        "decisions_total",
        "counter",
        "Decisions taken.",
        ((_labels(strategy=name), _whole(state, "decisions")) for name, state in view.strategies.items()),
    )
    lost = {name: state.get("lost") for name, state in view.strategies.items()}
    yield (
        "strategy_turns_lost_total",
        "counter",
        "Turns that the strategy has lost: by an error, or over its time.",
        (
            (_labels(strategy=name, why=str(why)), _whole(turns, why))
            for name, turns in lost.items()
            if isinstance(turns, dict)
            for why in turns
        ),
    )
    if view.layer5 is not None:
        yield (
            "decisions_withheld_total",
            "counter",
            "Decisions not written down.",
            [("", view.layer5.withheld)],
        )
        yield "messages_rejected_total", "counter", "Messages of no contract.", [("", view.layer5.rejected)]
        yield "journal_bytes", "gauge", "Of the journal of decisions.", [("", view.layer5.journal_bytes)]
        sources = {_labels(source=name): each for name, each in view.layer5.sources.items()}
        yield (
            "source_age_seconds",
            "gauge",
            "Since the newest digest of another aggregator came.",
            ((labels, each.age_s) for labels, each in sources.items()),
        )
        yield (
            "source_markets",
            "gauge",
            "Markets of which it tells.",
            ((labels, each.markets) for labels, each in sources.items()),
        )
    yield (
        "strategy_failures",
        "gauge",
        "Turns in a row that the strategy has lost.",
        ((_labels(strategy=name), _whole(state, "failures")) for name, state in view.strategies.items()),
    )
    yield (
        "regime_ratio",
        "gauge",
        "Strength of the regime, 0 to 1.",
        ((_labels(regime=name), strength / 100) for name, strength in view.regime.items()),
    )


def _of_cluster(cluster: ClusterState, now_s: float) -> Iterator[Family]:
    """A grant is a second at least, that in which it was taken: so it has an age."""
    hosts = {_labels(host=each.address): each for each in cluster.hosts}
    shards = {_labels(shard=name): each for name, each in cluster.shards.items()}
    yield "cluster_head_age_seconds", "gauge", "Since the head said how all stands.", [("", cluster.age_s)]
    yield (
        "cluster_host_state",
        "gauge",
        "1 for the state that the host is in.",
        ((_labels(host=each.address, state=each.state), 1.0) for each in cluster.hosts),
    )
    yield (
        "cluster_host_markets",
        "gauge",
        "Markets on the host.",
        ((labels, each.markets) for labels, each in hosts.items()),
    )
    yield (
        "cluster_shard_state",
        "gauge",
        "1 for the state that the shard is in.",
        ((_labels(shard=name, state=each.state), 1.0) for name, each in cluster.shards.items()),
    )
    yield (
        "cluster_shard_age_seconds",
        "gauge",
        "Since the head heard the shard.",
        ((labels, each.age_s) for labels, each in shards.items() if each.age_s is not None),
    )
    yield (
        "cluster_grant_age_seconds",
        "gauge",
        "Since the shard was given markets last.",
        ((labels, max(0.0, now_s - max(each.grants))) for labels, each in shards.items() if each.grants),
    )
    away = {name for names in cluster.unshipped.values() for name in names}
    yield (
        "cluster_checkpoints_away",
        "gauge",
        "1 while what is learnt there cannot be put into the store.",
        ((_labels(shard=name), float(name in away)) for name in sorted({*cluster.shards, *away})),
    )
    for name, words, value in (
        ("wanted", "Markets that are to run.", cluster.wanted),
        ("ready", "Markets that give scores.", cluster.ready),
        ("unplaced", "Markets that find no place.", len(cluster.unplaced) + cluster.unplaced_more),
        ("moving", "Markets with two holders.", len(cluster.moving) + cluster.moving_more),
    ):
        yield f"cluster_markets_{name}", "gauge", words, [("", value)]
    yield "cluster_moves_total", "counter", "Markets given to another shard.", [("", cluster.moved)]


def _of_processes(processes: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    named = [(_labels(process=str(each.get("name"))), each) for each in processes]
    yield (
        "process_state",
        "gauge",
        "1 for the state that the process is in.",
        ((_labels(process=str(each.get("name")), state=str(each.get("state"))), 1.0) for _, each in named),
    )
    for name, kind, words, key in (
        ("process_restarts_total", "counter", "Restarts since the supervisor started.", "restarts"),
        ("process_cpu_seconds_total", "counter", "Processor time of the process.", "cpu_s"),
        ("process_pss_bytes", "gauge", "Memory of the process, what is shared divided (PSS).", "pss_bytes"),
    ):
        yield name, kind, words, ((labels, each[key]) for labels, each in named if each.get(key) is not None)
    yield from _of_alerts([each for each in processes if each.get("role") == ALERTS and "sent" in each])
    yield from _of_recorder([each for each in processes if each.get("role") == RECORDER and "gaps" in each])


def _of_alerts(processes: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    """Of the one process that sends alerts, where there is one."""
    for name, kind, words, key in (
        ("alerts_sent_total", "counter", "Messages that receivers have taken.", "sent"),
        ("alerts_lost_total", "counter", "Decisions that receivers were never told of.", "lost"),
        ("alerts_outage_seconds", "gauge", "Since a receiver takes no message; 0 where all do.", "outage_s"),
    ):
        yield name, kind, words, _alone(each.get(key, 0) for each in processes)


def _of_recorder(processes: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    """Of the one process that records, where there is one."""
    is_on = (float(each.get("recording") == "on") for each in processes)
    yield (
        "recording",
        "gauge",
        "1 while markets are recorded, 0 where that rests, for want of room say.",
        _alone(is_on),
    )
    for name, kind, words, key in (
        ("recorded_bytes", "gauge", "Of all recordings.", "recorded_bytes"),
        ("recording_gaps_total", "counter", "Stretches that are missing in recordings.", "gaps"),
    ):
        yield name, kind, words, _alone(each.get(key, 0) for each in processes)


def _alone(values: Iterable[object]) -> list[Sample]:
    """The one sample of what only one process tells, as far as it is a number."""
    return [("", value) for value in values if isinstance(value, int | float)][:1]


def _histogram(layer5: Layer5State) -> list[str]:
    """How long scores were on their way, as both formats have a histogram."""
    name = f"signalnode_{HISTOGRAM}"
    lines = [f"# HELP {name} From a score's publication to Layer 5.", f"# TYPE {name} histogram"]
    total = 0
    for bound, count in zip((*map(str, DELAYS_S), "+Inf"), layer5.delays, strict=False):
        total += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
    return [*lines, f"{name}_sum {layer5.delays_sum_s:.10g}", f"{name}_count {total}"]


def _is_heard(facts: Facts) -> bool:
    return facts.age_s is not None and facts.age_s <= READY_AGE_S_MAX


def _whole(state: Mapping[str, Any], key: str) -> int:
    """A number that the view does not vouch for: its maps of strategies are of any kind."""
    value = state.get(key)
    return value if isinstance(value, int) else 0


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.10g}"
