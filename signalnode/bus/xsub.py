"""A subscribing ZeroMQ socket (XSUB) in its owner's own thread, over ipc: the other end of `xpub`.

libzmq's thread is woken by each message and wakes its reader in turn, who then looks at three descriptors
before the message is his (`docs/decisions/speed.md`). Here what has come lies in the stream until it is asked
for, and is read in one go.
"""

from __future__ import annotations

import select
import socket
from collections import deque

from signalnode.bus.zmtp import GREETING, PeerError, Source, frame, ready
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from signalnode.names import ipc_path

READ_BYTES = 16_384
COUNT_MAX = 1_000  # of messages that are read while nobody takes them
FRAME_BYTES_MAX = 1 << 30  # of one whom we have connected to; a venue's own bound is far below
RETRY_NS, RETRY_NS_MAX = 10 * NS_PER_MS, 80 * NS_PER_MS  # between two tries, twice as long each time
NEVER_NS = 1 << 62
HELLO = GREETING + ready(b"XSUB")
WANTED = b"\1"  # what a subscription begins with, before its topic


def connected(path: str, hello: bytes) -> socket.socket | None:
    """A stream to who listens there, with that said; None where nobody does, or no descriptor is free: both
    may be otherwise the next time.
    """
    try:
        stream = socket.socket(socket.AF_UNIX)
    except OSError:
        return None
    stream.setblocking(False)
    try:
        stream.connect(path)
        stream.send(hello)
    except OSError:
        stream.close()
        return None
    return stream


class _Stream:
    """One of the endpoints. `stream` is None while nobody answers there."""

    def __init__(self) -> None:
        self.stream: socket.socket | None = None
        self.source = Source(FRAME_BYTES_MAX)
        self.has_asked = False  # for its topics, which waits for a READY: libzmq takes no message before
        self.retry_ns, self.wait_ns = 0, RETRY_NS  # when the next try is due; how long the one after waits


class Xsub:
    """Connects to each endpoint that it is told of, again and again, and asks there for `topics`. Messages
    have one part.
    """

    def __init__(self, topics: tuple[bytes, ...]) -> None:
        self._asks = b"".join(frame(WANTED + topic) for topic in topics)
        self._epoll = select.epoll()
        self._streams: dict[str, _Stream] = {}
        self._came = deque[bytes]()
        self._buffer = memoryview(bytearray(READ_BYTES))  # what is read lies there first
        self.due_ns = NEVER_NS  # monotonic time of the next try to connect

    @property
    def fd(self) -> int:
        """Readable while something waits in a stream."""
        return self._epoll.fileno()

    @property
    def holds(self) -> bool:
        """Whether messages were read already that are still to be taken."""
        return bool(self._came)

    def connect(self, endpoint: str) -> None:
        """Hear this one as well."""
        self._streams[endpoint] = _Stream()
        self.retry()

    def disconnect(self, endpoint: str) -> None:
        """Hear it no more."""
        one = self._streams.pop(endpoint)
        if one.stream is not None:
            one.stream.close()

    def retry(self) -> None:
        """Connect where that is due."""
        now_ns = monotonic_ns()
        for endpoint, one in self._streams.items():
            if one.stream is None and now_ns >= one.retry_ns and not self._connects(endpoint, one):
                one.retry_ns, one.wait_ns = now_ns + one.wait_ns, min(2 * one.wait_ns, RETRY_NS_MAX)
        waiting = [one.retry_ns for one in self._streams.values() if one.stream is None]
        self.due_ns = min(waiting, default=NEVER_NS)

    def receive(self, count_max: int) -> list[bytes]:
        """What has come, in order, at most so many; the rest the next time."""
        if self.due_ns <= monotonic_ns():
            self.retry()
        came = self._came
        if len(came) < count_max:
            for one in self._streams.values():
                if one.stream is not None:
                    self._read(one, count_max)
        if len(came) <= count_max:
            found = list(came)
            came.clear()
            return found
        return [came.popleft() for _ in range(count_max)]

    def send(self, message: bytes) -> bool:
        """Say that to those who are heard; whether it is on the way to one."""
        is_sent = False
        for one in self._streams.values():
            if one.stream is not None and one.has_asked:
                try:
                    is_sent |= one.stream.send(frame(message)) > 0  # so few bytes go whole or not at all
                except OSError:  # does not read, or has gone, which reading finds
                    continue
        return is_sent

    def wait(self, wait_ms: int) -> bool:
        """Wait so long at most for something to come; whether it has."""
        until_ns = monotonic_ns() + wait_ms * NS_PER_MS
        while not self.holds and (now_ns := monotonic_ns()) < until_ns:
            if self.due_ns <= now_ns:
                self.retry()
            elif self._epoll.poll((min(until_ns, self.due_ns) - now_ns) / NS_PER_S, 1):
                return True
        return self.holds

    def ask(self, wait_ms: int) -> None:
        """Have those who are there know what is wanted; waits for their answer, at most so long."""
        until_ns = monotonic_ns() + wait_ms * NS_PER_MS
        while any(one.stream is not None and not one.has_asked for one in self._streams.values()):
            left_ns = until_ns - monotonic_ns()
            if left_ns <= 0 or not self._epoll.poll(left_ns / NS_PER_S, 1):
                return
            self._read_all(COUNT_MAX)

    def close(self) -> None:
        """Let go of all."""
        for endpoint in tuple(self._streams):
            self.disconnect(endpoint)
        self._epoll.close()

    def _connects(self, endpoint: str, one: _Stream) -> bool:
        stream = connected(str(ipc_path(endpoint)), HELLO)
        if stream is None:
            return False
        one.stream, one.source, one.has_asked = stream, Source(FRAME_BYTES_MAX), False
        self._epoll.register(stream, select.EPOLLIN)
        return True

    def _read_all(self, count_max: int) -> None:
        for one in tuple(self._streams.values()):
            if one.stream is not None:
                self._read(one, count_max)

    def _read(self, one: _Stream, count_max: int) -> None:
        stream, source, came, buffer = one.stream, one.source, self._came, self._buffer
        assert stream is not None
        try:
            while len(came) < count_max:
                size = stream.recv_into(buffer)
                if not size:
                    raise ConnectionResetError
                source.take_from(buffer, size, came)
                if source.is_ready and not one.has_asked:
                    stream.send(self._asks)
                    one.has_asked, one.wait_ns = True, RETRY_NS
                if source.answer:  # so few bytes go whole or not at all
                    answer, source.answer = source.answer, b""
                    stream.send(answer)
                if size < READ_BYTES:
                    return
        except BlockingIOError:
            return
        except (OSError, PeerError):
            stream.close()  # which takes it off the epoll
            one.stream, one.retry_ns = None, monotonic_ns() + one.wait_ns
            self.due_ns = min(self.due_ns, one.retry_ns)
