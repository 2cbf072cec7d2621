"""One kind of recording of one market as it is written: blocks into the hour's file, hour after hour.

Whatever ends the process, what stands in the file up to its last whole block stays, and says how far the pipe
had been read. A failed write leaves the file as it was, and what was to be written is kept for the next try.
"""

from __future__ import annotations

import os
from pathlib import Path

from signalnode.feeds.recorded.blocks import MARK, Index, last_sound, pack_block
from signalnode.feeds.recorded.hours import Hour, Kind, hour_of, hour_path, hours_in
from signalnode.feeds.recorded.parquet import facts_of
from signalnode.files import PRIVATE_FILE, ensure_directory, rename, sync

CONTENT_BYTES_MAX = 8 << 20  # of one block, unless one line or one batch is more
NOTHING = Index(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bytes(8))


class Stream:
    """What `kind` of a market is written to; begins behind what is there. Raises OSError."""

    def __init__(self, folder: Path, kind: Kind, venue: str, market: str) -> None:
        self.kind = kind
        self._folder, self._venue, self._market = folder, venue, market
        self._file = -1
        self._size = 0
        self._blocks: list[bytes] = []  # to be written at once
        self._parts: list[bytes] = []  # of the block that is being filled
        self._parts_bytes = 0
        self._next = NOTHING
        self.last = NOTHING  # as of what was given, whether it is written yet or not
        self.safe = 0  # the place in the pipe before which all is written
        self.hour_ns = 0
        self._part = 1
        self.finished: list[Hour] = []  # raw hours that are, events that are ready to become Parquet
        self._recover()

    def _recover(self) -> None:
        hours = hours_in(self._folder, self.kind, self._venue, self._market)
        if not hours:
            return
        newest = hours[-1]
        for left in hours[:-1]:
            if left.is_open:  # two recorders, or somebody's copy
                _cut(left.path)
                self._finish(left)
        self.hour_ns, self._part = newest.start_ns, newest.part
        if newest.is_open:
            self._size = _cut(newest.path)
            self._file = os.open(newest.path, os.O_WRONLY | os.O_CLOEXEC)
        else:
            self._part += 1
        for hour in reversed(hours):  # a crash may leave one that is empty
            if (found := _last_of(hour)) is not None:
                self.last = found
                break
        self.safe = self.last.place
        self.finished += [hour for hour in hours if hour.path.suffix == ".closed"]

    @property
    def pending_bytes(self) -> int:
        """What waits to be written."""
        return self._parts_bytes + sum(map(len, self._blocks))

    def add(self, content: bytes, index: Index) -> None:
        """What comes next, of the kind, flags, count, times, number and lineage in `index`, and behind which
        place in the pipe it ends.
        """
        hour_ns = max(hour_of(index.first_ns), self.hour_ns)
        if hour_ns != self.hour_ns:
            self.end_hour()
            self.hour_ns, self._part = hour_ns, 1
        if self._parts and (
            index.kind != self._next.kind
            or index.kind == MARK
            or index.lineage != self._next.lineage
            or self._parts_bytes + len(content) > CONTENT_BYTES_MAX
        ):
            self._pack()
        if not self._parts:
            self._next = index._replace(rows=0, flags=0)
        self._parts.append(content)
        self._parts_bytes += len(content)
        self._next = index._replace(
            rows=self._next.rows + index.rows,
            flags=self._next.flags | index.flags,
            first_ns=self._next.first_ns,
            last_ns=max(self._next.last_ns, index.last_ns),
        )
        self.last = self._next

    def _pack(self) -> None:
        if self._parts:
            self._blocks.append(pack_block(self._next, b"".join(self._parts)))
            self._parts, self._parts_bytes = [], 0

    def flush(self) -> None:
        """Write what waits. Raises OSError; then it still waits."""
        self._pack()
        if self._blocks:
            data = b"".join(self._blocks)
            if self._file < 0:
                self._open()
            elif not os.fstat(self._file).st_nlink:  # what is written to it then is lost at once
                raise FileNotFoundError(f"{self._path('open')}: was deleted while it was written")
            try:
                _write_all(self._file, data, self._size)
            except OSError:
                os.ftruncate(self._file, self._size)
                raise
            self._size += len(data)
            self._blocks = []
        self.safe = self.last.place

    def _open(self) -> None:
        path = self._path("open")
        while any(
            hour.start_ns == self.hour_ns and hour.part == self._part
            for hour in self._hours_of_this_day(path)
        ):
            self._part += 1
            path = self._path("open")
        ensure_directory(path.parent)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        self._size = 0

    def _hours_of_this_day(self, path: Path) -> list[Hour]:
        hours = hours_in(self._folder, self.kind, self._venue, self._market)
        return [hour for hour in hours if hour.path.parent == path.parent]

    def _path(self, state: str) -> Path:
        return hour_path(self._folder, self.kind, self._venue, self._market, self.hour_ns, self._part, state)

    def end_hour(self) -> None:
        """Write what waits, and give the hour's file its name for good. Raises OSError."""
        self.flush()
        if self._file < 0:
            return
        path = self._path("open")
        sync(path)
        os.close(self._file)
        self._file = -1
        self._finish(Hour(self.kind, self._venue, self._market, self.hour_ns, self._part, path))
        self._part += 1

    def _finish(self, hour: Hour) -> None:
        path = self._name_after(hour)
        rename(hour.path, path)
        self.finished.append(hour._replace(path=path))

    def _name_after(self, hour: Hour) -> Path:
        state = "" if self.kind == "raw" else "closed"
        return hour_path(self._folder, self.kind, self._venue, self._market, hour.start_ns, hour.part, state)

    def close(self) -> None:
        """Let go of the file, which stays as it is; `flush` before."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _cut(path: Path) -> int:
    """Cut what a crash left behind the last sound block; the bytes that are left."""
    with path.open("r+b") as file:
        _, size = last_sound(file)
        file.truncate(size)
    return size


def _last_of(hour: Hour) -> Index | None:
    """The index of the last block of an hour; None where there is none."""
    if hour.path.suffix == ".parquet":
        return facts_of(hour.path)
    with hour.path.open("rb") as file:
        return last_sound(file)[0]


def _write_all(file: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        count = os.pwrite(file, rest, at)
        rest, at = rest[count:], at + count
