"""How an engine stands, as every message says it, and why: of a live market with its health. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from signalnode.bus.wire import REASON_CHARS_MAX, STATUSES, Channel, Health, Status
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.engine.step import Step
from signalnode.feeds.base import Feed, Losses, Outside
from signalnode.feeds.health import CHANNELS, DEGRADED, STALE, status_of

NONE_LOST = Losses(0, 0)
TOLD = (STALE, DEGRADED)  # with a reason


class Standing(NamedTuple):
    """As of one kernel time. Times in ns; `mid` NaN before the first price."""

    mid: float
    time_event_ns: int
    time_received_ns: int
    warm: float
    status: Status
    health: Health | None = None  # of a live market
    spread_bps: float | None = None  # None before a quote


def standing_of(step: Step, feed: Feed) -> Standing:
    """How things stand after `step`."""
    live, at_ns = feed.live, step.at_ns
    status = status_of(step.silent, feed.degraded(at_ns), step.warm)
    told = None
    if live is not None:
        status = STALE if live.outage else status
        told = _health_of(live, status, step)
    spread_bps = step.spread_bps if step.spread_bps >= 0.0 else None
    return Standing(step.mid, step.time_event_ns, step.time_ns, step.warm, STATUSES[status], told, spread_bps)


def is_all_silent(health: Health) -> bool:
    """Whether every channel that was ever heard has waited too long."""
    channels = [each for each in (health.trades, health.quotes, health.depth) if each is not None]
    return bool(channels) and all(
        each.limit_ms is not None and each.age_ms > each.limit_ms for each in channels
    )


def _health_of(live: Outside, status: int, step: Step) -> Health:
    clock_ns, losses, waits = live.clock_ns, live.losses(), step.waits
    tried = live.tried(step.at_ns)
    return Health(
        trades=_channel(waits[0::3], losses.get("trades", NONE_LOST), clock_ns),
        quotes=_channel(waits[1::3], losses.get("quotes", NONE_LOST), clock_ns),
        depth=_channel(waits[2::3], losses.get("depth", NONE_LOST), clock_ns),
        connection=live.connection,
        clock_ms=None if clock_ns is None else clock_ns // NS_PER_MS,
        reason=_reason(live, status, step)[:REASON_CHARS_MAX] if status in TOLD else "",
        outage_ms=tried.outage_ms,
        tries=tried.tries,
        next_try_ms=tried.next_try_ms,
    )


def _channel(waits: Sequence[Any], losses: Losses, clock_ns: int | None) -> Channel | None:
    """A venue's clock that is ahead of ours is in `clock_ns` too, so that no age is below ours."""
    waited_ns, late_ns, limit_s = waits
    if waited_ns < 0:
        return None
    venue_age_ms = None
    if late_ns and clock_ns is not None:
        venue_age_ms = (waited_ns + max(late_ns - clock_ns, 0)) // NS_PER_MS
    return Channel(
        age_ms=waited_ns // NS_PER_MS,
        venue_age_ms=venue_age_ms,
        limit_ms=int(limit_s * 1e3) if limit_s < inf else None,
        gaps=losses.gaps,
        snapshots=losses.snapshots,
    )


def _reason(live: Outside, status: int, step: Step) -> str:
    """Why the status is one of TOLD."""
    if live.outage:
        return live.outage
    if status == DEGRADED:
        return live.trouble
    return ", ".join(
        f"{name} silent for {step.waits[i] / NS_PER_S:.1f} s, over {step.waits[i + 2 * len(CHANNELS)]:.1f}"
        for i, (name, kind) in enumerate(CHANNELS.items())
        if step.silent >> kind & 1
    )
