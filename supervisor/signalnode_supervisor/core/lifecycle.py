"""The life of one child as a literal table: (stage, event) → (stage, actions).

Everything that can happen to a child is a row here; what is no row cannot happen, and `step` says so loudly.
`status` prints six words, the table knows nine stages: "starting" does not say whether there is a process
yet, and "stopping" does not say what comes after, which is what the process is ended for:

    stopping    somebody wants it down: then it is down
    restarting  somebody wants another process of it: then it is queued
    aborting    it hung or was late, and that is a failure: then the policy decides

What decides something and is no row:

- Whether an end that nobody asked for leads to another start hangs on earlier failures and their times. Times
  make no table: `restart.judge` gives the verdict, and each verdict is an event here.
- `Child.wanted` is the operator's wish, and outlives the supervisor. START, STOP and RESTART come with it, so
  that the stage has it in itself; no row asks for it.
- `Child.elder` is the process that stands by while another is on its way: until a stage of RELIEVED.
- `Child.leaving` (gone from the config) forgets a child once it is down; `Child.settled` (it has been up or
  has failed before) is for the start queue and for whoever waits for the first start of all.
- `Running.prolonged` and `Running.reload_pending` say what somebody is still to be told.
"""

from __future__ import annotations

from enum import StrEnum


class ChildState(StrEnum):
    """Where a child stands, in the words that `status` prints."""

    STARTING = "starting"  # wanted, and not yet ready: queued for a start, or running without having said so
    UP = "up"  # it said it is ready
    STOPPING = "stopping"  # it has been told to end, kindly or not, and has not yet
    BACKING_OFF = "backing_off"  # it failed and waits for its next start
    DOWN = "down"  # not running, and not meant to
    GIVEN_UP = "given_up"  # it failed too often; tried again slowly, or at once by `start`


class Stage(StrEnum):
    """Where a child stands, as finely as the table needs it."""

    DOWN = "down"
    QUEUED = "queued"  # it waits for its process
    STARTING = "starting"  # it has one, which is not ready
    UP = "up"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    ABORTING = "aborting"
    BACKING_OFF = "backing_off"
    GIVEN_UP = "given_up"

    @property
    def state(self) -> ChildState:
        """The word for it."""
        return _SHOWN.get(self) or ChildState(self.value)


_SHOWN = {
    Stage.QUEUED: ChildState.STARTING,
    Stage.RESTARTING: ChildState.STOPPING,
    Stage.ABORTING: ChildState.STOPPING,
}


class Event(StrEnum):
    """What can happen to one child."""

    START = "start"  # somebody wants it up
    STOP = "stop"  # somebody wants it down
    RESTART = "restart"  # somebody wants a new process of it
    RELIEVE = "relieve"  # so does somebody, and the old one is to go on until that is up
    STARTED = "started"  # it has a process
    ADOPTED = "adopted"  # it has one that an earlier supervisor started
    READY = "ready"  # it said so
    PROGRESS = "progress"  # it said that its start has come further than it ever said before
    LATE = "late"  # it has not said so in time
    HUNG = "hung"  # too many heartbeats are missing
    OVERDUE = "overdue"  # it was told to end and has not in time
    DUE = "due"  # the wait before its next start is over
    ENDED = "ended"  # as it was asked to
    ENDED_FOR_GOOD = "ended, policy says leave it"
    ENDED_BADLY = "ended, policy says retry"
    ENDED_TOO_OFTEN = "ended, budget is spent"


class Action(StrEnum):
    """What is to be done about it, in the order given."""

    ENQUEUE = "enqueue"  # take a place in the start queue
    STAND_BY = "stand by"  # what runs goes on as the elder
    WITHDRAW = "withdraw"  # leave the start queue
    AWAIT = "await readiness"  # LATE after its start timeout
    EXTEND = "extend"  # it has that time anew, within PREPARE_S_MAX of its start
    WATCH = "watch"  # expect heartbeats from now on, HUNG without them
    TERMINATE = "terminate"  # SIGTERM; OVERDUE after the grace time
    ABORT = "abort"  # SIGABRT for a stack dump of all threads; OVERDUE shortly after
    KILL = "kill"  # SIGKILL, descendants included
    BACK_OFF = "back off"  # DUE after the backoff
    REST = "rest"  # DUE after the slow retry time
    FORGIVE = "forgive"  # forget the failures so far
    PROBATION = "probation"  # the next failure gives it up again


_S, _A, _E = Stage, Action, Event

TABLE: dict[tuple[Stage, Event], tuple[Stage, tuple[Action, ...]]] = {
    (_S.DOWN, _E.START): (_S.QUEUED, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.DOWN, _E.RESTART): (_S.QUEUED, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.DOWN, _E.STOP): (_S.DOWN, ()),
    (_S.DOWN, _E.ADOPTED): (_S.STARTING, (_A.AWAIT,)),
    (_S.QUEUED, _E.START): (_S.QUEUED, ()),
    (_S.QUEUED, _E.RESTART): (_S.QUEUED, ()),
    (_S.QUEUED, _E.STOP): (_S.DOWN, (_A.WITHDRAW,)),
    (_S.QUEUED, _E.STARTED): (_S.STARTING, (_A.AWAIT,)),
    (_S.STARTING, _E.START): (_S.STARTING, ()),
    (_S.STARTING, _E.READY): (_S.UP, (_A.WATCH,)),
    (_S.STARTING, _E.PROGRESS): (_S.STARTING, (_A.EXTEND,)),
    (_S.STARTING, _E.RESTART): (_S.RESTARTING, (_A.FORGIVE, _A.TERMINATE)),
    (_S.STARTING, _E.STOP): (_S.STOPPING, (_A.TERMINATE,)),
    (_S.STARTING, _E.LATE): (_S.ABORTING, (_A.ABORT,)),
    (_S.STARTING, _E.HUNG): (_S.ABORTING, (_A.ABORT,)),  # once it reports progress, its silence tells
    (_S.STARTING, _E.ENDED_FOR_GOOD): (_S.DOWN, ()),
    (_S.STARTING, _E.ENDED_BADLY): (_S.BACKING_OFF, (_A.BACK_OFF,)),
    (_S.STARTING, _E.ENDED_TOO_OFTEN): (_S.GIVEN_UP, (_A.REST,)),
    (_S.UP, _E.START): (_S.UP, ()),
    (_S.UP, _E.READY): (_S.UP, ()),
    (_S.UP, _E.RESTART): (_S.RESTARTING, (_A.FORGIVE, _A.TERMINATE)),
    (_S.UP, _E.RELIEVE): (_S.QUEUED, (_A.FORGIVE, _A.STAND_BY, _A.ENQUEUE)),
    (_S.UP, _E.STOP): (_S.STOPPING, (_A.TERMINATE,)),
    (_S.UP, _E.HUNG): (_S.ABORTING, (_A.ABORT,)),
    (_S.UP, _E.ENDED_FOR_GOOD): (_S.DOWN, ()),
    (_S.UP, _E.ENDED_BADLY): (_S.BACKING_OFF, (_A.BACK_OFF,)),
    (_S.UP, _E.ENDED_TOO_OFTEN): (_S.GIVEN_UP, (_A.REST,)),
    (_S.STOPPING, _E.START): (_S.RESTARTING, (_A.FORGIVE,)),
    (_S.STOPPING, _E.RESTART): (_S.RESTARTING, (_A.FORGIVE,)),
    (_S.STOPPING, _E.STOP): (_S.STOPPING, ()),
    (_S.STOPPING, _E.READY): (_S.STOPPING, ()),
    (_S.STOPPING, _E.OVERDUE): (_S.STOPPING, (_A.KILL,)),
    (_S.STOPPING, _E.ENDED): (_S.DOWN, ()),
    (_S.RESTARTING, _E.START): (_S.RESTARTING, (_A.FORGIVE,)),
    (_S.RESTARTING, _E.RESTART): (_S.RESTARTING, (_A.FORGIVE,)),
    (_S.RESTARTING, _E.STOP): (_S.STOPPING, ()),
    (_S.RESTARTING, _E.READY): (_S.RESTARTING, ()),
    (_S.RESTARTING, _E.OVERDUE): (_S.RESTARTING, (_A.KILL,)),
    (_S.RESTARTING, _E.ENDED): (_S.QUEUED, (_A.ENQUEUE,)),
    (_S.ABORTING, _E.START): (_S.RESTARTING, (_A.FORGIVE,)),
    (_S.ABORTING, _E.RESTART): (_S.RESTARTING, (_A.FORGIVE,)),
    (_S.ABORTING, _E.STOP): (_S.STOPPING, ()),
    (_S.ABORTING, _E.READY): (_S.ABORTING, ()),
    (_S.ABORTING, _E.OVERDUE): (_S.ABORTING, (_A.KILL,)),
    (_S.ABORTING, _E.ENDED_FOR_GOOD): (_S.DOWN, ()),
    (_S.ABORTING, _E.ENDED_BADLY): (_S.BACKING_OFF, (_A.BACK_OFF,)),
    (_S.ABORTING, _E.ENDED_TOO_OFTEN): (_S.GIVEN_UP, (_A.REST,)),
    (_S.BACKING_OFF, _E.START): (_S.QUEUED, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.BACKING_OFF, _E.RESTART): (_S.QUEUED, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.BACKING_OFF, _E.STOP): (_S.DOWN, ()),
    (_S.BACKING_OFF, _E.DUE): (_S.QUEUED, (_A.ENQUEUE,)),
    (_S.GIVEN_UP, _E.START): (_S.QUEUED, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.GIVEN_UP, _E.RESTART): (_S.QUEUED, (_A.FORGIVE, _A.ENQUEUE)),
    (_S.GIVEN_UP, _E.STOP): (_S.DOWN, ()),
    (_S.GIVEN_UP, _E.DUE): (_S.QUEUED, (_A.PROBATION, _A.ENQUEUE)),
}

# Where an elder has nothing to wait for any more.
RELIEVED = frozenset({_S.UP, _S.STOPPING, _S.DOWN})


def step(stage: Stage, event: Event) -> tuple[Stage, tuple[Action, ...]]:
    """The next stage and what to do on the way there. Raises LookupError for what cannot happen."""
    try:
        return TABLE[stage, event]
    except KeyError:
        raise LookupError(f"a child that is {stage} cannot meet {event!r}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {_S.DOWN}"]
    for (stage, event), (after, actions) in TABLE.items():
        if stage != after or actions:
            doing = f" / {', '.join(actions)}" if actions else ""
            lines.append(f"    {stage} --> {after}: {event}{doing}")
    return "\n".join(lines) + "\n"
