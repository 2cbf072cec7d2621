"""The life of one child as a literal table: (state, event) → (state, actions).

Everything that can happen to a child is a row here; what is no row cannot happen, and `step` says so loudly.
Guards are events of their own: whether an exit leads to a restart is judged before (`restart`).
"""

from __future__ import annotations

from enum import StrEnum


class ChildState(StrEnum):
    """Where a child stands. The values are the words that `status` prints."""

    STARTING = "starting"  # wanted, and not yet ready: queued for a start, or running without having said so
    UP = "up"  # it said it is ready
    STOPPING = "stopping"  # it has been told to end, kindly or not, and has not yet
    BACKING_OFF = "backing_off"  # it failed and waits for its next start
    DOWN = "down"  # not running, and not meant to
    GIVEN_UP = "given_up"  # it failed too often; tried again slowly, or at once by `start`


class Event(StrEnum):
    """What can happen to one child."""

    START = "start"  # somebody wants it up
    STOP = "stop"  # somebody wants it down
    RESTART = "restart"  # somebody wants a new process of it
    READY = "ready"  # it said so
    PROGRESS = "progress"  # it said that its start has come further than it ever said before
    LATE = "late"  # it has not said so in time
    HUNG = "hung"  # too many heartbeats are missing
    OVERDUE = "overdue"  # it was told to end and has not in time
    DUE = "due"  # the wait before its next start is over
    ENDED_AS_ASKED = "ended, wanted down"
    ENDED_TO_RETURN = "ended, wanted up again"
    ENDED_FOR_GOOD = "ended, policy says leave it"
    ENDED_BADLY = "ended, policy says retry"
    ENDED_TOO_OFTEN = "ended, budget is spent"


class Action(StrEnum):
    """What is to be done about it, in the order given."""

    ENQUEUE = "enqueue"  # take a place in the start queue
    WITHDRAW = "withdraw"  # leave the start queue
    TERMINATE = "terminate"  # SIGTERM; OVERDUE after the grace time
    ABORT = "abort"  # SIGABRT for a stack dump of all threads; OVERDUE shortly after
    KILL = "kill"  # SIGKILL, descent included
    EXTEND = "extend"  # it has its time to get ready anew, within PREPARE_S_MAX of its start
    WATCH = "watch"  # expect heartbeats from now on
    BACK_OFF = "back off"  # DUE after the backoff
    REST = "rest"  # DUE after the slow retry time
    FORGIVE = "forgive"  # forget the failures so far
    PROBATION = "probation"  # the next failure gives it up again


_S, _A, _E = ChildState, Action, Event

TABLE: dict[tuple[ChildState, Event], tuple[ChildState, tuple[Action, ...]]] = {
    (_S.DOWN, _E.START): (_S.STARTING, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.DOWN, _E.RESTART): (_S.STARTING, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.DOWN, _E.STOP): (_S.DOWN, ()),
    (_S.STARTING, _E.START): (_S.STARTING, ()),
    (_S.STARTING, _E.READY): (_S.UP, (_A.WATCH,)),
    (_S.STARTING, _E.PROGRESS): (_S.STARTING, (_A.EXTEND,)),
    (_S.STARTING, _E.RESTART): (_S.STOPPING, (_A.FORGIVE, _A.TERMINATE)),
    (_S.STARTING, _E.STOP): (_S.STOPPING, (_A.TERMINATE,)),
    (_S.STARTING, _E.LATE): (_S.STOPPING, (_A.ABORT,)),
    (_S.STARTING, _E.HUNG): (_S.STOPPING, (_A.ABORT,)),  # once it reports progress, its silence tells
    # without a process yet, being told to end is having ended
    (_S.STARTING, _E.ENDED_AS_ASKED): (_S.DOWN, (_A.WITHDRAW,)),
    (_S.STARTING, _E.ENDED_FOR_GOOD): (_S.DOWN, ()),
    (_S.STARTING, _E.ENDED_BADLY): (_S.BACKING_OFF, (_A.BACK_OFF,)),
    (_S.STARTING, _E.ENDED_TOO_OFTEN): (_S.GIVEN_UP, (_A.REST,)),
    (_S.UP, _E.START): (_S.UP, ()),
    (_S.UP, _E.READY): (_S.UP, ()),
    (_S.UP, _E.RESTART): (_S.STOPPING, (_A.FORGIVE, _A.TERMINATE)),
    (_S.UP, _E.STOP): (_S.STOPPING, (_A.TERMINATE,)),
    (_S.UP, _E.HUNG): (_S.STOPPING, (_A.ABORT,)),
    (_S.UP, _E.ENDED_FOR_GOOD): (_S.DOWN, ()),
    (_S.UP, _E.ENDED_BADLY): (_S.BACKING_OFF, (_A.BACK_OFF,)),
    (_S.UP, _E.ENDED_TOO_OFTEN): (_S.GIVEN_UP, (_A.REST,)),
    (_S.STOPPING, _E.START): (_S.STOPPING, (_A.FORGIVE,)),
    (_S.STOPPING, _E.RESTART): (_S.STOPPING, (_A.FORGIVE,)),
    (_S.STOPPING, _E.STOP): (_S.STOPPING, ()),
    (_S.STOPPING, _E.READY): (_S.STOPPING, ()),
    (_S.STOPPING, _E.OVERDUE): (_S.STOPPING, (_A.KILL,)),
    (_S.STOPPING, _E.ENDED_AS_ASKED): (_S.DOWN, ()),
    (_S.STOPPING, _E.ENDED_TO_RETURN): (_S.STARTING, (_A.ENQUEUE,)),
    (_S.STOPPING, _E.ENDED_FOR_GOOD): (_S.DOWN, ()),
    (_S.STOPPING, _E.ENDED_BADLY): (_S.BACKING_OFF, (_A.BACK_OFF,)),
    (_S.STOPPING, _E.ENDED_TOO_OFTEN): (_S.GIVEN_UP, (_A.REST,)),
    (_S.BACKING_OFF, _E.START): (_S.STARTING, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.BACKING_OFF, _E.RESTART): (_S.STARTING, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.BACKING_OFF, _E.STOP): (_S.DOWN, ()),
    (_S.BACKING_OFF, _E.DUE): (_S.STARTING, (_A.ENQUEUE,)),
    (_S.GIVEN_UP, _E.START): (_S.STARTING, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.GIVEN_UP, _E.RESTART): (_S.STARTING, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.GIVEN_UP, _E.STOP): (_S.DOWN, ()),
    (_S.GIVEN_UP, _E.DUE): (_S.STARTING, (_A.PROBATION, _A.ENQUEUE)),
}


def step(state: ChildState, event: Event) -> tuple[ChildState, tuple[Action, ...]]:
    """The next state and what to do on the way there. Raises LookupError for what cannot happen."""
    try:
        return TABLE[state, event]
    except KeyError:
        raise LookupError(f"a child that is {state} cannot meet {event!r}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {_S.DOWN}"]
    for (state, event), (after, actions) in TABLE.items():
        if state != after or actions:
            doing = f" / {', '.join(actions)}" if actions else ""
            lines.append(f"    {state} --> {after}: {event}{doing}")
    return "\n".join(lines) + "\n"
