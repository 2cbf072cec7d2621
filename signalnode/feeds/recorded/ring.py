"""A bounded pipe from an engine to the recorder: a file written round and round, which neither waits for.

So a kill -9 of either end loses nothing: what one has written the other finds, from where it had come to. The
file is as long as it will ever be from the start, so a full disk stops no write. What does not fit is left
out as a whole, and who writes is told.

Its head, 64 bytes: MAGIC, the generation (u64, of each file another), the capacity in bytes; then, with its
complement behind it, how many bytes have ever been written, and how many have been taken. A record is its
length (u32), its kind (u8), a time (i64, ns) and its content. All of it little-endian.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from signalnode.files import PRIVATE_FILE, ensure_directory, replacing

MAGIC = b"snring1\0"
HEAD_BYTES, WRITTEN_AT, TAKEN_AT = 64, 24, 40
CAPACITY_MIN, CAPACITY_MAX = 65_536, 1 << 30  # bytes
LINES, ROWS, MARK, GAP = 1, 2, 3, 4  # kinds of records
_HEAD = struct.Struct("<8sQQ")
_PLACE = struct.Struct("<QQ")
_RECORD = struct.Struct("<IBq")
_MASK = (1 << 64) - 1
_READS_MAX = 8  # of a place that is just being written


class Record(NamedTuple):
    """What was written at once, and the place behind it."""

    kind: int
    time_ns: int
    content: bytes
    place: int


class _End:
    """What both ends share. Raises OSError and ValueError, where it is no ring."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        head = os.pread(self._file, HEAD_BYTES, 0)
        magic, self.generation, self.capacity = _HEAD.unpack_from(head.ljust(HEAD_BYTES, b"\0"))
        if magic != MAGIC or os.fstat(self._file).st_size != HEAD_BYTES + self.capacity:
            os.close(self._file)
            raise ValueError(f"{path}: is no pipe of a recorder; remove it")
        self._head = mmap.mmap(self._file, HEAD_BYTES)  # places change in each turn: no call of the system

    def _place(self, at: int) -> int:
        for _ in range(_READS_MAX):
            place, check = _PLACE.unpack_from(self._head, at)
            if place ^ check == _MASK:
                return int(place)
        raise ValueError(f"{self.path}: its head is damaged; remove it")

    def _put_place(self, at: int, place: int) -> None:
        _PLACE.pack_into(self._head, at, place, place ^ _MASK)

    @property
    def written(self) -> int:
        """Bytes ever written."""
        return self._place(WRITTEN_AT)

    @property
    def taken(self) -> int:
        """Bytes of them that are safe elsewhere."""
        return self._place(TAKEN_AT)

    def is_there(self) -> bool:
        """Whether nobody has removed the file, or put another in its place."""
        try:
            return os.path.samestat(os.fstat(self._file), self.path.stat())
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            self._head.close()
            os.close(self._file)
            self._file = -1


class RingWriter(_End):
    """An engine's end; there is one at a time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._at = self.written

    def put(self, records: Sequence[tuple[int, int, bytes]]) -> bool:
        """Write records (kind, time, content), all or none; whether there was room. Raises OSError."""
        parts = [
            part
            for kind, time_ns, content in records
            for part in (_RECORD.pack(len(content), kind, time_ns), content)
        ]
        data = b"".join(parts)
        if self._at + len(data) - self.taken > self.capacity:
            return False
        start = self._at % self.capacity
        first = data[: self.capacity - start]
        _write(self._file, first, HEAD_BYTES + start)
        if len(first) < len(data):
            _write(self._file, data[len(first) :], HEAD_BYTES)
        self._at += len(data)
        self._put_place(WRITTEN_AT, self._at)  # last: until then none of it is there
        return True


class RingReader(_End):
    """The recorder's end; there is one at a time."""

    def read(self, place: int, bytes_max: int) -> list[Record]:
        """Whole records from `place` on, at least one if there is one, else about `bytes_max` of them.

        Raises ValueError where there cannot be one.
        """
        end = self.written
        if not 0 <= end - place <= self.capacity:
            raise ValueError(f"{self.path}: nothing was written at {place}")
        found: list[Record] = []
        data, at = self._bytes(place, min(bytes_max, end - place)), 0
        while at + _RECORD.size <= len(data):
            length, kind, time_ns = _RECORD.unpack_from(data, at)
            begin, stop = at + _RECORD.size, at + _RECORD.size + length
            if place + stop > end:
                raise ValueError(f"{self.path}: a record of {length} bytes is not whole")
            if stop > len(data):
                if found:
                    break
                data = self._bytes(place, stop)
            found.append(Record(kind, time_ns, data[begin:stop], place + stop))
            at = stop
        return found

    def take(self, place: int) -> None:
        """All before `place` is safe: there is room for other things now."""
        self._put_place(TAKEN_AT, place)

    def _bytes(self, place: int, count: int) -> bytes:
        start = place % self.capacity
        data = os.pread(self._file, min(count, self.capacity - start), HEAD_BYTES + start)
        return data + os.pread(self._file, count - len(data), HEAD_BYTES) if len(data) < count else data


def make_ring(path: Path, capacity: int, generation: int) -> None:
    """Make an empty one; raises OSError, also where there is no room for all of it."""
    ensure_directory(path.parent)
    with replacing(path) as draft:
        file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            os.posix_fallocate(file, 0, HEAD_BYTES + capacity)
            os.pwrite(file, _HEAD.pack(MAGIC, generation, capacity), 0)
            for at in (WRITTEN_AT, TAKEN_AT):
                os.pwrite(file, _PLACE.pack(0, _MASK), at)
        finally:
            os.close(file)


def _write(file: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        count = os.pwrite(file, rest, at)
        rest, at = rest[count:], at + count
