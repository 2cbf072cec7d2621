"""Who may start next: in order, a few at a time, and nobody waiting for long on account of another."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from signalnode_supervisor.core.child import Child
from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.durations import ns
from signalnode_supervisor.settings import Settings


class StartQueue:
    """Children that want a process, oldest first within an order."""

    def __init__(self, settings: Settings) -> None:
        self._at_once_max = settings.starts_at_once_max
        self._slot_ns = ns(settings.start_slot_s)
        self._order_wait_ns = ns(settings.order_wait_s)
        self._waiting: list[str] = []
        self._slots: dict[
            str, int | None
        ] = {}  # name → when its slot is free anyway; None until it has a process

    def __contains__(self, name: str) -> bool:
        return name in self._waiting or name in self._slots

    def add(self, name: str) -> None:
        if name not in self:
            self._waiting.append(name)

    def discard(self, name: str) -> None:
        """It ended, became ready, or no longer wants to start: whatever place it held is free."""
        self._slots.pop(name, None)
        if name in self._waiting:
            self._waiting.remove(name)

    def started(self, name: str, now_ns: int) -> None:
        if name in self._slots:
            self._slots[name] = now_ns + self._slot_ns

    def release(self, children: Mapping[str, Child], now_ns: int) -> list[str]:
        """Names that may start now; each holds a slot from here on."""
        for name, until_ns in list(self._slots.items()):
            if until_ns is not None and until_ns <= now_ns:
                del self._slots[name]
        if not self._waiting:
            return []
        # A child's first start waits for those of a lower order; a restart waits for nobody.
        order_max = min(
            (child.spec.order for child in self._first_starts(children, now_ns)), default=sys.maxsize
        )
        ready = sorted(
            (n for n in self._waiting if children[n].settled or children[n].spec.order <= order_max),
            key=lambda name: children[name].spec.order,
        )[: max(0, self._at_once_max - len(self._slots))]
        for name in ready:
            self._waiting.remove(name)
            self._slots[name] = None
        return ready

    def next_ns(self, children: Mapping[str, Child], now_ns: int) -> int | None:
        """When `release` may have more to give than now; None when time alone changes nothing."""
        if not self._waiting:
            return None
        times = [until_ns for until_ns in self._slots.values() if until_ns is not None]
        times += [child.queued_ns + self._order_wait_ns for child in self._first_starts(children, now_ns)]
        return min(times, default=None)

    def _first_starts(self, children: Mapping[str, Child], now_ns: int) -> Iterable[Child]:
        for child in children.values():
            first = child.state is ChildState.STARTING and not child.settled
            if first and now_ns < child.queued_ns + self._order_wait_ns:
                yield child
