"""What coordinator, shards and the shell around them say to each other: all of it, as frozen dataclasses.

Grants and starts are numbers of `fencing`. Hosts go by the name that Ray gives them (its node id, another one
after each start of its daemon), shards by names like `shard-0007`, markets by their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Wanted:
    """One market that is to run. `digest` changes with its config; `venue` is "" where nothing is live."""

    digest: str
    venue: str = ""
    has_own_gateway: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """Which Assign: that of the coordinator with the higher term, and of those the higher number."""

    term: int = 0
    number: int = 0

    def is_older_than(self, other: Revision) -> bool:
        """Whether `other` is to be obeyed rather than this one."""
        return (self.term, self.number) < (other.term, other.number)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a market was before: whose checkpoints to look at first."""

    shard: str
    start: int


@dataclass(frozen=True, slots=True)
class Handed:
    """One market of an Assign. Another grant, or another digest, starts it again."""

    grant: int
    digest: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Assign:
    """To a shard: the whole set of markets to run; what is not in it is let go. `start` is the shard's start
    that is meant: another one does not obey.
    """

    shard: str
    start: int
    revision: Revision
    markets: Mapping[str, Handed]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a market of a shard stands: `is_ready` once it gave a score, or is as ready as it will be.

    `restarts` is the low part of its epoch.
    """

    grant: int
    is_ready: bool = False
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """From a shard, every REPORT_S, and at once when it has come up or its markets have changed.

    `fault` says why this place is not fit, as a disk that takes nothing; "" where it is. `revision` is the
    one obeyed last. `version` is of the config it runs, `release` of signalnode on its host. `unshipped`
    says why its checkpoints are not in the store, "" where they are. `endpoint` is its aggregator's, as
    other hosts reach it.
    """

    shard: str
    start: int
    host: str
    version: str = ""
    revision: Revision = Revision()
    markets: Mapping[str, Standing] = field(default_factory=dict)
    fault: str = ""
    unshipped: str = ""
    endpoint: str = ""
    release: str = ""
    wall_ns: int = 0  # when it was made, by the host's clock
    ahead_s: float = 0.0  # of the head's clock; the head's shell says so


# What a coordinator is told. Each comes with the monotonic time of the head.


@dataclass(frozen=True, slots=True)
class Hold:
    """A market in a shard's hands, since it was handed over with that grant to that start of it."""

    shard: str
    start: int
    grant: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a coordinator leaves to the next one, in Ray's store: `Remember` holds it, `Begin` gives it back.

    `shards` are the starts by name, 0 where it has not come up yet.
    """

    shards: Mapping[str, int] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    draining: tuple[str, ...] = ()  # hosts


@dataclass(frozen=True, slots=True)
class Begin:
    """A coordinator has started, with a term of its own. `hosts` are addresses by host, as Ray has
    them now.
    """

    term: int
    wanted: Mapping[str, Wanted]
    version: str = ""
    hosts: Mapping[str, str] = field(default_factory=dict)
    record: Record = Record()


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host is there, or there again. `address` is what venues count by."""

    host: str
    address: str


@dataclass(frozen=True, slots=True)
class HostLost:
    """Ray says that a host is gone."""

    host: str


@dataclass(frozen=True, slots=True)
class ShardDied:
    """Ray says that a start of a shard is over; its actor will start again."""

    shard: str
    start: int


@dataclass(frozen=True, slots=True)
class WantedChanged:
    """The config was read anew, by `cluster up` or `reload`. Another version is rolled out a shard at
    a time.
    """

    wanted: Mapping[str, Wanted]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """The grant that TakeGrant asked for."""

    grant: int


@dataclass(frozen=True, slots=True)
class NotGranted:
    """The store gave none; it is asked again after GRANT_RETRY_S."""


@dataclass(frozen=True, slots=True)
class DrainAsked:
    """No market may stay on that host. It is over when the host comes again under another name."""

    host: str


@dataclass(frozen=True, slots=True)
class RebalanceAsked:
    """Move markets until shards are as even as may be: the one reason to move without need."""


@dataclass(frozen=True, slots=True)
class DownAsked:
    """End every shard, and then the coordinator."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time has passed."""


Event = (
    Begin
    | HostSeen
    | HostLost
    | Report
    | ShardDied
    | WantedChanged
    | Granted
    | NotGranted
    | DrainAsked
    | RebalanceAsked
    | DownAsked
    | Tick
)

# What a coordinator wants done. None of it has to succeed: what did not comes again.


@dataclass(frozen=True, slots=True)
class StartShard:
    """Make the detached actor of that name, near that host if that can be. That it is there already
    is well.
    """

    shard: str
    near: str


@dataclass(frozen=True, slots=True)
class EndShard:
    """End that actor for good; Ray is not to start it again. That there is none is well."""

    shard: str


@dataclass(frozen=True, slots=True)
class Fence:
    """To a start of a shard that is over (another start of it came up): run nothing any more."""

    shard: str
    start: int


@dataclass(frozen=True, slots=True)
class TakeGrant:
    """Take a grant from the store; answer with Granted or NotGranted. One question at a time."""


@dataclass(frozen=True, slots=True)
class Remember:
    """Replace the record in the store."""

    record: Record


@dataclass(frozen=True, slots=True)
class Tell:
    """A line for the log: an event in words, and what it is about."""

    level: Literal["info", "warning", "error"]
    event: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """The coordinator is at its end: `down`, or another with a higher term is there."""

    reason: str


Command = Assign | StartShard | EndShard | Fence | TakeGrant | Remember | Tell | Finish
