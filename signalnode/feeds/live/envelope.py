"""What passes between a gateway and who listens to it, over one ZeroMQ socket (`docs/wire.md`).

Down, in one part: the topic, which is the market as its venue spells it, closed by a NUL; a header; the
body. Each part more would cost a gateway as much as the rest of what it does with a frame. Subscribing to
the topic is what makes the gateway ask the venue for the market. Up: RENEW and the topic, for its book anew;
DOUBT and the topic, where it is silent, to have it looked up whether the venue trades it; RELIEVE, a
generation and a pid, where a new process of the gateway comes to relieve this one.

`generation` is of the process, and higher of one that came later: what one says that is lower than the one
that counts is over. HEIR comes on the topic of beats while two are there: dial the other name besides.

`sequence` counts the messages of a market from 1, so who misses one knows; beats have none. `time_ns` is the
gateway's clock: receive time of a frame, ns since 1970; it rises with each message, and a beat says that
nothing older will follow. `passed.py` says the same, more often and to all engines at once.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

# The body: the raw frame; state, space, reason; the clock's offset, and whether an older process counts;
# address, NUL and what was fetched there; where the connection goes; nothing, for a connection that comes
# beside others, and for one that has taken their place (0: that has gone); who takes over (`Heir`).
FRAME, TOLD, BEAT, ANSWER, ADDRESS, BESIDE, MOVED, HEIR = 1, 2, 3, 4, 5, 6, 7, 8
BEAT_TOPIC = b"\0"
NOT_LISTED = "not listed"  # of a market that is told as halted
# What a venue announces of all its markets, with a reason or "": nothing trades meanwhile, or something may.
MAINTAINED = "maintained"
ANNOUNCED = (MAINTAINED, "announced")
OF_THE_VENUE = ("halted", *ANNOUNCED)  # of a TOLD: not of the connection
RENEW, DOUBT, RELIEVE = b"\2", b"\3", b"\4"
BEAT_S = 1.0
PASSED_S = 0.1  # between two looks at the clock for `passed.py`, where nothing comes
QUEUE_MAX = 10_000  # messages a slow engine may lag behind before it loses some, and knows it
TOPICS_MAX = 1_000  # kept at hand
REQUEST_BYTES_MAX = 1_024  # of what comes up

_HEADER = struct.Struct("<BqqQq")
_HEADER_BYTES, _read_header, _new = _HEADER.size, _HEADER.unpack_from, tuple.__new__  # for each frame
_BEAT = struct.Struct("<q?")
_RELIEVE = struct.Struct("<qq")
_HEIR = struct.Struct("<qqq")


class Header(NamedTuple):
    """What stands before each body. `connection`: its number within the gateway, rising; 0 for none."""

    kind: int
    time_ns: int
    connection: int
    sequence: int
    generation: int = 0


class Heir(NamedTuple):
    """The body of a HEIR. `generation`: of who takes over, 0 where it has gone; `newest`: its connections get
    higher numbers than this; `left`: markets that are heard, and have not gone to it yet.
    """

    generation: int
    newest: int
    left: int


def pack(topic: bytes, header: tuple[int, int, int, int, int], body: bytes) -> bytes:
    """A message; the header, whose fields are those of `Header`, takes 33 bytes, little-endian."""
    return topic + _HEADER.pack(*header) + body


def unpack(message: bytes) -> tuple[Header, bytes]:
    """The inverse, but for the topic. Raises ValueError where none ends, and struct.error."""
    at = message.index(b"\0") + 1
    return _new(Header, _read_header(message, at)), message[at + _HEADER_BYTES :]  # `_make` is Python


def pack_beat(offset_ns: int, *, is_beside: bool = False) -> bytes:
    """The body of a beat: how far the gateway's clock is ahead of this machine's monotonic one, and whether
    an older process counts still.
    """
    return _BEAT.pack(offset_ns, is_beside)


def unpack_beat(part: bytes) -> tuple[int, bool]:
    """The inverse. Raises struct.error."""
    offset_ns, is_beside = _BEAT.unpack(part)
    return int(offset_ns), bool(is_beside)


def pack_heir(heir: Heir) -> bytes:
    """The body of a HEIR."""
    return _HEIR.pack(*heir)


def unpack_heir(part: bytes) -> Heir:
    """The inverse. Raises struct.error."""
    return Heir._make(_HEIR.unpack(part))


def pack_relieve(generation: int, pid: int) -> bytes:
    """What follows RELIEVE."""
    return _RELIEVE.pack(generation, pid)


def unpack_relieve(part: bytes) -> tuple[int, int]:
    """The inverse. Raises struct.error."""
    generation, pid = _RELIEVE.unpack(part)
    return int(generation), int(pid)


def pack_told(state: str, reason: str, next_try_ns: int | None = None) -> bytes:
    """The body of a TOLD; `next_try_ns`: by the gateway's clock, None where none waits."""
    return f"{state} {reason}".encode() + (b"" if next_try_ns is None else b"\0%d" % next_try_ns)


def unpack_told(part: bytes) -> tuple[str, str, int | None]:
    """The inverse. Raises ValueError."""
    text, _, due = part.partition(b"\0")
    state, _, reason = text.decode(errors="replace").partition(" ")
    return state, reason, int(due) if due else None


def pack_answer(url: str, body: bytes) -> bytes:
    """The body of an ANSWER."""
    return url.encode() + b"\0" + body


def unpack_answer(part: bytes) -> tuple[str, bytes]:
    """The inverse."""
    url, _, body = part.partition(b"\0")
    return url.decode(errors="replace"), body


@lru_cache(TOPICS_MAX)
def topic_of(symbol: str) -> bytes:
    """The first part; the NUL keeps BTC-USD from being the beginning of BTC-USDT."""
    return symbol.encode() + b"\0"


def frames_endpoint(runtime_dir: Path, gateway: str) -> str:
    """Where a gateway is dialled."""
    return f"ipc://{runtime_dir / gateway}.frames"


def other_name(endpoint: str) -> str:
    """Of the two names by which a gateway is dialled, the one that this is not."""
    return endpoint.removesuffix("~") if endpoint.endswith("~") else f"{endpoint}~"
