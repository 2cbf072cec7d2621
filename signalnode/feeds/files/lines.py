"""Lines of a file that may be plain, gzip, xz or zstd, and may be damaged: streaming, bounded, and never
giving up early.

The members of a gzip file, the streams of an xz and the frames of a zstd file are read one after the other.
Where one breaks off or is corrupt, what it gave so far stays; in a gzip file, reading goes on at the next
member, if there is one: a recorder that was killed and restarted leaves just that.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from signalnode.errors import DataError
from signalnode.feeds.faults import Faults

READ_BYTES = 65_536  # compressed bytes read at once
INFLATE_BYTES_MAX = 1 << 18  # bytes inflated at once, however well the data was packed
SALVAGE_BYTES = 64  # step in which a corrupt place is approached
LINE_BYTES_MAX = 16 << 20  # a full book image of a big venue is 2 to 5 MB
GZIP_MAGIC = b"\x1f\x8b\x08"
XZ_MAGIC = b"\xfd7zXZ\x00"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # behind a byte of 0x50 to 0x5f; our own recordings begin so
ZIP_MAGIC = b"PK\x03\x04"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # UTF-8's, with which Windows begins a text
_GZIP_WBITS = 16 + zlib.MAX_WBITS


class Line(NamedTuple):
    """One line without its end: its number from 1, its bytes, and how much of the file has been read."""

    number: int
    text: bytes
    bytes_read: int


def read_lines(path: Path, faults: Faults) -> Iterator[Line]:
    """Yield the lines of `path`, passing over what is damaged and counting it in `faults`.

    Counts `file_damaged` (packed data that breaks off or is corrupt) and `line_too_long`. A line that breaks
    off at the end of the data is still yielded. Raises DataError when the file cannot be opened or read, or
    when its name says that it is packed and its content is not.
    """
    try:
        with path.open("rb") as file:
            yield from _split(path, file, _blocks(path, file, faults), faults)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}): check the path and its mode"
        ) from None


def check_no_archive(path: Path) -> None:
    """Raise DataError for a zip archive, which no reader of lines takes."""
    try:
        with path.open("rb") as file:
            is_archive = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    except OSError:
        return  # whoever reads it says why not
    if is_archive:
        raise _is_archive(path)


def _is_archive(path: Path) -> DataError:
    return DataError(
        f"{path}: a zip archive: `signalnode import` makes a recording of its tables; "
        "raw frames are to be unpacked, or packed with gzip"
    )


def _blocks(path: Path, file: BinaryIO, faults: Faults) -> Iterator[bytes]:
    magic = file.read(len(XZ_MAGIC))
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        return _inflate(path, file, faults)
    if magic == XZ_MAGIC:
        return _unxz(path, file, faults)
    if magic.startswith(ZSTD_MAGIC) or (magic[1:4] == ZSTD_SKIPPABLE and magic[0] >> 4 == 5):
        return _unzstd(path, file, faults)
    if magic.startswith(ZIP_MAGIC):
        raise _is_archive(path)
    if path.suffix in (".gz", ".xz", ".zst") and magic:
        raise DataError(f"{path}: not {path.suffix[1:]} as its name says: rename or replace it")
    return iter(lambda: file.read(READ_BYTES), b"")


def _inflate(path: Path, file: BinaryIO, faults: Faults) -> Iterator[bytes]:
    start: int | None = 0
    whole = True  # whether all before `start` was sound, so that a member must begin there
    while start is not None:
        file.seek(start)
        end, fault = yield from _inflate_member(file)
        if fault and (whole or end):
            faults.add("file_damaged", f"{path}: the gzip data that begins at byte {start} {fault}")
            yield b"\n"  # the line that broke off must not run into the next member's first
        whole = not fault
        start = _next_member(file, start + 1 if fault else end)


def _inflate_member(file: BinaryIO) -> Generator[bytes, None, tuple[int, str]]:
    """Yield what one member holds; return the offset reached, 0 where nothing came, and the fault or ""."""
    inflate, packed, came = zlib.decompressobj(_GZIP_WBITS), b"", False
    while not inflate.eof:
        packed = packed or file.read(READ_BYTES)
        if not packed:
            return (file.tell() if came else 0), "breaks off"
        before = inflate.copy()
        try:
            block = inflate.decompress(packed, INFLATE_BYTES_MAX)
        except zlib.error as error:
            if block := _salvage(before, packed):
                came = True
                yield block
            return (file.tell() if came else 0), f"is corrupt ({error})"
        packed = inflate.unconsumed_tail
        if block:
            came = True
            yield block
    return file.tell() - len(inflate.unused_data), ""


def _salvage(inflate: Any, packed: bytes) -> bytes:
    """What can be inflated of `packed` before the place where it is corrupt."""
    out = b""
    try:
        for start in range(0, len(packed), SALVAGE_BYTES):
            out += inflate.decompress(packed[start : start + SALVAGE_BYTES])
    except zlib.error:
        pass
    return out


def _next_member(file: BinaryIO, offset: int) -> int | None:
    """Offset of the next gzip header at or after `offset`, or None."""
    file.seek(offset)
    tail = b""
    while block := file.read(READ_BYTES):
        joined = tail + block
        found = joined.find(GZIP_MAGIC)
        if found >= 0:
            return offset - len(tail) + found
        offset += len(block)
        tail = joined[-(len(GZIP_MAGIC) - 1) :]
    return None


def _unxz(path: Path, file: BinaryIO, faults: Faults) -> Iterator[bytes]:
    packed = file.read(READ_BYTES)
    try:
        while packed:
            stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)
            while not stream.eof:
                if stream.needs_input and not packed:
                    packed = file.read(READ_BYTES)
                    if not packed:
                        faults.add("file_damaged", f"{path}: the xz data breaks off")
                        return
                if block := stream.decompress(packed, INFLATE_BYTES_MAX):
                    yield block
                packed = b""
            packed = stream.unused_data
            while not packed.strip(b"\0") and (more := file.read(READ_BYTES)):
                packed = more  # zeros may stand between two streams
            packed = packed.lstrip(b"\0")
    except lzma.LZMAError as error:
        faults.add("file_damaged", f"{path}: the xz data is corrupt ({error})")


def _unzstd(path: Path, file: BinaryIO, faults: Faults) -> Iterator[bytes]:
    import pyarrow as pa

    stream: Any = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    try:
        while block := stream.read(INFLATE_BYTES_MAX):
            yield block
    except OSError as error:
        faults.add("file_damaged", f"{path}: the zstd data breaks off or is corrupt ({error})")


def _split(path: Path, file: BinaryIO, blocks: Iterator[bytes], faults: Faults) -> Iterator[Line]:
    number, rest, overlong = 0, b"", False
    for block in blocks:
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        bytes_read = file.tell()
        for piece in pieces:
            number += 1
            if not overlong:
                yield Line(number, _bare(number, piece), bytes_read)
            overlong = False
        if len(rest) > LINE_BYTES_MAX:
            if not overlong:
                faults.add("line_too_long", f"{path}:{number + 1}: over {LINE_BYTES_MAX} bytes")
            rest, overlong = b"", True
    if rest and not overlong:
        yield Line(number + 1, _bare(number + 1, rest), file.tell())


def _bare(number: int, line: bytes) -> bytes:
    """The line as a machine other than Windows would have written it."""
    if number == 1:
        line = line.removeprefix(BYTE_ORDER_MARK)
    return line.removesuffix(b"\r")
