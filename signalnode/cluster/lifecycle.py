"""A shard's life as a table: what it is, what happens to it, what it is then.

    asked ──came up──► up ──fell silent──► lost ──came up──► up
      ▲                 │                    │
      └──── died ───────┴──────── died ──────┘        unwanted ──► ending ──died, fell silent──► ended

Ray starts an actor again that died, so that is no end: it is waited for as one that was asked for. What is
not in the table is no event of that state, and changes nothing.
"""

from __future__ import annotations

from enum import Enum


class ShardState(Enum):
    """As `cluster status` shows it."""

    ASKED = "asked"  # no start of it has been heard, or the last one is over
    UP = "up"
    LOST = "lost"  # not heard for too long; it may run on where the head cannot hear it
    ENDING = "ending"
    ENDED = "ended"


class ShardEvent(Enum):
    """What happens to a shard."""

    CAME_UP = "came up"  # a report of its newest start
    FELL_SILENT = "fell silent"  # or its host is lost
    DIED = "died"
    UNWANTED = "unwanted"


TABLE: dict[tuple[ShardState, ShardEvent], ShardState] = {
    (ShardState.ASKED, ShardEvent.CAME_UP): ShardState.UP,
    (ShardState.ASKED, ShardEvent.UNWANTED): ShardState.ENDING,
    (ShardState.UP, ShardEvent.FELL_SILENT): ShardState.LOST,
    (ShardState.UP, ShardEvent.DIED): ShardState.ASKED,
    (ShardState.UP, ShardEvent.UNWANTED): ShardState.ENDING,
    (ShardState.LOST, ShardEvent.CAME_UP): ShardState.UP,
    (ShardState.LOST, ShardEvent.DIED): ShardState.ASKED,
    (ShardState.LOST, ShardEvent.UNWANTED): ShardState.ENDING,
    (ShardState.ENDING, ShardEvent.DIED): ShardState.ENDED,
    (ShardState.ENDING, ShardEvent.FELL_SILENT): ShardState.ENDED,
}


def after(state: ShardState, event: ShardEvent) -> ShardState:
    """The state that follows; the same where the event is none of that state."""
    return TABLE.get((state, event), state)
