"""How every market, process, strategy and cluster of the node stands, in words of `alerts.states`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from signalnode.bus.cluster import ClusterState, HostState
from signalnode.bus.wire import ProcessState, ViewMessage
from signalnode.names import AGGREGATOR
from signalnode.panels.cluster import HEAD_SILENT_S
from signalnode.panels.web.board import USABLE, state_word

WELL: Final = ""
FAILURES_MIN = 4  # turns in a row that a strategy has lost: fewer are a slow moment
DARK_AFTER_S = 3.0  # without a view; one comes four times a second
WHY_CHARS_MAX = 200
HEAD, CHECKPOINTS, PLACES = "cluster.head", "cluster.checkpoints", "cluster.markets"  # what one is told of


class Condition(NamedTuple):
    """`kind`: WELL, of `AlertState`, or another word for what is neither."""

    kind: str
    why: str = ""


class Heard(NamedTuple):
    """What is known at one moment. `age_s`: since the newest view came, or since somebody listens for one.

    `pulses_s`: how long ago a market's process was started again, of those that were.
    """

    view: ViewMessage | None
    age_s: float
    processes: Mapping[str, ProcessState]
    pulses_s: Mapping[str, float]


def conditions(heard: Heard) -> Iterator[tuple[str, Condition]]:
    """Everybody of whom something is known now, by name. Of markets nothing while Layer 5 is dark."""
    view, is_dark = heard.view, heard.age_s > DARK_AFTER_S
    if view is not None:
        for name, state in heard.processes.items():
            if name not in view.markets and name != AGGREGATOR:
                yield name, _of_process(state)
    yield AGGREGATOR, _of_layer_5(heard, is_dark)
    if view is None or is_dark:
        return
    for name in view.markets:
        yield name, _of_market(view, name, heard.pulses_s.get(name))
    for name, told in view.strategies.items():
        failures = told.get("failures")
        fails = isinstance(failures, int) and failures >= FAILURES_MIN
        why = f"{failures} in a row: {told.get('error', '')}"[:WHY_CHARS_MAX]
        yield name, Condition("failing", why) if fails else Condition(WELL)
    if view.cluster is not None:
        yield from of_cluster(view.cluster)


def of_cluster(cluster: ClusterState) -> Iterator[tuple[str, Condition]]:
    """Head, hosts, checkpoints and markets without a place. Of a silent head's hosts nothing is known."""
    if cluster.age_s > HEAD_SILENT_S:
        why = f"nothing for {cluster.age_s:.0f} s: markets run on, nothing is made good"
        yield HEAD, Condition("silent", why)
        return
    yield HEAD, Condition(WELL)
    for host in cluster.hosts:
        yield host_subject(host), Condition("lost" if host.state == "lost" else WELL)
    why = "; ".join(f"{', '.join(names)}: {each}" for each, names in cluster.unshipped.items())
    yield CHECKPOINTS, Condition("unshipped" if why else WELL, why[:WHY_CHARS_MAX])
    unplaced = len(cluster.unplaced) + cluster.unplaced_more
    why = f"{unplaced}, {', '.join(f'{name}: {each}' for name, each in cluster.unplaced.items())}"
    yield PLACES, Condition("unplaced", why[:WHY_CHARS_MAX]) if unplaced else Condition(WELL)


def cluster_subjects(cluster: ClusterState) -> Iterator[str]:
    """All of whom something may be told, be the head silent or not."""
    yield from (HEAD, CHECKPOINTS, PLACES)
    yield from map(host_subject, cluster.hosts)


def host_subject(host: HostState) -> str:
    """By its address, which a host that is back has again."""
    return f"host.{host.address}"


def _of_market(view: ViewMessage, name: str, pulse_s: float | None) -> Condition:
    """A market whose process was started again is well when it was heard since."""
    market = view.markets[name]
    word = state_word(market)
    if word in USABLE:
        heard_since = pulse_s is None or (market.age_s is not None and market.age_s < pulse_s)
        return Condition(WELL if heard_since else "starting")
    reason = market.health.reason if market.health else ""
    why = reason or (market.process.why if market.process and market.process.state != "up" else "")
    kind = "down" if word == "ended" else word.replace(" ", "_")  # it says so when it is stopped
    return Condition(kind, why[:WHY_CHARS_MAX])


def _of_process(state: ProcessState) -> Condition:
    if state.state == "up" and state.trouble:
        return Condition("troubled", state.trouble[:WHY_CHARS_MAX])
    return Condition(WELL if state.state == "up" else state.state, state.why[:WHY_CHARS_MAX])


def _of_layer_5(heard: Heard, is_dark: bool) -> Condition:
    process = heard.processes.get(AGGREGATOR)
    if process is not None and process.state != "up":
        return _of_process(process)
    return Condition("dark", f"no view for {heard.age_s:.0f} s") if is_dark else Condition(WELL)
