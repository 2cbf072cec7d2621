"""What the supervisor is to run: a child's spec from each market's settings, and whether this machine can."""

from __future__ import annotations

import grp
import os
import signal
from pathlib import Path
from typing import Any

import signalnode_supervisor as supervisor
from signalnode import __version__
from signalnode.errors import OutputError
from signalnode.files import file_limit
from signalnode.meaning import files_digest
from signalnode.names import AGGREGATOR, ALERTS, ENGINE, GATEWAY, PANEL, RECORDER
from signalnode.settings import (
    LimitSettings,
    MarketSettings,
    NodeSettings,
    SupervisorSettings,
    aggregator_args,
    alerts_args,
    engine_args,
    gateway_args,
    gateway_of,
    panel_args,
    recorder_args,
)
from signalnode.settings.code import signal_files, strategies_made_from
from signalnode.settings.model import AGGREGATOR_HEARTBEAT_S
from signalnode.settings.reading import shown

BYTES_PER_MB = 1_000_000
GATEWAY_HEARTBEAT_S = 1.0
LISTENER_HEARTBEAT_S = 1.0  # of what listens to the node: panel, alerts
RECORDER_HEARTBEAT_S = 10.0  # a busy disk may keep it that long at the turn of an hour
LAYER_5_WAIT_S_MAX = 5.0  # all views and decisions are dark without it: it is never given up
LEAST = {"memory_mb_max": 64, "files_max": 64}  # with less an engine cannot even decode its recording


PRELOAD = ("signalnode.aggregator.process", "signalnode.engine.preload")  # the rehearsal comes last


def supervisor_settings(node: NodeSettings) -> supervisor.Settings:
    """What the supervisor of that node is told of itself."""
    return supervisor.Settings(
        runtime_dir=node.runtime_dir,
        state_dir=node.state_dir,
        preload=PRELOAD,
        version=__version__,
        on_supervisor_death=node.supervisor.on_supervisor_death,
        control_group=group_number(node.supervisor.control_group),
    )


def group_number(name: str | None) -> int | None:
    """The number of a group; None where there is no such group, or none is named."""
    try:
        return None if name is None else grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def group_faults(node: NodeSettings) -> list[str]:
    """A control group that is not there, or that we could not give a file to."""
    name, number = node.supervisor.control_group, group_number(node.supervisor.control_group)
    where = f"{shown(node.path)}: supervisor.control_group" if node.path else "supervisor.control_group"
    if name is not None and number is None:
        return [f"{where}: there is no group {name!r} here; make it (groupadd {name}), or leave this out"]
    if number is not None and os.geteuid() and number not in (os.getegid(), *os.getgroups()):
        return [f"{where}: this user is not of {name!r}; add it (usermod -aG {name} USER), and log in anew"]
    return []


def specs_of(node: NodeSettings) -> list[supervisor.ChildSpec]:
    """The aggregator, which starts first and stops last, what listens to it, gateways, an engine a market."""
    engines = [engine_spec(node, name) for name in node.markets]
    panel = [panel_spec(node)] if node.panel.endpoint else []
    alerts = [alerts_spec(node)] if node.alerts.is_on else []
    recorder = [recorder_spec(node)] if any(map(node.recorded_kinds, node.markets)) else []
    return [aggregator_spec(node), *panel, *alerts, *recorder, *gateway_specs(node), *engines]


def gateway_specs(node: NodeSettings) -> list[supervisor.ChildSpec]:
    """One process for each gateway that a live market names. Raises SpecError."""
    venues = {gateway_of(market): market.feed.venue for market in node.markets.values()}
    return [gateway_spec(node, name, venue) for name, venue in sorted(venues.items()) if name]


def gateway_spec(node: NodeSettings, name: str, venue: str) -> supervisor.ChildSpec:
    """A gateway, which is started again whatever happens: its markets are deaf without it."""
    from signalnode.feeds.live.sessions import venue_of

    words = venue_of(venue)
    table = node.venues.get(venue)
    given = table if isinstance(table, dict) else {}
    urls = {key: str(given.get(key, "")) or getattr(words, key) for key in ("ws_url", "rest_url")}
    return supervisor.ChildSpec(
        name=name,
        role=GATEWAY,
        target="signalnode.feeds.live.gateway:main",
        args=gateway_args(node, name, venue, **urls),
        order=1,
        restart="always",
        hands_over=True,
        heartbeat_interval_s=GATEWAY_HEARTBEAT_S,
        **_never_given_up(node.supervisor),
    )


def panel_spec(node: NodeSettings) -> supervisor.ChildSpec:
    """The web page, metrics and health."""
    return _listener_spec(node, PANEL, "signalnode.cli.page:main", panel_args(node))


def alerts_spec(node: NodeSettings) -> supervisor.ChildSpec:
    """What sends alerts."""
    return _listener_spec(node, ALERTS, "signalnode.panels.alerts.process:main", alerts_args(node))


def _listener_spec(node: NodeSettings, name: str, target: str, args: dict[str, Any]) -> supervisor.ChildSpec:
    """What listens to the node, and is there whatever happens to the rest."""
    return supervisor.ChildSpec(
        name=name,
        role=name,
        target=target,
        args=args,
        order=0,
        restart="always",
        heartbeat_interval_s=LISTENER_HEARTBEAT_S,
        **_never_given_up(node.supervisor),
    )


def recorder_spec(node: NodeSettings) -> supervisor.ChildSpec:
    """What keeps that which markets hear; it stops after them, so that it gets all of it."""
    return supervisor.ChildSpec(
        name=RECORDER,
        role=RECORDER,
        target="signalnode.research.recorder:main",
        args=recorder_args(node),
        order=0,
        restart="always",
        heartbeat_interval_s=RECORDER_HEARTBEAT_S,
        **_never_given_up(node.supervisor),
    )


def aggregator_spec(node: NodeSettings) -> supervisor.ChildSpec:
    """The Layer 5 process, which is started again whatever happens."""
    return supervisor.ChildSpec(
        name=AGGREGATOR,
        role=AGGREGATOR,
        target="signalnode.aggregator.process:main",
        args=aggregator_args(node),
        rereads=strategies_made_from(node, files_digest),
        order=0,
        restart="always",
        reload_signal=signal.SIGHUP,
        heartbeat_interval_s=AGGREGATOR_HEARTBEAT_S,
        **_never_given_up(node.supervisor),
    )


def engine_spec(node: NodeSettings, name: str) -> supervisor.ChildSpec:
    """The engine of one market. Raises SpecError for what the supervisor does not run."""
    market = node.markets[name]
    return supervisor.ChildSpec(
        name=name,
        role=ENGINE,
        target="signalnode.engine.process:main",
        args=engine_args(node, name),
        fingerprint=files_digest(signal_files(market)),  # another formula is another market
        labels={"market": name},
        order=1,
        restart=node.supervisor.restart,
        limits=limits_of(market, node.supervisor),
        heartbeat_interval_s=node.engine.heartbeat_interval_ms / 1000,
        **_policy(node.supervisor),
    )


def _never_given_up(settings: SupervisorSettings) -> dict[str, Any]:
    """What holds for the node's own children: dark without them, it waits for none of them for long."""
    longest_s = min(settings.backoff_max_s, LAYER_5_WAIT_S_MAX)
    return {**_policy(settings), "intensity": None, "backoff_max_s": longest_s}


def _policy(settings: SupervisorSettings) -> dict[str, Any]:
    """What holds for every child."""
    return {
        "intensity": settings.intensity,
        "period_s": settings.period_s,
        "backoff_first_s": settings.backoff_initial_s,
        "backoff_max_s": settings.backoff_max_s,
        "stable_s": settings.stable_s,
        "retry_s": settings.retry_s,
        "start_timeout_s": settings.start_timeout_s,
        "stop_grace_s": settings.stop_grace_s,
        "heartbeats_missed_max": settings.heartbeats_missed_max,
        "excused_statuses": (OutputError.exit_status,),
    }


def spec_faults(node: NodeSettings) -> list[str]:
    """Markets that the supervisor would not run: their name is its own, say, or they say too much."""
    faults = []
    for name, market in node.markets.items():
        try:
            engine_spec(node, name)
        except supervisor.SpecError as error:
            faults.append(f"{shown(market.path)}: {error}" if market.path else str(error))
    try:
        gateway_specs(node)
    except supervisor.SpecError as error:
        faults.append(str(error))
    return faults + _ccxt_faults(node)


def _ccxt_faults(node: NodeSettings) -> list[str]:
    """Live markets of exchanges that ccxt, an extra, would have to know."""
    live = {name: market for name, market in node.markets.items() if market.feed.kind == "live"}
    if not live:  # what knows venues is 10 MB, which no supervisor without them is to carry
        return []
    from signalnode.feeds.live.sessions.ccxt import ccxt_fault

    faults = {name: ccxt_fault(market.feed.venue) for name, market in live.items()}
    paths = {name: shown(market.path) if market.path else name for name, market in live.items()}
    return [f"{paths[name]}: feed.venue: {fault}" for name, fault in faults.items() if fault]


def limits_of(market: MarketSettings, policy: SupervisorSettings) -> supervisor.Limits:
    """What one engine may use: the market's own `[limits]`, and the node's for what is left out there."""

    def either(key: str) -> Any:
        own = getattr(market.limits, key)
        return getattr(policy, key) if own is None else own

    return supervisor.Limits(
        memory_max_bytes=either("memory_mb_max") * BYTES_PER_MB or None,
        nice=either("nice"),
        cpu_affinity=tuple(sorted(set(either("cpus")))),
        files_max=either("files_max") or None,
    )


def limit_faults(node: NodeSettings) -> list[str]:
    """Limits that this machine cannot grant; a child would fail on them at every start."""
    files = file_limit()
    cpus = os.sched_getaffinity(0)
    places: list[tuple[Path | None, str, SupervisorSettings | LimitSettings]] = [
        (node.path, "supervisor", node.supervisor)
    ]
    places += [(market.path, "limits", market.limits) for market in node.markets.values()]
    faults = []
    for path, table, limits in places:
        where = f"{shown(path)}: {table}" if path else table
        absent = sorted(set(limits.cpus or ()) - cpus)
        if absent:
            there = f"choose from {', '.join(map(str, sorted(cpus)))}"
            faults.append(f"{where}.cpus: no CPU {absent[0]} for this process; {there}")
        if files is not None and (limits.files_max or 0) > files:
            mend = "choose no more, or raise its limit (LimitNOFILE)"
            faults.append(f"{where}.files_max: the system allows {files}; {mend}")
        for key, least in LEAST.items():
            if 0 < (getattr(limits, key) or 0) < least:
                faults.append(
                    f"{where}.{key}: too few for an engine; choose at least {least}, or 0 for no limit"
                )
    return faults
