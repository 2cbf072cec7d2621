"""Marks in a recording: here an engine began, or here something is missing; and what the engine knew then.

With that, a replay that comes to a mark goes on with the bits that the live engine went on with: a killed
engine came back from its checkpoint, without what it had taken since. An engine of other parameters goes on
with what it has.
"""

from __future__ import annotations

from typing import Literal

import msgspec

NO_LINEAGE = bytes(8)


class Mark(msgspec.Struct, frozen=True, tag_field="t", tag="mark", omit_defaults=True):
    """Times in ns. `lineage`: of files that are played, or of a made-up market; `number`: how many of its
    rows had been taken. Such rows come again after a kill, and are told by that; those of a live market never
    do, and its lineage is "".
    """

    time_ns: int  # kernel time from which on it holds
    what: Literal["start", "lost", "hour"]  # an engine began; rows are missing before; an hour began
    epoch: int = 0
    floor_ns: int = 0  # no row was taken that is older
    lineage: str = ""
    number: int = 0
    identity: str = ""  # whose state it is; see `SignalEngine.identity`
    state: bytes = b""


decoder = msgspec.json.Decoder(Mark)


def pack_mark(mark: Mark) -> bytes:
    """As JSON, in one line."""
    return msgspec.json.encode(mark)


def unpack_mark(content: bytes) -> Mark:
    """The inverse. Raises ValueError."""
    return decoder.decode(content)


def lineage_key(lineage: str) -> bytes:
    """Eight bytes of it, for the index of a block."""
    return lineage.encode()[:8].ljust(8, b"\0")
