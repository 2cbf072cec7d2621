"""What is missing of a recording, a line each in `gaps.jsonl`: from when to when, of which channels, and why.

Nothing is ever filled in its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from signalnode.feeds.recorded.hours import HOUR_NS, NO_VENUE, Hour, hour_path
from signalnode.files import replace_file

FILE = "gaps.jsonl"
TAIL = 1_000  # lines by which one that is written a second time is known
# The engine was not there; nothing came of the venue; the book was not sound; trades, or frames on their way
# from the gateway, are missing; the recorder was behind, or had no room; a file is spoilt, or not there.
What = Literal["stopped", "away", "book", "trades", "frames", "recorder", "damaged", "missing"]
CHANNELS = ("trades", "quotes", "depth")


class Gap(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `from_ns` to `to_ns`, kernel times; both the same where it is known only when it was noticed."""

    venue: str
    market: str
    from_ns: int
    to_ns: int
    channels: tuple[str, ...]
    what: What
    why: str
    kind: Literal["", "raw", "events"] = ""  # the recording of which it is missing; "": of both


_decoder = msgspec.json.Decoder(Gap)


def pack_gap(gap: Gap) -> bytes:
    """As JSON, in one line without its end."""
    return msgspec.json.encode(gap)


def unpack_gap(line: bytes) -> Gap:
    """The inverse. Raises ValueError."""
    return _decoder.decode(line)


def read_gaps(folder: Path, market: str = "", venue: str = "") -> list[Gap]:
    """The gaps of a recording, in the order in which they ended; a line that is none is passed over."""
    found = []
    for line in _lines(folder):
        with contextlib.suppress(ValueError):
            gap = unpack_gap(line)
            if market in ("", gap.market) and venue in ("", gap.venue):
                found.append(gap)
    return found


def damage_of(hour: Hour, from_ns: int, to_ns: int) -> Gap:
    """What of an hour's file is spoilt; 0 is the hour's own end."""
    begin, end = from_ns or hour.start_ns, to_ns or hour.start_ns + HOUR_NS
    venue = "" if hour.venue == NO_VENUE else hour.venue
    path = hour_path(Path(), hour.kind, venue, hour.market, hour.start_ns, hour.part)
    why = f"{hour.kind}, {path.parent.name}/{path.name}: a part of it is damaged"
    return Gap(venue, hour.market, begin, max(begin, end), CHANNELS, "damaged", why, hour.kind)


def strange_lines(folder: Path) -> int:
    """Lines that say nothing of a gap: a crash or a disk broke them."""
    count = 0
    for line in _lines(folder):
        try:
            unpack_gap(line)
        except ValueError:
            count += 1
    return count


class GapFile:
    """The recorder's end. Raises OSError."""

    def __init__(self, folder: Path, tail: int = TAIL) -> None:
        self._folder = folder
        self._tail = dict.fromkeys(_lines(folder)[-tail:])

    def add(self, line: bytes) -> bool:
        """Append a line, which was written before perhaps; whether it is new."""
        if line in self._tail:
            return False
        with (self._folder / FILE).open("ab") as file:
            if file.tell() and not _ends_whole(self._folder / FILE):
                file.write(b"\n")  # a crash left half a line
            file.write(line + b"\n")
        self._tail[line] = None
        if len(self._tail) > 2 * TAIL:
            self._tail = dict.fromkeys(list(self._tail)[-TAIL:])
        return True

    def forget(self, venue: str, market: str, before_ns: int) -> None:
        """Leave out what ended before the oldest hour that is kept of a market."""
        kept = [line for line in _lines(self._folder) if not _is_over(line, venue, market, before_ns)]
        replace_file(self._folder / FILE, b"".join(line + b"\n" for line in kept))


def book_gaps(gaps: Iterable[Gap]) -> list[int]:
    """When a book broke and when it was sound again, by turns, as `decoding.Gaps` are."""
    found: list[int] = []
    for gap in sorted(gaps, key=lambda gap: gap.from_ns):
        if gap.what != "book" or gap.to_ns <= gap.from_ns:
            continue
        if found and gap.from_ns <= found[-1]:
            found[-1] = max(found[-1], gap.to_ns)
        else:
            found += [gap.from_ns, gap.to_ns]
    return found


def _lines(folder: Path) -> list[bytes]:
    try:
        return (folder / FILE).read_bytes().splitlines()
    except OSError:
        return []


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _is_over(line: bytes, venue: str, market: str, before_ns: int) -> bool:
    try:
        gap = unpack_gap(line)
    except ValueError:
        return True
    return (gap.venue or NO_VENUE, gap.market) == (venue or NO_VENUE, market) and gap.to_ns < before_ns
