"""What Layer 5 knows that no shard could tell it again, shipped beside checkpoints for its next start.

That is what scores were followed by, what strategies hold, and which alerts are open. The first grows with
the markets and is written once a minute; the others are small and as new as the last decision. So they are
bundles of two names, and neither waits for the other. They lie beside the starts of Layer 5 on each host,
too; a host that had Layer 5 before goes on from the store where another one had it since.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from signalnode.clock import NS_PER_S, pause
from signalnode.cluster.config import Home
from signalnode.cluster.shipper import PRUNE_EVERY, Shipper
from signalnode.cluster.shipping import MARKET_BYTES_MAX, Packed, candidates, newest_of
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.files import ensure_directory, replace_file
from signalnode.logs import Logger

NAME = "layer5"  # of its actor, of its directory beside those of shards, and of what it ships
LEARNT, HELD = NAME, f"{NAME}-held"
# By the name of a bundle its files, and where each lies below the state directory: of `aggregator.kept`,
# `aggregator.states` and `panels.alerts.process`.
PARTS: Mapping[str, Mapping[str, str]] = {
    LEARNT: {"outcomes.msgpack": "aggregator"},
    HELD: {"states.msgpack": "aggregator", "told.json": "alerts"},
}
READ_MAX = 4  # bundles of one name that are tried: the newest may be torn
# A store that is away while Layer 5 starts is asked again: what it holds took days to learn, and once it has
# begun without, what it ships itself is newer. Each question has a limit of its own (`store`).
ASKED_MAX, AGAIN_S = 3, 2.0

_Seen = dict[str, tuple[int, int]]  # by file: when it was changed, and its size


def of_shards(names: list[str]) -> list[str]:
    """Names in the store without those of Layer 5, which have no market's checkpoint."""
    return [name for name in names if name.partition("/")[0] not in PARTS]


class Learnt:
    """Of one start. Nothing here raises ClusterError: without the store it goes on with what its host has."""

    def __init__(self, home: Home, store: CheckpointStore, log: Logger) -> None:
        self._home, self._store, self._log = home, store, log
        # Of what was learnt there are few bundles, each large: no more is left than has to be.
        self._shippers = {
            name: Shipper(store, name, home.start, log, 1 if name == LEARNT else PRUNE_EVERY)
            for name in PARTS
        }
        self._shipping = threading.Lock()  # at the end somebody else ships the last of it
        self._shipped: dict[str, _Seen] = {}

    @property
    def unshipped(self) -> str:
        """Why something of it is not in the store, "" where all is."""
        return next((each.unshipped for each in self._shippers.values() if each.unshipped), "")

    def fetch(self, wait: Callable[[int], object] = pause) -> None:
        """Before the node starts: lay out what later starts than the last one here have shipped."""
        before = self._last_here()
        for asked in range(1, ASKED_MAX + 1):
            try:
                self._fetch_all(before)
            except ClusterError as error:
                if asked < ASKED_MAX:
                    self._log.warning("asks again for what was shipped", reason=str(error), after_s=AGAIN_S)
                    wait(int(AGAIN_S * NS_PER_S))
                    continue
                what = (
                    "it goes on from what this host has"
                    if before
                    else "it begins cold: nothing is learnt yet"
                )
                self._log.error("layer 5 starts without what was shipped", reason=str(error), what=what)
                self._shippers[LEARNT].tell_away(error)
            break
        ensure_directory(self._home.kept)
        replace_file(self._mark, f"{self._home.start}".encode())

    def _fetch_all(self, before: int) -> None:
        names = self._store.names()
        for name in PARTS:
            self._fetch(name, names, before)

    def ship(self) -> None:
        """Put what has changed into the store."""
        with self._shipping:
            self._ship()

    def _ship(self) -> None:
        for name, shipper in self._shippers.items():
            seen = self._seen(name)
            if not seen or seen == self._shipped.get(name):
                continue
            if shipper.ship({NAME: Packed(self._home.start, self._content(name))}):
                self._shipped[name] = seen

    def _fetch(self, name: str, names: list[str], before: int) -> None:
        ours = [each for each in candidates(names) if each.shard == name and before < each.start]
        for shipment in ours[:READ_MAX]:
            bundle = self._shippers[name].read(shipment)
            found = newest_of(NAME, self._home.start, [bundle]) if bundle else None
            if found is not None:
                for file in found.files.keys() & PARTS[name].keys():
                    path = self._path(name, file)
                    ensure_directory(path.parent)
                    replace_file(path, found.files[file])
                self._log.info("goes on from what was shipped", name=shipment.name)
                return

    def _seen(self, name: str) -> _Seen:
        seen: _Seen = {}
        for file in PARTS[name]:
            with contextlib.suppress(OSError):
                found = self._path(name, file).stat()
                seen[file] = (found.st_mtime_ns, found.st_size)
        return seen

    def _content(self, name: str) -> dict[str, bytes]:
        content: dict[str, bytes] = {}
        for file in PARTS[name]:
            with contextlib.suppress(OSError), self._path(name, file).open("rb") as opened:
                content[file] = opened.read(MARKET_BYTES_MAX + 1)  # one more: told as over its bound
        return content

    def _path(self, name: str, file: str) -> Path:
        return self._home.kept / PARTS[name][file] / file

    @property
    def _mark(self) -> Path:
        """Whose files lie here: the last start on this host that had fetched."""
        return self._home.kept / "start"

    def _last_here(self) -> int:
        try:
            return int(self._mark.read_text("ascii"))
        except (OSError, ValueError):
            return 0
