"""All that many publishers on this machine send, read in their hearer's own thread.

libzmq's thread is woken by each message and wakes its reader in turn, who then looks at three descriptors
before the message is his (`docs/decisions/speed.md`). Here what has come lies in its stream until it is asked
for, and while nobody waits on `fd` a publisher's send wakes nobody either.
"""

from __future__ import annotations

import os
import select
import socket

from signalnode.bus.sockets import RECONNECT_MAX_MS, RECONNECT_MS
from signalnode.bus.xsub import NEVER_NS, WANTED, connected
from signalnode.bus.zmtp import GREETING, PeerError, Source, frame, ready
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from signalnode.names import ipc_path

READ_BYTES = 32_768
EVENTS_MAX = 256  # told of at once; more are told of the next time
WAIT_NS, WAIT_NS_MAX = RECONNECT_MS * NS_PER_MS, RECONNECT_MAX_MS * NS_PER_MS
CUT_OFF_NS = NS_PER_S  # until who was cut off is looked for again
TRIES_PER_S_MAX = 4_000  # to connect, of all: hundreds that are down at once must not keep a core busy
# Behind the publisher's READY, and in one: libzmq takes no message before, and who is ready has asked.
ASKED = ready(b"SUB") + frame(WANTED)
# Told once for what has come, and not again for what is left lying, be it the end of the stream.
NEWS = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET


class _Peer:
    """A publisher. `stream` is None while nobody answers there."""

    __slots__ = ("endpoint", "has_asked", "has_ended", "path", "retry_ns", "source", "stream", "wait_ns")

    def __init__(self, endpoint: str, source: Source) -> None:
        self.endpoint, self.path, self.source = endpoint, str(ipc_path(endpoint)), source
        self.stream: socket.socket | None = None
        self.has_ended = False  # nothing follows what lies in its stream
        self.has_asked = False  # for everything
        self.retry_ns, self.wait_ns = 0, WAIT_NS  # when the next try is due; how long the one after it waits

    def wait(self, wait_ns: int, now_ns: int, wait_ns_max: int) -> None:
        """Before the next try; the one after it twice as long, until somebody answers. Those who have been
        lost for longer are tried at the same times: a wake costs more than they do.
        """
        self.retry_ns, self.wait_ns = now_ns + wait_ns, min(2 * self.wait_ns, wait_ns_max)
        if WAIT_NS_MAX <= wait_ns < CUT_OFF_NS:
            self.retry_ns -= self.retry_ns % WAIT_NS_MAX


class Intake:
    """Hears everything of each ipc endpoint that it is told of, and looks for it again and again where it is
    not there. A publisher whose frames are longer than `frame_bytes_max` is cut off, and looked for again.
    """

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._epoll = select.epoll()
        self._peers: dict[str, _Peer] = {}  # by endpoint
        self._by_fd: dict[int, _Peer] = {}
        self._lost: dict[str, _Peer] = {}  # of these, who has no stream
        self._unread: dict[int, _Peer] = {}  # in whose stream something lies, who has waited longest first
        self.due_ns = NEVER_NS  # monotonic time of the next try to connect

    @property
    def fd(self) -> int:
        """Readable when something has come that `receive` has not looked at."""
        return self._epoll.fileno()

    @property
    def holds(self) -> bool:
        """Whether `receive` left something, of which `fd` does not tell again."""
        return bool(self._unread)

    def connect(self, endpoint: str) -> None:
        """Hear this one as well."""
        peer = _Peer(endpoint, Source(self._frame_bytes_max))
        self._peers[endpoint] = self._lost[endpoint] = peer
        self.due_ns = 0

    def disconnect(self, endpoint: str) -> None:
        """Hear it no more."""
        peer = self._peers.pop(endpoint, None)
        self._lost.pop(endpoint, None)
        if peer is not None and peer.stream is not None:
            self._let_go(peer)

    def receive(self, count_max: int) -> list[list[bytes]]:
        """Messages that have come, each in its parts; about so many, the others the next time."""
        if self.due_ns <= (now_ns := monotonic_ns()):
            self._retry(now_ns)
        unread, by_fd = self._unread, self._by_fd
        for fd, events in self._epoll.poll(0, EVENTS_MAX):
            peer = unread[fd] = by_fd[fd]
            peer.has_ended = events != select.EPOLLIN
        came = list[list[bytes]]()
        while unread and len(came) < count_max:
            fd = next(iter(unread))
            peer = unread.pop(fd)
            assert peer.stream is not None
            try:
                data = peer.stream.recv(READ_BYTES)
                if not data:
                    raise ConnectionResetError
                if len(data) == READ_BYTES or peer.has_ended:  # before an answer that finds no room
                    unread[fd] = peer
                came += peer.source.messages(data)
                if not peer.has_asked and peer.source.is_ready:
                    peer.stream.send(ASKED)
                    peer.has_asked, peer.wait_ns = True, WAIT_NS
                if peer.source.answer:
                    peer.stream.send(peer.source.answer)
                    peer.source.answer = b""
            except BlockingIOError:
                continue
            except OSError:
                self._lose(peer, peer.wait_ns)
            except PeerError:
                self._lose(peer, CUT_OFF_NS)
        return came

    def close(self) -> None:
        """Let go of all."""
        for endpoint in tuple(self._peers):
            self.disconnect(endpoint)
        self._epoll.close()

    def _retry(self, now_ns: int) -> None:
        """Connect to those whose time has come."""
        wait_ns_max = max(WAIT_NS_MAX, len(self._lost) * NS_PER_S // TRIES_PER_S_MAX)
        for endpoint, peer in tuple(self._lost.items()):
            if peer.retry_ns > now_ns:
                continue
            if self._connects(peer):
                del self._lost[endpoint]
            else:
                peer.wait(peer.wait_ns, now_ns, wait_ns_max)
        self._plan(now_ns)

    def _plan(self, now_ns: int) -> None:
        """When the next is tried: those that are due soon after one another together."""
        next_ns = min((each.retry_ns for each in self._lost.values()), default=NEVER_NS)
        self.due_ns = max(next_ns, now_ns + WAIT_NS)

    def _connects(self, peer: _Peer) -> bool:
        if not os.access(peer.path, os.F_OK):  # a tenth of what it takes to find out by connecting
            return False
        stream = connected(peer.path, GREETING)
        if stream is None:
            return False
        peer.stream, peer.source = stream, Source(self._frame_bytes_max)
        peer.has_asked = peer.has_ended = False
        self._by_fd[stream.fileno()] = peer
        self._epoll.register(stream, NEWS)
        return True

    def _lose(self, peer: _Peer, wait_ns: int) -> None:
        self._let_go(peer)
        now_ns = monotonic_ns()
        peer.wait(wait_ns, now_ns, WAIT_NS_MAX)
        self._lost[peer.endpoint] = peer
        self._plan(now_ns)

    def _let_go(self, peer: _Peer) -> None:
        assert peer.stream is not None
        fd = peer.stream.fileno()
        del self._by_fd[fd]
        self._unread.pop(fd, None)
        self._epoll.unregister(fd)
        peer.stream.close()
        peer.stream = None
