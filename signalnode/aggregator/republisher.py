"""The aggregator's outer sockets: XPUB for everyone, ROUTER for late joiners and gaps, ZAP for keys."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

import zmq

from signalnode.aggregator.core import Aggregator
from signalnode.bus.curve import Authenticator, secure_server
from signalnode.bus.snapshot import REQUEST_BYTES_MAX, decode_request
from signalnode.bus.sockets import (
    MORE,
    NOW,
    SUBSCRIPTION_BYTES_MAX,
    SocketFile,
    prepare,
    put_back,
    sending,
)
from signalnode.bus.topics import DIGEST
from signalnode.bus.wire import WireError
from signalnode.clock import NS_PER_MS
from signalnode.errors import EndpointError
from signalnode.names import check_endpoint, is_local, snapshot_endpoint
from signalnode.settings import AggregatorSettings

JOINERS_INTERVAL_MS = 20  # late joiners are served together, so that subscribing in a loop multiplies nothing
TOPICS_WAITING_MAX = 1_000  # different prefixes waiting to be served; more count as one, for everything
ASKED_MAX = 20_000  # different prefixes that peers subscribe to; more count as one, for everything
REQUEST_QUEUE_MAX = 1_000
REPLY_QUEUE_MAX = 100  # replies one peer may leave unread, over the REPAIRS_MAX under way; more are lost
REQUESTS_MAX = 500  # answered in one turn
RE_SENT_MAX = 2_000  # messages in one turn's answers, about 10 ms of work, and what one more answer holds
BYTES_MESSAGE = 1_024  # of answers, which take as much of a turn as one message more
LINGER_MS = 100
TOGETHER_MAX = 32  # sent on one behind the other: ZeroMQ's thread wakes for what comes alone
FOREVER_NS = 2**62


class Republisher:
    """Bind the sockets of `settings`, or raise EndpointError; beyond this machine only with CURVE keys.

    A late joiner's newest messages go to everyone who subscribes to them, since XPUB cannot single one out;
    whoever has them drops them by `seq`, as the contract tells every subscriber to.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], settings: AggregatorSettings) -> None:
        endpoints = (settings.endpoint, snapshot_endpoint(settings.endpoint))
        self._files = [SocketFile(check_endpoint(each)) for each in endpoints]
        if settings.keys_dir is None and not is_local(settings.endpoint):
            raise EndpointError(
                f"{settings.endpoint}: reaches beyond this machine; make keys with `signalnode keys new` "
                "and set aggregator.keys_dir, or use tcp://127.0.0.1"
            )
        self._zap = None if settings.keys_dir is None else Authenticator(context, settings.keys_dir)
        self._xpub = context.socket(zmq.XPUB)
        self._send_frame = sending(self._xpub)
        self._router = context.socket(zmq.ROUTER)
        self.sockets = [self._xpub, self._router] + ([self._zap.socket] if self._zap else [])
        self._xpub.setsockopt(zmq.XPUB_VERBOSE, 1)  # tell of every new subscriber, not just of new topics
        self._xpub.setsockopt(zmq.SNDHWM, settings.send_queue_max)
        self._xpub.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES_MAX)
        self._router.setsockopt(zmq.SNDHWM, REPLY_QUEUE_MAX)
        self._router.setsockopt(zmq.RCVHWM, REQUEST_QUEUE_MAX)
        self._router.setsockopt(zmq.MAXMSGSIZE, REQUEST_BYTES_MAX)
        try:
            for socket, file in zip((self._xpub, self._router), self._files, strict=True):
                socket.setsockopt(zmq.LINGER, LINGER_MS)
                if settings.keys_dir is not None:
                    secure_server(socket, settings.keys_dir)
                _bind(socket, file.endpoint)
                file.note()
        except Exception:
            self.close()
            raise
        self.asked: set[bytes] = set()  # what somebody subscribes to, by prefix
        self.asked_changes = 0  # so often it was another
        self.is_digest_asked = False
        self._waiting: set[bytes] = set()
        self._serve_ns = FOREVER_NS

    def publish(self, frames: Sequence[bytes]) -> None:
        """Send to whoever subscribed; never waits, a subscriber whose queue is full loses it."""
        send = self._send_frame
        send(frames[0], MORE)
        send(frames[1], NOW)

    def publish_all(self, messages: list[list[bytes]]) -> None:
        """As `publish`, of each in turn; none is left."""
        send = self._send_frame
        for topic, content in messages:
            send(topic, MORE)
            send(content, NOW)
        messages.clear()

    @property
    def due_ns(self) -> int:
        """When late joiners are to be served."""
        return self._serve_ns

    def serve(self, core: Aggregator, now_ns: int, ready: Collection[object]) -> None:
        """Let peers in, take their subscriptions and answer their questions, where those of `sockets` that
        are `ready` have any: to look at one in vain costs as much as a score.
        """
        if self._zap is not None and self._zap.socket in ready:
            self._zap.answer()
        if self._xpub in ready:
            self._subscriptions(now_ns)
        if now_ns >= self._serve_ns:
            self._late_joiners(core)
        if self._router in ready:
            self._requests(core)

    def reload(self) -> None:
        """Read the allowed keys again."""
        if self._zap is not None:
            self._zap.reload()

    def put_back(self) -> bool:
        """Bind again where a socket's file is gone; whether that was so."""
        bound = zip((self._xpub, self._router), self._files, strict=True)
        return True in [put_back(socket, file) for socket, file in bound]

    def close(self) -> None:
        """Let go of sockets and socket files."""
        for socket in self.sockets:
            socket.close()
        for file in self._files:
            file.remove()

    def _subscriptions(self, now_ns: int) -> None:
        for _ in range(TOPICS_WAITING_MAX):
            try:
                change = self._xpub.recv(NOW)
            except zmq.Again:
                return
            if change[:1] != b"\x01":  # the last who asked for it has gone
                self.asked.discard(change[1:])
                self._asked_anew(change[1:])
                continue
            self.asked.add(change[1:])
            self._asked_anew(change[1:])
            self._waiting.add(change[1:])
            if len(self._waiting) > TOPICS_WAITING_MAX:
                self._waiting = {b""}
            self._serve_ns = min(self._serve_ns, now_ns + JOINERS_INTERVAL_MS * NS_PER_MS)

    def _asked_anew(self, topic: bytes) -> None:
        """Beyond ASKED_MAX topics it is everything, for good."""
        self.asked_changes += 1
        if len(self.asked) > ASKED_MAX:
            self.asked, topic = {b""}, b""
        if DIGEST.startswith(topic):
            self.is_digest_asked = any(DIGEST.startswith(each) for each in self.asked)

    def _late_joiners(self, core: Aggregator) -> None:
        for frames in core.newest(self._waiting):
            self.publish(frames)
        self._waiting.clear()
        self._serve_ns = FOREVER_NS

    def _requests(self, core: Aggregator) -> None:
        sent = 0  # frames, two a message
        for _ in range(REQUESTS_MAX):
            if sent >= 2 * RE_SENT_MAX:
                return
            try:
                peer, *rest = self._router.recv_multipart(NOW)
            except zmq.Again:
                return
            try:
                answer = core.answer(decode_request(rest[0] if len(rest) == 1 else b""))
            except WireError:
                continue  # whoever cannot ask gets no answer
            sent += len(answer) + sum(map(len, answer)) // BYTES_MESSAGE
            with contextlib.suppress(zmq.ZMQError):  # gone, or does not read
                self._router.send_multipart([peer, *answer], NOW)


def _bind(socket: zmq.Socket[bytes], endpoint: str) -> None:
    prepare(socket, endpoint)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise EndpointError(
            f"{endpoint}: {error.strerror}; stop what listens there, or set another aggregator.endpoint"
        ) from None
