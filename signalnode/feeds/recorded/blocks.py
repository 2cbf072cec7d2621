"""How recordings are written as they come: blocks of some seconds, each a zstd frame of its own.

Before each frame stands what zstd calls a skippable frame, which every tool passes over: how long the frame
is, what it holds, and how far the pipe had been read (`ring.py`) when it was written. So `zstdcat` reads such
a file whole, we read it from the middle, and after a crash it is cut behind its last whole block, from where
the pipe is read on: nothing is lost, and nothing is written twice.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, BinaryIO, NamedTuple

SKIPPABLE = b"\x50\x2a\x4d\x18"
LINES, ROWS, MARK = 1, 2, 3  # what a block holds: lines of a capture, rows of EVENT, a mark
BEGINS = 1  # flag of lines: a mark is among them
CONTENT_BYTES_MAX = 64 << 20  # of one block; whoever reads it must hold it
SEARCH_BYTES = 1 << 20  # read at once behind what is damaged
_LEVEL = 3  # of zstd: its own default; 6 saves a twentieth, for three times the work
_INDEX = struct.Struct("<BBIIIIQQqqq8s")  # the fields of `Index`


BEGINNING = SKIPPABLE + struct.pack("<I", _INDEX.size)
_HEAD_BYTES = len(BEGINNING) + _INDEX.size

OnDamage = Callable[
    [int, int], None
]  # from and to when, ns: the last time before, the first behind; 0: not known


def _unheeded(_from_ns: int, _to_ns: int) -> None:
    """Damage is nothing to whoever asks so."""


class Index(NamedTuple):
    """What stands before a block. Times in ns; `number` and `lineage`: see `marks.py`."""

    kind: int
    flags: int
    length: int  # of the zstd frame, in bytes
    content_length: int
    rows: int  # or lines
    check: int  # CRC-32 of the zstd frame
    generation: int  # of the pipe
    place: int  # in the pipe, behind all that has been written, here and before
    first_ns: int
    last_ns: int
    number: int  # of the row after the last
    lineage: bytes


class Block(NamedTuple):
    """A block in a file: its index, here of what it holds, where its frame begins, and whether something that
    is no block stands before it.
    """

    of: Index
    at: int
    is_behind_damage: bool = False


def pack_block(index: Index, content: bytes) -> bytes:
    """A block as it is written; its lengths and its check are worked out here."""
    frame = _codec().compress(content, asbytes=True)
    whole = index._replace(length=len(frame), content_length=len(content), check=zlib.crc32(frame))
    packed: bytes = BEGINNING + _INDEX.pack(*whole) + frame
    return packed


def walk(file: BinaryIO) -> Iterator[Block]:
    """The whole blocks of a file, in order, whose contents are not looked at. A torn one is its end, unless
    others follow: then it is damaged, and passed over.
    """
    file.seek(0, 2)
    size, at, is_behind_damage = file.tell(), 0, False
    while at + _HEAD_BYTES <= size:
        file.seek(at)
        data = file.read(_HEAD_BYTES)
        index = Index._make(_INDEX.unpack_from(data, len(BEGINNING)))
        end = at + _HEAD_BYTES + index.length
        if not data.startswith(BEGINNING) or end > size or index.content_length > CONTENT_BYTES_MAX:
            at = _next_beginning(file, at + 1)
            if at < 0:
                return
            is_behind_damage = True
            continue
        yield Block(index, at + _HEAD_BYTES, is_behind_damage)
        at, is_behind_damage = end, False


def _next_beginning(file: BinaryIO, at: int) -> int:
    """Where the next block begins, or what looks like one; -1 where there is none."""
    file.seek(at)
    held = b""
    while data := file.read(SEARCH_BYTES):
        held += data
        if (found := held.find(BEGINNING)) >= 0:
            return at + found
        at += max(0, len(held) - len(BEGINNING) + 1)
        held = held[-len(BEGINNING) + 1 :]
    return -1


def contents(
    file: BinaryIO, on_damage: OnDamage = _unheeded, *, end_ns: int = 0, first: int = 0
) -> Iterator[tuple[Block, bytes]]:
    """The sound blocks of a file from the `first` on, in order, with what they hold; `on_damage` is called
    for each stretch that is not sound, before what follows it. The last one counts only where `end_ns` is
    given, up to which the file is finished: else a crash may have left it so.
    """
    newest_ns = end = 0
    is_damaged = False
    for number, block in enumerate(walk(file)):
        end = end_of(block)
        content = content_of(file, block) if number >= first else None
        if number >= first:
            is_damaged |= block.is_behind_damage or content is None
        if content is not None:
            if is_damaged:
                on_damage(newest_ns, block.of.first_ns)
            is_damaged = False
            yield block, content
        if not is_damaged:
            newest_ns = max(newest_ns, block.of.last_ns)
    if end_ns and (is_damaged or end < file.seek(0, 2)):
        on_damage(newest_ns, end_ns)


def end_of(block: Block) -> int:
    """Where the next one begins."""
    return block.at + block.of.length


def content_of(file: BinaryIO, block: Block) -> bytes | None:
    """What a block holds; None where it is damaged."""
    file.seek(block.at)
    frame = file.read(block.of.length)
    if len(frame) < block.of.length or zlib.crc32(frame) != block.of.check:
        return None
    try:
        found: bytes = _codec().decompress(frame, block.of.content_length, asbytes=True)
    except OSError:
        return None
    return found if len(found) == block.of.content_length else None


def last_sound(file: BinaryIO) -> tuple[Index | None, int]:
    """The index of the last block that is whole and sound, and where it ends: what is behind that is cut."""
    found, end = None, 0
    blocks = list(walk(file))
    while blocks:
        block = blocks.pop()
        if content_of(file, block) is not None:
            return block.of, end_of(block)
    return found, end


@cache
def _codec() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=_LEVEL)
