"""Requests that wait for children to settle, each answered exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signalnode_supervisor.core.child import Child
from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.core.messages import Reply, Verb

_AT_REST = {
    "stop": frozenset({ChildState.DOWN}),
    "shutdown": frozenset[ChildState](),  # answered by the core when all is down
}
_STARTED = frozenset({ChildState.UP, ChildState.DOWN, ChildState.BACKING_OFF, ChildState.GIVEN_UP})


@dataclass(slots=True)
class PendingRequest:
    """One request under way. `payload` is what the answer will say beside the outcomes."""

    verb: Verb
    waiting: set[str]
    payload: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)


class PendingRequests:
    """All requests under way, by the number the loop gave them."""

    def __init__(self) -> None:
        self._pending: dict[int, PendingRequest] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def open(
        self, request: int, verb: Verb, names: set[str], payload: Mapping[str, Any] | None = None
    ) -> None:
        self._pending[request] = PendingRequest(verb, set(names), dict(payload or {}))

    def settle(self, children: Mapping[str, Child]) -> list[Reply]:
        """Answers to all requests whose children have come to rest."""
        replies = []
        for request, pending in list(self._pending.items()):
            if pending.verb != "shutdown":
                self._collect(pending, children)
                if not pending.waiting:
                    replies.append(self._answer(request))
        return replies

    def finish(self) -> list[Reply]:
        """Everything is down: answer whoever is left."""
        return [self._answer(request) for request in list(self._pending)]

    def _collect(self, pending: PendingRequest, children: Mapping[str, Child]) -> None:
        at_rest = _AT_REST.get(pending.verb, _STARTED)
        for name in list(pending.waiting):
            child = children.get(name)
            if child is None:
                outcome: dict[str, Any] = {"state": str(ChildState.DOWN), "reason": "no longer in the config"}
            elif pending.verb == "stop" and child.elder is not None:
                continue
            elif child.state in at_rest or (pending.verb != "stop" and _takes_its_time(child)):
                outcome = {"state": str(child.state), "reason": child.reason, "pid": child.pid}
            else:
                continue
            pending.waiting.discard(name)
            pending.outcomes[name] = outcome

    def _answer(self, request: int) -> Reply:
        pending = self._pending.pop(request)
        return Reply(request, {"ok": True, **pending.payload, "children": pending.outcomes})


def _takes_its_time(child: Child) -> bool:
    """It prepares for longer than its start may take otherwise: the answer says how far it is."""
    running = child.running
    return running is not None and running.prolonged and child.state is ChildState.STARTING
