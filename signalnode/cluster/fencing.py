"""Grants, the epochs made of them, and what a shard may run: at most one writer of a market is heard.

A grant is at least the second in which it was taken, and higher than every grant before it, so that an
epoch of a cluster is above all epochs of single machines, which are seconds since 1970, and rises even
where the store of grants was lost with the head's disk. The highest grant that the names of checkpoints
show is a third source.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from signalnode.cluster.messages import Assign, Handed, Revision

RESTART_BITS = 16
RESTARTS_MAX = (1 << RESTART_BITS) - 1  # of one market under one grant; then it needs another
RENEW_RESTARTS = 60_000  # from which on a coordinator gives it one
GRANT_MIN = 1 << 17  # shifted it is 2**33, above all seconds until the year 2242
GRANT_MAX = (1 << 37) - 1  # shifted it is below 2**53, which is exact where numbers are doubles
GRANTS_KEPT = 4_096  # in the store; older ones are removed


def proposal(taken: Collection[int], shipped: Collection[int], wall_ns: int) -> int:
    """The grant to try for: put it if absent, and if it was there, ask again with that one among `taken`.

    `taken` are the grants in the store, `shipped` those in the names of checkpoints. Raises ClusterError
    beyond GRANT_MAX.
    """
    raise NotImplementedError


def is_taken(grant: int, taken: Collection[int]) -> bool:
    """Whether a grant that was just put is ours. `taken` was read after that: who was so slow that his number
    has been removed since would put one that somebody had before; he tries again.
    """
    raise NotImplementedError


def outdated(taken: Collection[int]) -> list[int]:
    """Grants to remove from the store: all but the GRANTS_KEPT highest."""
    raise NotImplementedError


def epoch_of(grant: int, restarts: int) -> int:
    """The epoch of a market's start number `restarts`, from 0, under a grant. Raises ClusterError."""
    raise NotImplementedError


def grant_of(epoch: int) -> int:
    """The grant of an epoch; 0 where that is of a single machine."""
    raise NotImplementedError


def restarts_of(epoch: int) -> int:
    """The restarts of an epoch; 0 where that is of a single machine."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Orders:
    """What an Assign means here: market files to write, with their grants, and to remove; then `reload`.

    Those in `write` that run already are started again, for their grant or their config is another.
    """

    write: Mapping[str, Handed] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(slots=True)
class Fencing:
    """What one start of a shard runs, and what it may never run again.

    Keep `encoded()` on disk, durably, before the orders are carried out, and begin with `decoded` of it.
    """

    shard: str
    start: int
    revision: Revision = field(default_factory=Revision)
    running: dict[str, Handed] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)  # by market: no grant up to this one may run again
    is_fenced: bool = False

    def take(self, assign: Assign) -> Orders | None:
        """Orders of a newer Assign to this start; None where it is for another, older, or this one
        is fenced.
        """
        raise NotImplementedError

    def fence(self) -> Orders:
        """All is over for this start: let everything go. A new start with a new grant begins empty."""
        raise NotImplementedError

    def encoded(self) -> bytes:
        """For the file."""
        raise NotImplementedError

    @classmethod
    def decoded(cls, content: bytes) -> Fencing:
        """Raises ClusterError where the file is not one of these: then this start must end."""
        raise NotImplementedError
