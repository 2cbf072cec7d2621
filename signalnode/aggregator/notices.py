"""Lasting troubles as few lines of a log: told when they begin, then now and then, folded and counted."""

from __future__ import annotations

from collections.abc import Mapping

NAMED_MAX = 5  # markets named in one line; the others are counted


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
