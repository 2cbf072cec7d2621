"""ZeroMQ's protocol as publishers and subscribers speak it, without a socket: bytes of a peer in, what it
means out. ZMTP 3.1 (rfc.zeromq.org/spec/37) without secrets, as every libzmq since 4.0.

A greeting of 64 bytes and a READY go each way, then frames: a byte of flags, the length in one byte or in
eight, the body. A peer asks for topics by commands (3.1) or by messages that begin with 1 or 0 (3.0).
"""

from __future__ import annotations

import struct
from collections import deque

MORE, LARGE, COMMAND = 1, 2, 4  # flags of a frame
SHORT_MAX = 255  # bytes of a body whose length takes one byte
GREETING_BYTES = 64
SIGNATURE = b"\xff" + struct.pack(">Q", 1) + b"\x7f"
GREETING = (SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\0")).ljust(GREETING_BYTES, b"\0")
VERSION_AT, MECHANISM = 10, slice(12, 32)
LENGTH = struct.Struct(">Q")
LARGE_HEAD = struct.Struct(">BQ")
LARGE_ALONE = bytes((LARGE,))  # a last part of more than SHORT_MAX bytes
FIRST_WORDS = (b"READY", b"ERROR")
SUBSCRIBERS, PUBLISHERS = (b"SUB", b"XSUB"), (b"PUB", b"XPUB")
TOPICS_MAX = 1_000  # that one peer may ask for
PING_BYTES_MAX = 16  # of what comes back in a PONG; the protocol's own
PARTS_MAX = 16  # of a message; ours have two


class PeerError(ValueError):
    """A peer that is not to be spoken to any more, and why."""


def frame(body: bytes, flags: int = 0) -> bytes:
    """A frame of that body."""
    if len(body) > SHORT_MAX:
        return LARGE_HEAD.pack(flags | LARGE, len(body)) + body
    return bytes((flags, len(body))) + body


def message_head(topic: bytes) -> bytes:
    """What a message of a topic and a content begins with, up to the content's frame."""
    return bytes((MORE, len(topic))) + topic


def command(name: bytes, data: bytes = b"") -> bytes:
    """A frame that is for the peer's protocol."""
    return frame(bytes((len(name),)) + name + data, COMMAND)


def ready(kind: bytes) -> bytes:
    """The READY of a socket of that kind."""
    return command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind)


class Frames:
    """What comes over one stream, in frames, from its first byte on."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._is_greeted = False
        self._parts: list[bytes] = []  # of a frame that is not here whole
        self.had = 0  # bytes of it
        self._needed = 0  # how many it takes at least

    def next(self, data: bytes) -> list[tuple[int, bytes]]:
        """Flags and body of each frame that is whole with `data`. Raises PeerError."""
        self._parts.append(data)
        self.had += len(data)
        if self.had < self._needed:
            return []
        if len(self._parts) > 1:
            data = b"".join(self._parts)
        found, at = list[tuple[int, bytes]](), 0
        if not self._is_greeted:
            self._greet(data[:GREETING_BYTES])
            at = GREETING_BYTES if self._is_greeted else 0
        end, whole = at + 2, len(data)
        while self._is_greeted and end <= whole:
            flags, length = data[at], data[at + 1]
            if flags & LARGE:
                end = at + LARGE_HEAD.size
                if end > whole:
                    break
                length = LENGTH.unpack_from(data, at + 1)[0]
            if length > self._frame_bytes_max or (flags & COMMAND and not length):
                raise PeerError("no frame is so long, and no command so short")
            begin, end = end, end + length
            if end > whole:
                break
            found.append((flags, data[begin:end]))
            at, end = end, end + 2
        self._parts, self.had, self._needed = [data[at:]], whole - at, end - at
        return found

    def _greet(self, its: bytes) -> None:
        if its[:1] not in (b"", b"\xff") or its[9:10] not in (b"", b"\x7f"):
            raise PeerError("no ZeroMQ speaks there")
        if len(its) < GREETING_BYTES:
            return
        if its[VERSION_AT] < 3 or its[MECHANISM].rstrip(b"\0") != b"NULL":
            raise PeerError("the peer speaks another version, or wants a secret")
        self._is_greeted = True


def kind_in(metadata: bytes) -> bytes:
    """What kind of socket a READY says that it is of; empty where it does not."""
    at = 0
    while at < len(metadata):
        name_end = at + 1 + metadata[at]
        value_end = name_end + 4 + int.from_bytes(metadata[name_end : name_end + 4], "big")
        if metadata[at + 1 : name_end].lower() == b"socket-type":
            return metadata[name_end + 4 : value_end]
        at = value_end
    return b""


def pong(content: bytes) -> bytes:
    """The answer to a PING of that content: a time to live, which is for those who might wait, and what is to
    come back.
    """
    return command(b"PONG", content[2 : 2 + PING_BYTES_MAX])


def must_be_ready(is_ready: bool) -> None:
    """Nothing counts before a READY: who sends it has not said what it is, and is parted with in the end."""
    if not is_ready:
        raise PeerError("the peer spoke before it was ready")


class Subscriber:
    """One who connected to a publisher. `topics` are the beginnings of what it wants to hear."""

    def __init__(self, frame_bytes_max: int) -> None:
        self.topics: tuple[bytes, ...] = ()
        self.is_ready = False  # both have said READY
        self._frames = Frames(frame_bytes_max)

    def take(self, data: bytes) -> tuple[list[bytes], bytes]:
        """What it asked for, each as an XPUB socket gives it (1 or 0, and the topic); and what to answer.

        Raises PeerError for one who does not speak this protocol, or not to a publisher.
        """
        changes, answers = list[bytes](), list[bytes]()
        for flags, body in self._frames.next(data):
            if not flags & COMMAND:
                must_be_ready(self.is_ready)
                changes += self._asked(body[:1], body[1:])
                continue
            name, content = body[1 : 1 + body[0]], body[1 + body[0] :]
            if name not in FIRST_WORDS:
                must_be_ready(self.is_ready)
            if name == b"READY":
                if kind_in(content) not in SUBSCRIBERS:
                    raise PeerError("only subscribers are heard here")
                self.is_ready = True
            elif name in (b"SUBSCRIBE", b"CANCEL"):
                changes += self._asked(b"\1" if name == b"SUBSCRIBE" else b"\0", content)
            elif name == b"PING":
                answers.append(pong(content))
            elif name == b"ERROR":
                raise PeerError("the peer gave up")
        return changes, b"".join(answers)

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


class Source:
    """A publisher that one is connected to. Ask it always in the same of the two ways."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frames, self._frame_bytes_max = Frames(frame_bytes_max), frame_bytes_max
        self._message: list[bytes] = []  # of which parts are to come
        self._topic = self._head = b""  # of the last message of two parts: its first, and that as a frame
        self.is_ready = False
        self.answer = b""  # to the newest PING that was not answered; any sign of life answers older ones

    def take(self, data: bytes) -> list[bytes]:
        """The parts of messages that came, in order. Raises PeerError for who is no publisher."""
        found = list[bytes]()
        for flags, body in self._frames.next(data):
            if flags & COMMAND:
                self._heed(body)
            else:
                must_be_ready(self.is_ready)
                found.append(body)
        return found

    def take_from(self, buffer: memoryview, size: int, found: deque[bytes]) -> None:
        """As `take`, of the first `size` bytes there, behind what was found before. What nearly always comes,
        parts that are whole and the last of their messages, is looked at in one go.
        """
        at, end = 0, 2
        if self._frames.had or not self.is_ready:
            end = size + 1
        while end <= size:
            flags = buffer[at]
            if not flags:
                begin, end = end, end + buffer[at + 1]
            elif flags == LARGE and at + LARGE_HEAD.size <= size:
                begin = at + LARGE_HEAD.size
                end = begin + LENGTH.unpack_from(buffer, at + 1)[0]
            else:
                break
            if end > size or end - begin > self._frame_bytes_max:
                break
            found.append(bytes(buffer[begin:end]))
            at, end = end, end + 2
        if at < size:
            found.extend(self.take(bytes(buffer[at:size])))

    def messages(self, data: bytes) -> list[list[bytes]]:
        """The messages that are whole by now, each in its parts. Raises PeerError as well for one of more
        parts than PARTS_MAX.

        Nearly always `data` is one message, of the topic that the last one had: that is seen sooner.
        """
        at = len(self._head)
        if at and not self._frames.had and not self._message and data.startswith(self._head):
            end = at + LARGE_HEAD.size
            if data[at : at + 1] == LARGE_ALONE and end <= len(data):
                length = LENGTH.unpack_from(data, at + 1)[0]
                if end + length == len(data) and length <= self._frame_bytes_max:
                    return [[self._topic, data[end:]]]
        found, message = list[list[bytes]](), self._message
        for flags, body in self._frames.next(data):
            if flags & COMMAND:
                self._heed(body)
                continue
            must_be_ready(self.is_ready)
            message.append(body)
            if not flags & MORE:
                found.append(message)
                self._message = message = []
            elif len(message) == PARTS_MAX:
                raise PeerError("no message has so many parts")
        if found and len(found[-1]) == 2 and found[-1][0] != self._topic:
            self._topic = found[-1][0]
            self._head = frame(self._topic, MORE)
        return found

    def _heed(self, body: bytes) -> None:
        if body.startswith(b"\5READY"):
            if kind_in(body[6:]) not in PUBLISHERS:
                raise PeerError("no publisher speaks there")
            self.is_ready = True
        elif body.startswith(b"\5ERROR"):
            raise PeerError("the peer gave up")
        elif body.startswith(b"\4PING"):
            self.answer = pong(body[5:])
