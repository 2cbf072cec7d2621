"""How each child stands, in one file that others may read at any time: state, restarts, and why.

`status` knows more, and costs an answer each time. This is for whoever shows children along with what they
say, as Layer 5 and its panels do: written anew when something changed, and gone when no supervisor is there.

A child that is up and cannot do its work says why in the fact TROUBLE, when that changes; "" is none now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signalnode_supervisor.core.child import Child
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.linux.files import replace_file

PAUSE_NS = NS_PER_S // 4  # between two writings, at least
TROUBLE = "trouble"
WHY_CHARS_MAX = 200  # an end's last words may be long; `status NAME` has them all


class Standing:
    """The file at `path`; `next_ns` is when it is to be written, None while nothing has changed."""

    def __init__(self, path: Path) -> None:
        self.next_ns: int | None = None
        self._path = path
        self._free_ns = 0
        self._told: dict[str, Any] | None = None

    def changed(self, now_ns: int) -> None:
        """Something may have: look, as soon as the pause is over."""
        if self.next_ns is None:
            self.next_ns = max(now_ns, self._free_ns)

    def tick(self, children: Mapping[str, Child], now_ns: int) -> None:
        """Write what has changed, when it is time; on a disk that takes nothing, after the next pause."""
        if self.next_ns is None or now_ns < self.next_ns:
            return
        self.next_ns, self._free_ns = None, now_ns + PAUSE_NS
        told = {name: standing(child) for name, child in children.items()}
        if told == self._told:
            return
        try:
            self._write(told)
        except OSError:
            self.changed(now_ns)

    def put_back(self) -> list[str]:
        """Make it again where somebody removed it; its path."""
        if self._told is None or self._path.exists():
            return []
        self._write(self._told)
        return [str(self._path)]

    def close(self) -> None:
        """Take it away: from now on nobody knows."""
        self._told = None
        self._path.unlink(missing_ok=True)

    def _write(self, told: dict[str, Any]) -> None:
        replace_file(self._path, json.dumps(told, separators=(",", ":")).encode())
        self._told = told


def standing(child: Child) -> dict[str, Any]:
    """State, restarts, and why it stands so; of one that is up again, why the process before ended."""
    why = child.reason
    if child.running is not None and child.running.progress is not None:
        why = "preparing"  # how far is known for a moment only
    elif not why and child.restarts and child.last_exit is not None:
        why = str(child.last_exit.get("exit", ""))
    told = {"state": str(child.state), "restarts": child.restarts, "why": why[:WHY_CHARS_MAX]}
    trouble = child.running.facts.get(TROUBLE) if child.running is not None else None
    return {**told, TROUBLE: str(trouble)[:WHY_CHARS_MAX]} if trouble else told
