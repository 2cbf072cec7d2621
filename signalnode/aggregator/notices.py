"""Lasting troubles as few lines of a log: told when they begin, then now and then, folded and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMED_MAX = 5  # markets named in one line; the others are counted
FAILING_MAX = 5  # strategies told to the supervisor, whose messages are small
FAILING_CHARS_MAX = 160  # of each


def troubled(states: Mapping[str, str]) -> str:
    """`unheard A, B; silent C, D, E and 327 more`, of markets by name and the state of each."""
    by_state: dict[str, list[str]] = {}
    for name, state in states.items():
        by_state.setdefault(state, []).append(name)
    parts = []
    for state, names in by_state.items():
        more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
        parts.append(f"{state} {', '.join(names[:NAMED_MAX])}{more}")
    return "; ".join(parts)


def failing(strategies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """`mine fails, 3 in a row: KeyError: 'mid'`, in ASCII, of each that failed lately; of many the first."""
    told = [
        f"{name} fails, {state['failures']} in a row: {state['error']}"
        for name, state in strategies.items()
        if state["failures"]
    ]
    more = [f"{len(told) - FAILING_MAX} more fail"] if len(told) > FAILING_MAX else []
    return [
        each.encode("ascii", "replace").decode()[:FAILING_CHARS_MAX] for each in told[:FAILING_MAX]
    ] + more


class Withheld:
    """Decisions that could not be kept, so that nobody hears of them.

    Counted, for a full disk would be four lines of the log a second.
    """

    def __init__(self) -> None:
        self.total = 0
        self.reason = ""  # why the newest one was; empty while decisions are kept

    def add(self, decisions: int, reason: str) -> bool:
        """Count them; whether that is news."""
        self.total += decisions
        is_news = not self.reason
        self.reason = reason
        return is_news

    def is_over(self) -> bool:
        """Decisions were kept; whether that is news."""
        was, self.reason = self.reason, ""
        return bool(was)
