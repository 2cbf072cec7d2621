"""Checkpoints of a shard as one object, named so that nobody overwrites another's.

    shard-0007/grant-0001764230400/000000000123.bundle

The number in the middle is the start of the shard that wrote it, the last one counts its bundles. A market
that is handed over goes on from the newest bundle that has it: that of its highest earlier grant. What Layer
5 ships has names of its own (`learnt`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from signalnode.errors import ClusterError
from signalnode.names import market_name_fault, name_fault
from signalnode.settings.cluster import GRANT_MAX

BUNDLE_BYTES_MAX = 134_217_728
MARKET_BYTES_MAX = 100_663_296  # two checkpoints, each at its own bound; what is learnt of 20,000 markets
MARKETS_MAX = 1_000
FILES_MAX = 8  # of one market
NUMBER_MAX = 10**12 - 1
KEPT = 2  # bundles of one start: the newest may be half read
STARTS_KEPT = 4  # starts of one shard of which the newest bundle is kept

_MAGIC = b"signalnode bundle 1\n"
_DIGEST_BYTES = 32
_NAME = re.compile(r"([^/]+)/grant-(\d{10,12})/(\d{12})\.bundle", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shipment:
    """The name of a bundle, read."""

    shard: str
    start: int
    number: int

    @property
    def name(self) -> str:
        """Below the address of the store, with slashes."""
        return f"{self.shard}/grant-{self.start:010d}/{self.number:012d}.bundle"


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
    found = _NAME.fullmatch(name)
    if found is None or name_fault(found[1]) or int(found[2]) > GRANT_MAX:
        return None
    return Shipment(found[1], int(found[2]), int(found[3]))


def packed(bundle: Bundle) -> bytes:
    """The object: a bundle and its digest. Raises ClusterError where something is over its bound."""
    if fault := _fault(bundle):
        raise ClusterError(f"{bundle.shard}: its checkpoints cannot be shipped: {fault}")
    body = msgspec.msgpack.encode(bundle)
    if len(body) > BUNDLE_BYTES_MAX:
        raise ClusterError(f"{bundle.shard}: its checkpoints have {len(body)} bytes, over {BUNDLE_BYTES_MAX}")
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpacked(content: bytes) -> Bundle:
    """Raises ClusterError where it is torn, too large, or has names that do not belong in it."""
    head = len(_MAGIC) + _DIGEST_BYTES
    if len(content) > head + BUNDLE_BYTES_MAX or not content.startswith(_MAGIC):
        raise ClusterError("a bundle of checkpoints is none of ours; it is left out")
    body = content[head:]
    if hashlib.sha256(body).digest() != content[len(_MAGIC) : head]:
        raise ClusterError("a bundle of checkpoints is torn; it is left out")
    try:
        bundle = msgspec.msgpack.decode(body, type=Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ClusterError(f"a bundle of checkpoints cannot be read ({error}); it is left out") from None
    if fault := _fault(bundle):
        raise ClusterError(f"a bundle of checkpoints is left out: {fault}")
    return bundle


def _fault(bundle: Bundle) -> str | None:
    if not 0 <= bundle.number <= NUMBER_MAX or not 0 < bundle.start <= GRANT_MAX or name_fault(bundle.shard):
        return "its name says something impossible"
    if len(bundle.markets) > MARKETS_MAX:
        return f"{len(bundle.markets)} markets, over {MARKETS_MAX}"
    for market, each in bundle.markets.items():
        if market_name_fault(market) or any(map(name_fault, each.files)):  # they become paths
            return f"{market!r} or one of its files has no name of ours"
        if not 0 < each.grant <= GRANT_MAX:
            return f"{market} has no grant"
        if len(each.files) > FILES_MAX or sum(map(len, each.files.values())) > MARKET_BYTES_MAX:
            return f"{market} has more than {FILES_MAX} files or {MARKET_BYTES_MAX} bytes"
    return None


def candidates(names: Iterable[str], origin: tuple[str, int] | None = None) -> list[Shipment]:
    """Bundles in the order in which to look: those of `origin` (shard, start) first, then by falling start;
    of each start at most KEPT, the newest first, for the newest may be torn.
    """
    starts = _by_start(names)
    order = sorted(starts, key=lambda key: (key == origin, key[1], key[0]), reverse=True)
    return [each for key in order for each in starts[key][:KEPT]]


def _by_start(names: Iterable[str]) -> dict[tuple[str, int], list[Shipment]]:
    """By shard and start, the newest first."""
    starts: dict[tuple[str, int], list[Shipment]] = {}
    for each in filter(None, map(shipment_of, names)):
        starts.setdefault((each.shard, each.start), []).append(each)
    for found in starts.values():
        found.sort(key=lambda each: each.number, reverse=True)
    return starts


def newest_of(market: str, before: int, bundles: Iterable[Bundle]) -> Packed | None:
    """A market's files of its highest grant below `before`, of those the last bundle's; None: it is cold."""
    found: list[tuple[Any, Packed]] = []
    for bundle in bundles:
        each = bundle.markets.get(market)
        if each is not None and each.grant < before:
            found.append(((each.grant, bundle.start, bundle.number), each))
    return max(found, key=lambda item: item[0])[1] if found else None


def superseded(names: Collection[str]) -> list[str]:
    """Names in the store that may be removed: see KEPT and STARTS_KEPT. What is not ours is let be."""
    shards: dict[str, list[list[Shipment]]] = {}
    for (shard, _), found in sorted(_by_start(names).items(), reverse=True):
        shards.setdefault(shard, []).append(found)
    removed: list[str] = []
    for starts in shards.values():
        for age, found in enumerate(starts):
            kept = KEPT if age == 0 else 1 if age < STARTS_KEPT else 0
            removed += [each.name for each in found[kept:]]
    return sorted(removed)
