"""What may be told: that something is wrong with somebody, that it is over, or a decision."""

from __future__ import annotations

from typing import Final, NamedTuple

from signalnode.bus.wire import DecisionMessage

BACK: Final = "back"  # whatever was wrong is over
GONE: Final = "gone"  # the subject is none of the node's any more; never told
DECISION: Final = "decision"  # with the strategy's name behind a dot
TEST: Final = "test"
STATES: Final[dict[str, str]] = {  # of AlertState: what it means, of one
    "stale": "is stale",
    "degraded": "is degraded: a gap is not mended",
    "behind": "is behind its own scores",
    "silent": "is silent",
    "unheard": "was never heard",
    "given_up": "failed too often and rests",
    "backing_off": "waits to be started again",
    "down": "is down",
    "restarted": "was started again",
    "troubled": "is up and cannot do its work",
    "failing": "loses its turns",
    "withheld": "withheld decisions: they cannot be written down",
    "dark": "is not heard: all views and decisions are dark",
    "lost": "is lost: its markets go on elsewhere",
    "unshipped": "cannot be shipped: what runs goes on, what moves now starts cold",
    "unplaced": "has some without a place",
}

AT_ONCE: Final = frozenset({"restarted", "withheld"})  # of STATES: what has happened, and lasts no time


class Now(NamedTuple):
    """One moment on both clocks."""

    ns: int  # never steps back
    wall_ns: int  # since 1970


class Event(NamedTuple):
    """One thing to be told. `kind`: of STATES, BACK, GONE, or `decision.<STRATEGY>`."""

    kind: str
    subject: str  # a market, a process, a strategy, or something of the cluster
    why: str
    since_ns: int  # since 1970
    decision: DecisionMessage | None = None
    is_over: bool = False  # of AT_ONCE: over before it could be told; that it is back is told with it

    @property
    def words(self) -> str:
        """Why, and what became of it."""
        return f"{self.why}; is back" if self.is_over else self.why


def decision_event(decision: DecisionMessage) -> Event:
    """That a strategy has decided."""
    kind = f"{DECISION}.{decision.strategy}"
    return Event(kind, decision.strategy, "", decision.time_published_ns, decision)
