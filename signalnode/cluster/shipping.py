"""Checkpoints of a shard as one object, named so that nobody overwrites another's.

    shard-0007/grant-0000001764230400/000000000123.bundle

The number in the middle is the start of the shard that wrote it, the last one counts its bundles. A market
that is handed over goes on from the newest bundle that has it: that of its highest earlier grant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

BUNDLE_BYTES_MAX = 67_108_864
MARKET_BYTES_MAX = 8_388_608
FILES_MAX = 8  # of one market
KEPT = 2  # bundles of one start: the newest may be half read
STARTS_KEPT = 4  # starts of one shard of which the newest bundle is kept


@dataclass(frozen=True, slots=True)
class Shipment:
    """The name of a bundle, read."""

    shard: str
    start: int
    number: int

    @property
    def name(self) -> str:
        """Below the address of the store, with slashes."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Packed:
    """What is kept of one market: its checkpoint's files by name, and the grant it had."""

    grant: int
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One object. `time_ns` is the wall clock's when it was packed, for people; nothing is decided by it."""

    shard: str
    start: int
    number: int
    time_ns: int
    markets: Mapping[str, Packed] = field(default_factory=dict)


def shipment_of(name: str) -> Shipment | None:
    """A name in the store read; None where it is none of ours."""
    raise NotImplementedError


def packed(bundle: Bundle) -> bytes:
    """The object: a bundle and its digest. Raises ClusterError where something is over its bound."""
    raise NotImplementedError


def unpacked(content: bytes) -> Bundle:
    """Raises ClusterError where it is torn, too large, or has names that do not belong in it."""
    raise NotImplementedError


def candidates(names: Iterable[str], origin: tuple[str, int] | None = None) -> list[Shipment]:
    """The newest bundle of each start, the one of `origin` (shard and start) first, then by falling start."""
    raise NotImplementedError


def newest_of(market: str, before: int, bundles: Iterable[Bundle]) -> Packed | None:
    """A market's files of its highest grant below `before`, and of those the last bundle's; None: it
    is cold.
    """
    raise NotImplementedError


def superseded(names: Collection[str]) -> list[str]:
    """Names in the store that may be removed: see KEPT and STARTS_KEPT."""
    raise NotImplementedError
