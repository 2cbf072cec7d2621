"""How a capture's lines hold frames: three forms, told apart line by line.

- `<time_received_ns> <frame as JSON>`.
- What a gateway passed on, `<time_received_ns>@<connection> <frame>`. With a sign behind the connection, `<`,
  it is what was fetched over HTTP, `<url> <body>`; with `>`, the URL where the connection goes; with `+` and
  nothing else, that connection comes beside the others, and with `=` those have gone. `!` stands where
  frames are missing. With `*` before any of these, the body is base64: it had a line end in it.
- JSON lines `{"t": "recv", "ts": <seconds>, "data": "<frame>"}`, as cryptofeed records them, and replies to
  what was fetched, `{"t": "http", "ts": …, "url": "https://…", "data": "…"}`. A line `{"t": "connect",
  "conn": …, "addr": "wss://…"}` tells where the frames of a connection came from; `{"t": "mark", …}` is a
  recorder's (`marks.py`); others (header, send) tell how the capture was made, and hold nothing of
  a market.
"""

from __future__ import annotations

import base64
from typing import Literal, NamedTuple

import msgspec

MICROSECONDS_PER_S, NS_PER_MICROSECOND = 1_000_000, 1_000


class Held(NamedTuple):
    """What a line holds: when it was received (ns since 1970), a frame or a reply; of a reply the URL, of a
    frame its connection's name. `address`: no frame, but where that connection goes.
    """

    time_ns: int
    frame: bytes
    url: str = ""
    connection: str = ""
    address: str = ""
    # What becomes of a connection (see `venues.joined`); frames are missing; the frame is a mark.
    turn: Literal["", "beside", "moved", "lost", "mark"] = ""


class _Recorded(msgspec.Struct):
    what: str = msgspec.field(name="t")
    time_s: float = msgspec.field(default=0.0, name="ts")
    url: str = ""
    data: str = ""
    connection: str = msgspec.field(default="", name="conn")
    address: str = msgspec.field(default="", name="addr")


_recorded = msgspec.json.Decoder(_Recorded)


def unwrap(line: bytes) -> Held | None:
    """What the line holds, or None where that is no frame, no reply and no connection.

    Raises ValueError (msgspec.DecodeError is one) where the line is of neither form. Seconds as a float carry
    microseconds and no more, so they are rounded to those.
    """
    if line[:1] != b"{":
        stamp, _, frame = line.partition(b" ")
        return _passed_on(stamp, frame) if b"@" in stamp else Held(int(stamp), frame)
    recorded = _recorded.decode(line)
    if recorded.what == "connect" and recorded.address:
        return Held(0, b"", connection=recorded.connection, address=recorded.address)
    if recorded.what == "mark":
        return Held(0, line, turn="mark")
    if recorded.what not in ("recv", "http"):
        return None
    time_ns = round(recorded.time_s * MICROSECONDS_PER_S) * NS_PER_MICROSECOND
    url = recorded.url if recorded.what == "http" else ""
    return Held(time_ns, recorded.data.encode(), url, recorded.connection)


_SIGN_OF_TURN = {"beside": b"+", "moved": b"=", "lost": b"!"}
_TURN_OF_SIGN: dict[str, Literal["beside", "moved", "lost"]] = {"+": "beside", "=": "moved", "!": "lost"}


def line_of(held: Held) -> bytes:
    """The line of what a gateway passed on, with its newline; `unwrap` is the inverse, bit for bit."""
    if held.turn == "mark":
        return held.frame + b"\n"
    stamp = b"%d@%s" % (held.time_ns, held.connection.encode())
    if held.turn:
        return stamp + _SIGN_OF_TURN[held.turn] + b"\n"
    if held.address:
        return b"%s> %s\n" % (stamp, held.address.encode())
    body = held.frame
    if b"\n" in body or b"\r" in body:
        stamp, body = stamp + b"*", base64.b64encode(body)
    if held.url:
        return b"%s< %s %s\n" % (stamp, held.url.encode(), body)
    return b"%s %s\n" % (stamp, body)


def frames_lost(time_ns: int) -> bytes:
    """The line that says that frames are missing behind a time."""
    return b"%d@0!" % time_ns


def _passed_on(stamp: bytes, rest: bytes) -> Held:
    time, _, connection = stamp.partition(b"@")
    time_ns, name = int(time), connection.decode()
    sign, name = (name[-1], name[:-1]) if name.endswith(("<", ">", "+", "=", "!")) else ("", name)
    is_packed, number = name.endswith("*"), name.removesuffix("*")
    if sign in _TURN_OF_SIGN:
        return Held(time_ns, b"", connection=number, turn=_TURN_OF_SIGN[sign])
    if sign == ">":
        return Held(time_ns, b"", connection=number, address=rest.decode())
    url, body = b"", rest
    if sign == "<":
        url, _, body = rest.partition(b" ")
    return Held(time_ns, base64.b64decode(body) if is_packed else body, url.decode(), number)
