"""How a capture's lines hold frames: two forms, told apart line by line.

- `<time_received_ns> <frame as JSON>`.
- JSON lines `{"t": "recv", "ts": <seconds>, "data": "<frame>"}`, as cryptofeed records them, and replies to
  what was fetched, `{"t": "http", "ts": …, "url": "https://…", "data": "…"}`; other lines (header, connect,
  send) tell how the capture was made and hold nothing of a market.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

MICROSECONDS_PER_S, NS_PER_MICROSECOND = 1_000_000, 1_000


class Held(NamedTuple):
    """What a line holds: when it was received (ns since 1970), a frame or a reply, and of a reply the URL."""

    time_ns: int
    frame: bytes
    url: str = ""


class _Recorded(msgspec.Struct):
    what: str = msgspec.field(name="t")
    time_s: float = msgspec.field(default=0.0, name="ts")
    url: str = ""
    data: str = ""


_recorded = msgspec.json.Decoder(_Recorded)


def unwrap(line: bytes) -> Held | None:
    """What the line holds, or None where that is neither a frame nor a reply.

    Raises ValueError (msgspec.DecodeError is one) where the line is of neither form. Seconds as a float carry
    microseconds and no more, so they are rounded to those.
    """
    if line[:1] != b"{":
        stamp, _, frame = line.partition(b" ")
        return Held(int(stamp), frame)
    recorded = _recorded.decode(line)
    if recorded.what not in ("recv", "http"):
        return None
    time_ns = round(recorded.time_s * MICROSECONDS_PER_S) * NS_PER_MICROSECOND
    return Held(time_ns, recorded.data.encode(), recorded.url if recorded.what == "http" else "")
