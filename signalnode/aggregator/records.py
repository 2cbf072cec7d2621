"""How records stand in a file of the journal: framed, checked, and compressed one behind the other.

A record is length and CRC-32 of its body (two little-endian u32), then the body: BEGINS or GOES_ON, one byte,
and raw deflate (RFC 1951) up to a sync flush. GOES_ON needs the records back to the last BEGINS: a view is
much like the one before it, and costs a fifth in its stream. Streams are short, so that the end of a file is
read without all of it. Older versions wrote the content as it is, one msgpack map, which begins with neither.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from signalnode.bus.wire import VIEW_BYTES_MAX

RECORD_BYTES_MAX = 4 * VIEW_BYTES_MAX  # of a content
STREAM_BYTES_MAX = 1_048_576  # then another stream begins: 15 ms of work for who reads the last one
LEVEL = 1  # of 200 markets 0.5 ms, and 1.0 with level 4 for 2% less; scores hardly repeat
BEGINS, GOES_ON = b"\x01", b"\x02"

_HEAD = struct.Struct("<II")
_BODY_BYTES_MAX = RECORD_BYTES_MAX + RECORD_BYTES_MAX // 1_024  # of what cannot be made smaller
_WINDOW_BITS = -15  # raw, without zlib's own head and checksum


class RecordError(ValueError):
    """A body that its checksum vouches for, and that is none of this version."""


class Packer:
    """Contents into the records of one file. Deflate remembers: `begin_anew` where one did not get there."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Let the next record need nothing that stands before it."""
        self._stream = zlib.compressobj(LEVEL, wbits=_WINDOW_BITS)
        self._size = 0

    def packed(self, content: bytes) -> bytes:
        """The whole record of `content`."""
        if self._size > STREAM_BYTES_MAX:
            self.begin_anew()
        mark = GOES_ON if self._size else BEGINS
        body = mark + self._stream.compress(content) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        self._size += len(body)
        return _HEAD.pack(len(body), zlib.crc32(body)) + body


class _Unpacker:
    """Bodies back into contents, in their order."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_WINDOW_BITS)

    def content(self, body: bytes) -> bytes:
        mark = body[:1]
        if mark not in (BEGINS, GOES_ON):
            return body
        if mark == BEGINS:
            self._stream = zlib.decompressobj(_WINDOW_BITS)
        try:
            content = self._stream.decompress(body[1:], RECORD_BYTES_MAX)
        except zlib.error as error:
            raise RecordError(str(error)) from None
        if self._stream.unconsumed_tail:
            raise RecordError(f"more than {RECORD_BYTES_MAX} bytes")
        return content


def contents(path: Path) -> Iterator[bytes]:
    """The contents of a file's whole records, up to its end or the first that is torn or damaged.

    Raises RecordError for one that is none of this version.
    """
    unpacker = _Unpacker()
    for body in _bodies(path):
        yield unpacker.content(body)


def last_content(path: Path) -> bytes | None:
    """The last of `contents`, None if there is none; what stands before its stream is not unpacked."""
    stream: list[bytes] = []
    for body in _bodies(path):
        if body[:1] != GOES_ON:
            stream.clear()
        stream.append(body)
    content, unpacker = None, _Unpacker()
    for body in stream:
        content = unpacker.content(body)
    return content


def whole_size(path: Path) -> int:
    """Bytes of a file up to the first record that is torn or damaged."""
    return sum(_HEAD.size + len(body) for body in _bodies(path))


def is_cut_short(path: Path, place: int) -> bool:
    """Whether the file ends within the record at `place`, as a kill or a full disk leaves it."""
    with path.open("rb") as file:
        file.seek(place)
        head = file.read(_HEAD.size)
        rest = os.fstat(file.fileno()).st_size - place - _HEAD.size
    return rest < 0 or rest < _HEAD.unpack(head)[0] <= _BODY_BYTES_MAX


def _bodies(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            if not 0 < length <= _BODY_BYTES_MAX:  # a loss of power may leave zeros, and their CRC is 0 too
                return
            body = file.read(length)
            if len(body) < length or zlib.crc32(body) != checksum:
                return
            yield body
