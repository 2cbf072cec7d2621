"""A publishing ZeroMQ socket (XPUB) in its owner's own thread, over ipc or tcp.

libzmq sends from a thread of its own: for each message of an engine that thread was woken, looked at four
descriptors and slept again, which cost as much as the engine's own work (`docs/decisions/speed.md`). Here
sending is one call of the system for each subscriber, and there is no thread. In return somebody must let
subscribers in: whoever owns this waits on `fd`, and calls `serve` when it is readable.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections import Counter, deque
from pathlib import Path

from signalnode.bus.sockets import SocketFile, unlink_ipc
from signalnode.bus.zmtp import GREETING, PeerError, Subscriber, frame, message_head, ready
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from signalnode.names import host_and_port, ipc_path

READ_BYTES = 2_048  # of one subscriber at a time: whoever asks without end keeps no score waiting
SUBSCRIBERS_MAX = 256  # at once: descriptors and memory; more wait to be let in
HANDSHAKE_NS_MAX = 30 * NS_PER_S  # libzmq's own
HELLO = GREETING + ready(b"XPUB")
IN, OUT = select.EPOLLIN, select.EPOLLOUT


def process_at(stream: socket.socket) -> int:
    """The pid of who connected over ipc; 0 where it is not known."""
    if stream.family != socket.AF_UNIX:
        return 0
    pid, _, _ = struct.unpack("3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))  # unix(7)
    return int(pid)


class _Subscriber(Subscriber):
    """A peer and its stream. `queue`: what the system has not taken yet, the first maybe in part."""

    def __init__(self, stream: socket.socket, frame_bytes_max: int, now_ns: int) -> None:
        super().__init__(frame_bytes_max)
        self.stream, self.queue, self.since_ns = stream, deque[bytes](), now_ns
        self.send = stream.send
        self.process = process_at(stream)


class Xpub:
    """Bound to `endpoint`; raises OSError where that cannot be.

    A subscriber that does not read is sent up to `queue_max` messages more than the system takes, and loses
    those that come then. One that asks in frames of more than `asked_bytes_max` is cut off.
    """

    def __init__(self, endpoint: str, queue_max: int, backlog: int, asked_bytes_max: int) -> None:
        self._endpoint, self._queue_max, self._backlog = endpoint, queue_max, backlog
        self._asked_bytes_max = asked_bytes_max
        self._file = SocketFile(endpoint)
        self._subscribers: dict[int, _Subscriber] = {}  # by descriptor
        self._everyone: tuple[_Subscriber, ...] = ()  # of them
        self._epoll = select.epoll()
        self._listens = False
        self.is_settled = False  # somebody hears, nobody is being let in and nothing is queued
        try:
            self._listener = self._bound()
        except OSError:
            self._epoll.close()
            raise
        self._listen()

    @property
    def fd(self) -> int:
        """Readable while there is something for `serve`."""
        return self._epoll.fileno()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._epoll.closed

    @property
    def is_owing(self) -> bool:
        """Whether the system has not taken all that was sent."""
        return any(each.queue for each in self._everyone)

    def _bound(self) -> socket.socket:
        path, address = ipc_path(self._endpoint), host_and_port(self._endpoint)
        if path is None and address is not None:
            host = "" if address[0] == "*" else address[0].strip("[]")
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            made = socket.create_server((host, address[1]), family=family, backlog=self._backlog)
        else:
            made = socket.socket(socket.AF_UNIX)
            try:
                unlink_ipc(self._endpoint)  # of who bound it before
                made.bind(str(path or Path()))
                made.listen(self._backlog)
                self._file.note()
            except OSError:
                made.close()
                raise
        made.setblocking(False)
        return made

    def _listen(self) -> None:
        if not self._listens:
            self._epoll.register(self._listener, IN)
            self._listens = True

    def serve(self) -> list[bytes]:
        """Let in who waits, hear what is asked and send on what is queued; what was asked for since, each as
        1 or 0 and the topic.
        """
        changes = list[bytes]()
        for fd, events in self._epoll.poll(0):
            subscriber = self._subscribers.get(fd)
            if subscriber is None:
                self._accept()
                continue
            if events & OUT:
                self._flush(subscriber)
            if events & ~OUT:
                changes += self._hear(subscriber)
        everyone = self._everyone
        self.is_settled = bool(everyone) and all(each.is_ready and not each.queue for each in everyone)
        return changes

    def tidy(self) -> None:
        """Part with those who never said what they are; listen again, where there was no room for more."""
        before_ns = monotonic_ns() - HANDSHAKE_NS_MAX
        for subscriber in self._everyone:
            if not subscriber.is_ready and subscriber.since_ns < before_ns:
                self._part(subscriber)
        self._listen()

    def wait(self, wait_ns: int) -> bool:
        """Wait at most so long for something to serve; whether there is. Where the time is over it is no: who
        waits in a loop has its end, whoever goes on speaking.
        """
        return wait_ns > 0 and bool(self._epoll.poll(wait_ns / NS_PER_S, 1))

    def has_asked(self, topic: bytes | None = None) -> bool:
        """Whether somebody wants exactly that topic; or any, where none is given."""
        return any(each.topics if topic is None else topic in each.topics for each in self._everyone)

    def send(self, topic: bytes, content: bytes) -> None:
        """To each who wants the topic. Waits for nobody."""
        self.send_framed(topic, message_head(topic) + frame(content))

    def send_framed(self, topic: bytes, data: bytes) -> None:
        """As `send`, a message that is in its frames already."""
        for subscriber in self._everyone:
            if topic.startswith(subscriber.topics):
                self._send(subscriber, data)

    def put_back(self) -> bool:
        """Bind again where somebody removed the file of an ipc endpoint, or put another there; whether that
        was so. Whoever is connected stays so.
        """
        if not self._file.is_gone:
            return False
        try:
            listener = self._bound()
        except OSError:  # the directory is gone as well, for now
            return False
        self._listener.close()
        self._listener, self._listens = listener, False
        self._listen()
        return True

    def close(self, linger_ms: int = 0) -> None:
        """Let what is queued leave for so long, then let go of all; an ipc endpoint's file is removed."""
        if self.closed:
            return
        until_ns = monotonic_ns() + linger_ms * NS_PER_MS
        while self.is_owing and self.wait(until_ns - monotonic_ns()):
            self.serve()
        for subscriber in self._everyone:
            subscriber.stream.close()
        self._subscribers.clear()
        self._everyone = ()
        self._file.remove()
        self._listener.close()
        self._epoll.close()

    def _accept(self) -> None:
        if len(self._everyone) >= SUBSCRIBERS_MAX:
            self._make_room()
            return
        try:
            stream, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:  # no room for another descriptor
            self._make_room()
            return
        stream.setblocking(False)
        if stream.family != socket.AF_UNIX:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        subscriber = _Subscriber(stream, self._asked_bytes_max, monotonic_ns())
        self._subscribers[stream.fileno()] = subscriber
        self._everyone += (subscriber,)
        self._epoll.register(stream, IN)
        self._send(subscriber, HELLO)

    def _make_room(self) -> None:
        """Part with who waits longest without a word of what it is, or where we have too many, with the first
        of the process that has the most: one that never closes any shuts out nobody else. Else nobody is let
        in until `tidy`, for to be asked again and again would keep a core busy.
        """
        everyone = self._everyone
        leaving = next((each for each in everyone if not each.is_ready), None)
        if leaving is None and len(everyone) >= SUBSCRIBERS_MAX:
            ((process, count),) = Counter(each.process for each in everyone).most_common(1)
            if count > 1:
                leaving = next(each for each in everyone if each.process == process)
        if leaving is not None:
            self._part(leaving)
            return
        self._epoll.unregister(self._listener)
        self._listens = False

    def _hear(self, subscriber: _Subscriber) -> list[bytes]:
        try:
            data = subscriber.stream.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError
            changes, answer = subscriber.take(data)
        except BlockingIOError:
            return []
        except (OSError, PeerError):
            self._part(subscriber)
            return []
        if answer:
            self._send(subscriber, answer)
        return changes

    def _send(self, subscriber: _Subscriber, data: bytes) -> None:
        """As far as the system takes it; the rest is queued, or lost where too much is."""
        if queue := subscriber.queue:
            if len(queue) < self._queue_max:
                queue.append(data)
            return
        try:
            sent = subscriber.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._part(subscriber)
            return
        if sent < len(data):
            self.is_settled = False
            queue.append(data[sent:])
            self._epoll.modify(subscriber.stream, IN | OUT)

    def _flush(self, subscriber: _Subscriber) -> None:
        queue = subscriber.queue
        try:
            while queue:
                sent = subscriber.send(queue[0])
                if sent < len(queue[0]):
                    queue[0] = queue[0][sent:]
                    return
                queue.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._part(subscriber)
            return
        self._epoll.modify(subscriber.stream, IN)

    def _part(self, subscriber: _Subscriber) -> None:
        if self._subscribers.pop(subscriber.stream.fileno(), None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(subscriber.stream)
            subscriber.stream.close()
            self._everyone = tuple(self._subscribers.values())
            self.is_settled = False
