"""Grants, and what a shard may run: at most one writer of a market is heard.

A grant is at least the second in which it was taken, and higher than every grant before it, so that an epoch
of a cluster (`bus.epoch.epoch_of`) is above all epochs of single machines, which are seconds since 1970, and
rises even where the store of grants was lost with the head's disk. The highest grant that the names of
checkpoints show is a third source.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from signalnode.clock import NS_PER_S
from signalnode.cluster.messages import Assign, Handed, Revision
from signalnode.errors import ClusterError
from signalnode.settings.cluster import GRANT_MAX, GRANT_MIN

RENEW_RESTARTS = 60_000  # of one market under one grant, from which on a coordinator gives it another
GRANTS_KEPT = 4_096  # in the store; older ones are removed


def proposal(taken: Collection[int], shipped: Collection[int], wall_ns: int) -> int:
    """The grant to try for: put it if absent, and if it was there, ask again with that one among `taken`.

    `taken` are the grants in the store, `shipped` those in the names of checkpoints. Raises ClusterError
    beyond GRANT_MAX.
    """
    highest = max((*taken, *shipped), default=0)
    grant = max(highest + 1, wall_ns // NS_PER_S, GRANT_MIN)
    if grant > GRANT_MAX:
        raise ClusterError(
            f"grant {grant} is above {GRANT_MAX}; does the head's clock stand far in the future?"
        )
    return grant


def is_taken(grant: int, taken: Collection[int]) -> bool:
    """Whether a grant that was just put is ours. `taken` was read after that: who was so slow that his number
    has been removed since would put one that somebody had before; he tries again.
    """
    return grant in sorted(taken)[-GRANTS_KEPT:]


def outdated(taken: Collection[int]) -> list[int]:
    """Grants to remove from the store: all but the GRANTS_KEPT highest."""
    return sorted(taken)[:-GRANTS_KEPT]


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
        """Orders of a newer Assign to this start; None where it is for another, older, or this one is fenced.

        What it hands over with a grant that is over here is left out.
        """
        is_ours = (assign.shard, assign.start) == (self.shard, self.start)
        if self.is_fenced or not is_ours or not self.revision.is_older_than(assign.revision):
            return None
        self.revision = assign.revision
        allowed = {
            name: handed for name, handed in assign.markets.items() if handed.grant > self.over.get(name, 0)
        }
        write = {
            name: handed for name, handed in allowed.items() if not _is_same(handed, self.running.get(name))
        }
        remove = tuple(sorted(self.running.keys() - allowed.keys()))
        for name, before in self.running.items():
            after = allowed.get(name)
            if after is None:
                self.over[name] = before.grant
            elif after.grant != before.grant:
                self.over[name] = min(before.grant, after.grant - 1)
        self.running = allowed
        return Orders(write, remove)

    def fence(self) -> Orders:
        """All is over for this start: let everything go. A new start with a new grant begins empty."""
        self.is_fenced = True
        remove = tuple(sorted(self.running))
        self.over |= {name: handed.grant for name, handed in self.running.items()}
        self.running = {}
        return Orders(remove=remove)

    def encoded(self) -> bytes:
        """For the file."""
        return msgspec.json.encode(self)

    @classmethod
    def decoded(cls, content: bytes) -> Fencing:
        """Raises ClusterError where the file is not one of these: then this start must end."""
        try:
            return msgspec.json.decode(content, type=Fencing)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ClusterError(f"what this shard may run cannot be read ({error}); start it anew") from None


def _is_same(handed: Handed, before: Handed | None) -> bool:
    """Whether a market goes on as it is. Where it came from matters at its start alone."""
    return before is not None and (handed.grant, handed.digest) == (before.grant, before.digest)
