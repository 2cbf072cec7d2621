"""The one writer of a market: numbers scores, sends them, and never waits for anyone."""

from __future__ import annotations

import contextlib
import math
from typing import NotRequired, TypedDict, TypeVar, Unpack

import zmq

from signalnode.bus.sockets import MORE, NOW, SUBSCRIPTION_BYTES_MAX, put_back, sending, unlink_ipc
from signalnode.bus.topics import END, HEARTBEAT, SCORE
from signalnode.bus.wire import VERSION, End, Health, Heartbeat, Score, Status, encode_content
from signalnode.clock import NS_PER_MS, monotonic_ns
from signalnode.errors import EndpointError
from signalnode.names import check_endpoint

LINGER_MS = 250  # how long close() waits for `end` to leave; readers on this machine need under 1 ms
BACKLOG_MAX = 128  # connections waiting to be accepted
SUBSCRIBED = b"\x01"  # what a subscription begins with, before its topic; ZeroMQ's XPUB


M = TypeVar("M", Heartbeat, End)


class Header(TypedDict):
    """What every message of a market carries besides its numbering; times in ns since 1970."""

    mid: float  # NaN or 0 while no quote has been seen
    time_event_ns: int
    time_received_ns: int
    time_published_ns: int
    warm: float
    status: Status
    health: NotRequired[Health | None]  # of a live market
    spread_bps: NotRequired[float | None]  # None before a quote


class Publisher:
    """An XPUB socket bound to `endpoint` (to subscribers the same as PUB) that owns `seq`: from 1, one more
    for each score.

    Whoever was not connected yet, or was too slow, lost the newest score without an error; where a market
    stands still none follows for a long time. So a heartbeat with no new score since the last one brings the
    newest again, the same bytes: a subscriber drops it by its `seq`, or has it now.

    Make it after any fork: ZeroMQ contexts do not survive one. A subscriber that falls `queue_max` messages
    behind loses messages, not the engine time; it sees the loss in `seq`. Raises EndpointError if the
    address is unusable.
    """

    def __init__(self, endpoint: str, market: str, epoch: int, queue_max: int) -> None:
        self.market, self.epoch, self.seq = market, epoch, 0
        self._newest = b""  # the newest score as it was sent
        self._repeat = False  # it is older than the last heartbeat
        self._name = market.encode()
        self._score_topic = SCORE + self._name
        self._endpoint = check_endpoint(endpoint)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()  # for other sockets of the process, too
        self._socket = self.context.socket(zmq.XPUB)
        self._send_frame = sending(self._socket)
        self._socket.setsockopt(zmq.SNDHWM, queue_max)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.setsockopt(zmq.BACKLOG, BACKLOG_MAX)
        self._socket.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES_MAX)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self._socket.close(linger=0)
            self.context.term()
            raise EndpointError(
                f"{endpoint}: {error.strerror}; choose another address or free this one"
            ) from None

    def wait_for_subscriber(self, wait_ms: int, topic: bytes | None = None) -> bool:
        """Wait until somebody has subscribed, to exactly `topic` if one is given, at most `wait_ms`: what is
        sent to nobody is lost.
        """
        until_ns = monotonic_ns() + wait_ms * NS_PER_MS
        while self._socket.poll(max(0, (until_ns - monotonic_ns()) // NS_PER_MS)):
            if topic is None or self._socket.recv(NOW) == SUBSCRIBED + topic:
                return True
        return False

    def score(  # spelt out: ten times a second a dictionary of the header is one too many
        self,
        *,
        scores: dict[str, float],
        unknown: tuple[str, ...] = (),
        mid: float,
        time_event_ns: int,
        time_received_ns: int,
        time_published_ns: int,
        warm: float,
        status: Status,
        health: Health | None = None,
        spread_bps: float | None = None,
    ) -> int:
        """Send one set of scores, `unknown` those without evidence; returns the `seq` it went under. The rest
        is as in Header.
        """
        self.seq += 1
        message = Score(
            v=VERSION,
            market=self.market,
            epoch=self.epoch,
            seq=self.seq,
            mid=mid if math.isfinite(mid) else 0.0,
            time_event_ns=time_event_ns,
            time_received_ns=time_received_ns,
            time_published_ns=time_published_ns,
            warm=warm,
            status=status,
            health=health,
            spread_bps=spread_bps,
            scores=scores,
            unknown=unknown,
        )
        self._newest, self._repeat = encode_content(message), False
        self._send(self._score_topic, self._newest)
        return self.seq

    def heartbeat(self, **header: Unpack[Header]) -> None:
        """Say that the work loop is alive; carries the last `seq`, so that a lost tail shows."""
        with contextlib.suppress(zmq.Again):  # who came and went is taken off the queue, lest it grow
            while True:
                self._socket.recv(NOW)
        if self._repeat:
            self._send(self._score_topic, self._newest)
        self._repeat = bool(self._newest)
        self._send(HEARTBEAT + self._name, self._message(Heartbeat, header))

    def end(self, **header: Unpack[Header]) -> None:
        """Say that this stop is planned; carries the last `seq`."""
        self._send(END + self._name, self._message(End, header))

    def put_back(self) -> bool:
        """Bind again where somebody removed the socket's file; whether that was so."""
        return put_back(self._socket, self._endpoint)

    def close(self) -> None:
        """Let what is queued leave for LINGER_MS, then let go of the socket and its file.

        May be called twice.
        """
        if self._socket.closed:
            return
        self._socket.close(linger=LINGER_MS)
        self.context.term()
        unlink_ipc(self._endpoint)

    def _message(self, kind: type[M], header: Header) -> bytes:
        if not math.isfinite(header["mid"]):
            header["mid"] = 0.0
        return encode_content(kind(v=VERSION, market=self.market, epoch=self.epoch, seq=self.seq, **header))

    def _send(self, topic: bytes, content: bytes) -> None:
        send = self._send_frame
        send(topic, MORE)
        send(content, NOW)
