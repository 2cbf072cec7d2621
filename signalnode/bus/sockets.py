"""What all ZeroMQ sockets of the node have in common."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import zmq

from signalnode.names import host_and_port, ipc_path

NOW, MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)  # plain ints: enums cost 3 µs a message
# How long the aggregator waits to look for an engine again: at first, and at most, for it doubles each time.
# Hundreds of engines that are down at once must not keep a core busy.
RECONNECT_MS, RECONNECT_MAX_MS = 5, 50
# A host that lost its power says no goodbye: who listens to it would do so for good. After so long without
# a sign of life the kernel asks, this often, and gives the connection up when so many have gone unanswered.
SILENT_S, ASKED_EACH_S, UNANSWERED_MAX = 3, 1, 3
CONNECT_MS_MAX = 3_000  # a try; the kernel's own would take two minutes, and look ever more seldom
HANDSHAKE_MS_MAX = 10_000  # the peer may have gone in the middle of it
_IN = int(zmq.POLLIN)
SUBSCRIPTION_BYTES_MAX = 1_024  # all that a publishing socket ever reads is subscriptions


def receive(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The frames of the message that waits there: as `recv_multipart`, which asks for an option after each
    frame; raises zmq.Again where none waits, which costs more than `waits`.
    """
    frame = socket.recv(NOW, False)
    frames = [frame.bytes]
    while frame.more:
        frame = socket.recv(NOW, False)
        frames.append(frame.bytes)
    return frames


def waits(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message waits there."""
    return bool(zmq.zmq_poll([(socket, _IN)], 0))  # asking for its EVENTS makes an enum of the question


def sending(socket: zmq.Socket[bytes]) -> Callable[[bytes, int], None]:
    """The socket's `send`, of data and flags, without what pyzmq does first in Python for sockets of other
    kinds: a call more for each frame.
    """
    return super(zmq.Socket, socket).send


def prepare(socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Make a socket ready to bind or connect to `endpoint`.

    ZeroMQ wants to be told of an IPv6 address. Over tcp a host that is gone is found out within seconds, and
    looked for again; ZeroMQ's own heartbeats would do that too, but abort the process where a queue is full.
    """
    address = host_and_port(endpoint)
    if address is None:
        return
    if address[0].startswith("["):
        socket.setsockopt(zmq.IPV6, 1)
    for option, value in (
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.TCP_KEEPALIVE_IDLE, SILENT_S),
        (zmq.TCP_KEEPALIVE_INTVL, ASKED_EACH_S),
        (zmq.TCP_KEEPALIVE_CNT, UNANSWERED_MAX),
        (zmq.CONNECT_TIMEOUT, CONNECT_MS_MAX),
        (zmq.HANDSHAKE_IVL, HANDSHAKE_MS_MAX),
    ):
        socket.setsockopt(option, value)


class SocketFile:
    """The file of an ipc endpoint, to be `note`d once a socket of ours is bound there; of others there is
    none. As long as the socket lives, deaf or not, no other file has its inode.
    """

    def __init__(self, endpoint: str) -> None:
        path = ipc_path(endpoint)
        self.endpoint = endpoint
        self._path = path if path is not None and path.is_absolute() else None
        self._inode: tuple[int, int] | None = None

    def note(self) -> None:
        """The one that is there now is ours."""
        self._inode = self._there()

    @property
    def is_gone(self) -> bool:
        """Whether somebody removed it, or put another in its place: nobody finds us any more."""
        return self._path is not None and (self._inode is None or self._there() != self._inode)

    def remove(self) -> None:
        """Where it is ours."""
        if self._path is not None and not self.is_gone:
            self._path.unlink(missing_ok=True)

    def _there(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(self._path or "")
        except OSError:
            return None
        return found.st_dev, found.st_ino


def put_back(socket: zmq.Socket[bytes], file: SocketFile) -> bool:
    """Bind again where the `file` that it was bound to is gone; whether that was so.

    Whoever is connected stays so. The deaf listener goes with the socket: ending it now would, in its own
    time, remove the file that was just made.
    """
    if file.is_gone:
        with contextlib.suppress(zmq.ZMQError):  # the directory is gone as well, for now
            socket.bind(file.endpoint)
            file.note()
            return True
    return False


def unlink_ipc(endpoint: str) -> None:
    """Remove the socket file of a closed ipc `endpoint`, left behind by libzmq 4.3; tcp needs nothing."""
    path = ipc_path(endpoint)
    if path is not None and path.is_absolute():
        path.unlink(missing_ok=True)
