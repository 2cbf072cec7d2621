"""ZeroMQ's protocol as one who publishes speaks it, without a socket: bytes of a peer in, what it asks for
and bytes for it out. ZMTP 3.1 (rfc.zeromq.org/spec/37) without secrets, as every libzmq since 4.0.

A greeting of 64 bytes and a READY go each way, then frames: a byte of flags, the length in one byte or in
eight, the body. A peer asks for topics by commands (3.1) or by messages that begin with 1 or 0 (3.0).
"""

from __future__ import annotations

import struct

MORE, LARGE, COMMAND = 1, 2, 4  # flags of a frame
SHORT_MAX = 255  # bytes of a body whose length takes one byte
GREETING_BYTES = 64
SIGNATURE = b"\xff" + struct.pack(">Q", 1) + b"\x7f"
GREETING = (SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\0")).ljust(GREETING_BYTES, b"\0")
VERSION_AT, MECHANISM = 10, slice(12, 32)
LENGTH = struct.Struct(">Q")
LARGE_HEAD = struct.Struct(">BQ")
SUBSCRIBERS = (b"SUB", b"XSUB")
TOPICS_MAX = 1_000  # that one peer may ask for


class PeerError(ValueError):
    """A peer that is not to be spoken to any more, and why."""


def frame(body: bytes, flags: int = 0) -> bytes:
    """A frame of that body."""
    if len(body) > SHORT_MAX:
        return LARGE_HEAD.pack(flags | LARGE, len(body)) + body
    return bytes((flags, len(body))) + body


def command(name: bytes, data: bytes = b"") -> bytes:
    """A frame that is for the peer's protocol."""
    return frame(bytes((len(name),)) + name + data, COMMAND)


def ready(kind: bytes) -> bytes:
    """The READY of a socket of that kind."""
    return command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind)


class Peer:
    """One who connected, from its first byte on. `topics` are the beginnings of what it wants to hear."""

    def __init__(self, frame_bytes_max: int) -> None:
        self.topics: tuple[bytes, ...] = ()
        self.is_ready = False  # both have said READY
        self._frame_bytes_max = frame_bytes_max
        self._greeted = False
        self._rest = b""

    def take(self, data: bytes) -> tuple[list[bytes], bytes]:
        """What it asked for, each as an XPUB socket gives it (1 or 0, and the topic); and what to answer.

        Raises PeerError for one who does not speak this protocol, or not to a publisher.
        """
        self._rest += data
        if not self._greeted and not self._is_greeted():
            return [], b""
        changes, answers = list[bytes](), list[bytes]()
        while (taken := self._next()) is not None:
            flags, body = taken
            if not flags & COMMAND:
                changes += self._asked(body[:1], body[1:]) if self.is_ready else ()
                continue
            name, content = body[1 : 1 + body[0]], body[1 + body[0] :]
            if name == b"READY":
                self._check(content)
                self.is_ready = True
            elif name in (b"SUBSCRIBE", b"CANCEL"):
                changes += self._asked(b"\1" if name == b"SUBSCRIBE" else b"\0", content)
            elif name == b"PING":
                answers.append(command(b"PONG", content[2:]))  # behind its time to live
            elif name == b"ERROR":
                raise PeerError("the peer gave up")
        return changes, b"".join(answers)

    def wants(self, topic: bytes) -> bool:
        """Whether a message of that topic is for it."""
        return topic.startswith(self.topics)

    def _is_greeted(self) -> bool:
        its = self._rest[:GREETING_BYTES]
        if its[:1] not in (b"", b"\xff") or its[9:10] not in (b"", b"\x7f"):
            raise PeerError("no ZeroMQ speaks there")
        if len(its) < GREETING_BYTES:
            return False
        if its[VERSION_AT] < 3 or its[MECHANISM].rstrip(b"\0") != b"NULL":
            raise PeerError("the peer speaks another version, or wants a secret")
        self._rest, self._greeted = self._rest[GREETING_BYTES:], True
        return True

    def _next(self) -> tuple[int, bytes] | None:
        """Flags and body of its next frame; None where it is not here whole."""
        rest = self._rest
        if len(rest) < 2:
            return None
        flags, at, length = rest[0], 2, rest[1]
        if flags & LARGE:
            if len(rest) < LARGE_HEAD.size:
                return None
            at, length = LARGE_HEAD.size, LENGTH.unpack_from(rest, 1)[0]
        if length > self._frame_bytes_max or (flags & COMMAND and not length):
            raise PeerError("no subscription is so long, and no command so short")
        if len(rest) < at + length:
            return None
        self._rest = rest[at + length :]
        return flags, rest[at : at + length]

    def _check(self, metadata: bytes) -> None:
        """Of a READY: what kind of socket it is."""
        at = 0
        while at < len(metadata):
            name_end = at + 1 + metadata[at]
            value_end = name_end + 4 + int.from_bytes(metadata[name_end : name_end + 4], "big")
            is_kind = metadata[at + 1 : name_end].lower() == b"socket-type"
            if is_kind and metadata[name_end + 4 : value_end] not in SUBSCRIBERS:
                raise PeerError("only subscribers are heard here")
            at = value_end

    def _asked(self, which: bytes, topic: bytes) -> list[bytes]:
        if which == b"\1" and topic not in self.topics:
            if len(self.topics) == TOPICS_MAX:
                raise PeerError("too many topics")
            self.topics += (topic,)
        elif which == b"\0":
            self.topics = tuple(each for each in self.topics if each != topic)
        elif which != b"\1":
            return []  # a message of its own, for nobody here
        return [which + topic]
