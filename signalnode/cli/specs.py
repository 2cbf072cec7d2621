"""What the supervisor is to run: a child's spec from each market's settings, and whether this machine can."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import Any

import signalnode_supervisor as supervisor
from signalnode.settings import (
    LimitSettings,
    MarketSettings,
    NodeSettings,
    SupervisorSettings,
    aggregator_args,
    engine_args,
)
from signalnode.settings.code import digest_of, signal_files
from signalnode.settings.reading import shown

BYTES_PER_MB = 1_000_000
AGGREGATOR_BEAT_S = 1.0  # as in aggregator.process, which this process stays too light to import
LEAST = {"memory_mb_max": 64, "files_max": 64}  # with less an engine cannot even decode its recording


def specs_of(node: NodeSettings) -> list[supervisor.ChildSpec]:
    """The aggregator, which starts first and stops last, and an engine for each market."""
    policy = node.supervisor
    common: dict[str, Any] = {
        "intensity": policy.intensity,
        "period_s": policy.period_s,
        "backoff_first_s": policy.backoff_initial_s,
        "backoff_max_s": policy.backoff_max_s,
        "stable_s": policy.stable_s,
        "retry_s": policy.retry_s,
        "start_timeout_s": policy.start_timeout_s,
        "stop_grace_s": policy.stop_grace_s,
        "heartbeats_missed_max": policy.heartbeats_missed_max,
    }
    aggregator = supervisor.ChildSpec(
        name="aggregator",
        role="aggregator",
        target="signalnode.aggregator.process:main",
        args=aggregator_args(node),
        order=0,
        restart="always",
        reload_signal=signal.SIGHUP,
        heartbeat_interval_s=AGGREGATOR_BEAT_S,
        **common,
    )
    engines = [
        supervisor.ChildSpec(
            name=name,
            role="engine",
            target="signalnode.engine.process:main",
            args=engine_args(node, name),
            fingerprint=digest_of(signal_files(market)),  # an edited formula is another market
            labels={"market": name},
            order=1,
            restart=policy.restart,
            limits=limits_of(market, policy),
            heartbeat_interval_s=node.engine.heartbeat_interval_ms / 1000,
            **common,
        )
        for name, market in node.markets.items()
    ]
    return [aggregator, *engines]


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
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
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
        if files != resource.RLIM_INFINITY and (limits.files_max or 0) > files:
            mend = "choose no more, or raise its limit (LimitNOFILE)"
            faults.append(f"{where}.files_max: the system allows {files}; {mend}")
        for key, least in LEAST.items():
            if 0 < (getattr(limits, key) or 0) < least:
                faults.append(
                    f"{where}.{key}: too few for an engine; choose at least {least}, or 0 for no limit"
                )
    return faults
