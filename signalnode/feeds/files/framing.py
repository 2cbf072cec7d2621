"""How a capture's lines hold frames: two forms, told apart line by line.

- `<time_received_ns> <frame as JSON>`.
- JSON lines `{"t": "recv", "ts": <seconds>, "data": "<frame>"}`, as cryptofeed records them; lines whose `t`
  is something else (header, http, connect, send) tell how the capture was made and hold no frame.
"""

from __future__ import annotations

import msgspec

MICROSECONDS_PER_S, NS_PER_MICROSECOND = 1_000_000, 1_000


class _Recorded(msgspec.Struct):
    what: str = msgspec.field(name="t")
    time_s: float = msgspec.field(default=0.0, name="ts")
    data: str = ""


_recorded = msgspec.json.Decoder(_Recorded)


def unwrap(line: bytes) -> tuple[int, bytes] | None:
    """The receive time in nanoseconds and the frame, or None where the line holds none.

    Raises ValueError (msgspec.DecodeError is one) where the line is of neither form. Seconds as a float carry
    microseconds and no more, so they are rounded to those.
    """
    if line[:1] != b"{":
        stamp, _, frame = line.partition(b" ")
        return int(stamp), frame
    recorded = _recorded.decode(line)
    if recorded.what != "recv":
        return None
    return round(recorded.time_s * MICROSECONDS_PER_S) * NS_PER_MICROSECOND, recorded.data.encode()
