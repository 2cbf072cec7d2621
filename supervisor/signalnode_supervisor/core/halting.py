"""The order of the end: higher orders first, all of it within one grace period."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from signalnode_supervisor.core.child import Child
from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.durations import ns

LAST_CALL = 0.8  # share of the grace period after which even the lowest order has been told to end


class Halting:
    """Made when the end begins; `due` says who is to be told now."""

    def __init__(self, children: Collection[Child], now_ns: int) -> None:
        grace_ns = max((ns(child.spec.stop_grace_s) for child in children), default=0)
        orders = sorted({child.spec.order for child in children}, reverse=True)
        steps = max(1, len(orders) - 1)
        self.until_ns = now_ns + grace_ns
        self.hurried = False
        self._last_call_ns = {
            order: now_ns + int(LAST_CALL * grace_ns * i / steps) for i, order in enumerate(orders)
        }
        self._signalled: set[str] = set()
        self._next_ns: int | None = None

    def due(self, children: Iterable[Child], now_ns: int) -> list[Child]:
        """Children to be told to end now: those whose betters are all down, or whose last call has come."""
        everyone = list(children)
        alive = {child.spec.order for child in everyone if child.state is not ChildState.DOWN}
        order_min = max(alive, default=0)
        chosen = [
            child
            for child in everyone
            if child.name not in self._signalled and (self.hurried or self._called(child, order_min, now_ns))
        ]
        self._signalled.update(child.name for child in chosen)
        left = {child.spec.order for child in everyone if child.name not in self._signalled}
        self._next_ns = min((self._last_call_ns.get(order, 0) for order in left), default=None)
        return chosen

    def next_ns(self) -> int | None:
        """The next last call; None once everybody has been told."""
        return self._next_ns

    def _called(self, child: Child, order_min: int, now_ns: int) -> bool:
        return child.spec.order >= order_min or now_ns >= self._last_call_ns.get(child.spec.order, 0)
