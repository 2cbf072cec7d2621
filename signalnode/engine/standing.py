"""How an engine stands, as every message says it, and why: of a live market with its health. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from signalnode.bus.wire import REASON_CHARS_MAX, STATUSES, Channel, Health, Status
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.engine.step import Step
from signalnode.feeds import ChannelHealth
from signalnode.feeds.base import Feed, Losses, Outside
from signalnode.feeds.health import DEGRADED, STALE, Wait, status_of

NONE_LOST = Losses(0, 0)


class Standing(NamedTuple):
    """As of one kernel time. Times in ns; `mid` NaN before the first price."""

    mid: float
    time_event_ns: int
    time_received_ns: int
    warm: float
    status: Status
    health: Health | None = None  # of a live market


def standing_of(step: Step, feed: Feed, health: ChannelHealth) -> Standing:
    """How things stand after `step`."""
    live, at_ns = feed.live, step.at_ns
    status = status_of(step.silent, feed.degraded(at_ns), step.warm)
    told = None
    if live is not None:
        status = STALE if live.outage else status
        told = _health_of(live, status, health.waits(at_ns, live.since_ns))
    return Standing(step.mid, step.time_event_ns, step.time_ns, step.warm, STATUSES[status], told)


def is_all_silent(health: Health) -> bool:
    """Whether every channel that was ever heard has waited too long."""
    channels = [each for each in (health.trades, health.quotes, health.depth) if each is not None]
    return bool(channels) and all(
        each.limit_ms is not None and each.age_ms > each.limit_ms for each in channels
    )


def _health_of(live: Outside, status: int, waits: Mapping[str, Wait]) -> Health:
    clock_ns, losses = live.clock_ns, live.losses()
    channels = {name: _channel(wait, losses.get(name, NONE_LOST), clock_ns) for name, wait in waits.items()}
    return Health(
        connection=live.connection,
        clock_ms=None if clock_ns is None else clock_ns // NS_PER_MS,
        reason=_reason(live, status, waits)[:REASON_CHARS_MAX],
        **channels,
    )


def _channel(wait: Wait, losses: Losses, clock_ns: int | None) -> Channel:
    """A venue's clock that is ahead of ours is in `clock_ns` too, so that no age is below ours."""
    venue_age_ms = None
    if wait.late_ns and clock_ns is not None:
        venue_age_ms = (wait.waited_ns + max(wait.late_ns - clock_ns, 0)) // NS_PER_MS
    return Channel(
        age_ms=wait.waited_ns // NS_PER_MS,
        venue_age_ms=venue_age_ms,
        limit_ms=int(wait.limit_s * 1e3) if wait.limit_s < float("inf") else None,
        gaps=losses.gaps,
        snapshots=losses.snapshots,
    )


def _reason(live: Outside, status: int, waits: Mapping[str, Wait]) -> str:
    """Why the status is no better; "" where it need not be."""
    if live.outage:
        return live.outage
    if status == DEGRADED:
        return live.trouble
    if status != STALE:
        return ""
    return ", ".join(
        f"{name} silent for {wait.waited_ns / NS_PER_S:.1f} s, over {wait.limit_s:.1f}"
        for name, wait in waits.items()
        if wait.is_silent
    )
