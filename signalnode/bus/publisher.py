"""The one writer of a market: numbers scores, sends them, and never waits for anyone."""

from __future__ import annotations

import math
import os
from typing import Any, NotRequired, TypedDict, TypeVar, Unpack

from signalnode.bus.sockets import SUBSCRIPTION_BYTES_MAX
from signalnode.bus.topics import END, HEARTBEAT, SCORE
from signalnode.bus.wire import VERSION, End, Health, Heartbeat, Score, Status, encode_content
from signalnode.bus.xpub import Xpub
from signalnode.bus.zmtp import frame, message_head
from signalnode.clock import NS_PER_MS, monotonic_ns
from signalnode.errors import EndpointError
from signalnode.names import check_endpoint

LINGER_MS = 250  # how long close() waits for `end` to leave; readers on this machine need under 1 ms
BACKLOG_MAX = 128  # connections waiting to be accepted


M = TypeVar("M", Score, Heartbeat, End)


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
    for each score. Whoever has one waits on its `fd`, too, and calls `serve` when that is readable.

    Whoever was not connected yet, or was too slow, lost the newest score without an error; where a market
    stands still none follows for a long time. So a heartbeat with no new score since the last one brings the
    newest again, the same bytes: a subscriber drops it by its `seq`, or has it now.

    Make it after any fork. A subscriber that falls `queue_max` messages
    behind loses messages, not the engine time; it sees the loss in `seq`. Raises EndpointError if the
    address is unusable.
    """

    def __init__(self, endpoint: str, market: str, epoch: int, queue_max: int) -> None:
        self.market, self.epoch, self.seq = market, epoch, 0
        self._newest = b""  # the newest score as it was sent, in its frames
        self._repeat = False  # it is older than the last heartbeat
        self._name = market.encode()
        self._score_topic = SCORE + self._name
        check_endpoint(endpoint)
        try:
            self._socket = Xpub(endpoint, queue_max, BACKLOG_MAX, SUBSCRIPTION_BYTES_MAX)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise EndpointError(f"{endpoint}: {reason}; choose another address or free this one") from None
        self.serve = self._socket.serve

    @property
    def fd(self) -> int:
        """Readable while there is something for `serve`."""
        return self._socket.fd

    def wait_for_subscriber(self, wait_ms: int, topic: bytes | None = None) -> bool:
        """Wait until somebody is subscribed, to exactly `topic` if one is given, at most `wait_ms`: what is
        sent to nobody is lost.
        """
        until_ns = monotonic_ns() + wait_ms * NS_PER_MS
        while not self._socket.has_asked(topic):
            if not self._socket.wait(until_ns - monotonic_ns()):
                return False
            self.serve()
        return True

    def score(
        self, *, scores: dict[str, float], unknown: tuple[str, ...] = (), **header: Unpack[Header]
    ) -> int:
        """Send one set of scores, `unknown` those without evidence; returns the `seq` it went under. The rest
        is as in Header.
        """
        self.send_score(self.next_score(scores, unknown, header))
        return self.seq

    def next_score(self, scores: dict[str, float], unknown: tuple[str, ...], header: Header) -> Score:
        """The message that is to go next, for `send_score`."""
        return self._message(Score, header, self.seq + 1, scores=scores, unknown=unknown)

    def send_score(self, message: Score) -> None:
        """Send what `next_score` made."""
        topic = self._score_topic
        self.send_written(message_head(topic) + frame(encode_content(message)))

    def send_written(self, framed: bytes) -> None:
        """Send the next score as it goes to subscribers: in its frames, with a `seq` one more than ours."""
        self.seq += 1
        self._newest, self._repeat = framed, False
        socket = self._socket  # as `_send`, which would be a call more at each score
        if not socket.is_settled:
            socket.serve()
        socket.send_framed(self._score_topic, framed)

    def heartbeat(self, **header: Unpack[Header]) -> None:
        """Say that the work loop is alive; carries the last `seq`, so that a lost tail shows."""
        self._socket.tidy()
        if self._repeat:
            self._send(self._score_topic, self._newest)
        self._repeat = bool(self._newest)
        self._send_content(HEARTBEAT + self._name, self._message(Heartbeat, header, self.seq))

    def end(self, **header: Unpack[Header]) -> None:
        """Say that this stop is planned; carries the last `seq`."""
        self._send_content(END + self._name, self._message(End, header, self.seq))

    def put_back(self) -> bool:
        """Bind again where somebody removed the socket's file; whether that was so."""
        return self._socket.put_back()

    def close(self) -> None:
        """Let what is queued leave for LINGER_MS, then let go of the socket and its file.

        May be called twice.
        """
        self._socket.close(LINGER_MS)

    def _message(self, kind: type[M], header: Header, seq: int, **more: Any) -> M:
        if not math.isfinite(header["mid"]):
            header["mid"] = 0.0
        return kind(v=VERSION, market=self.market, epoch=self.epoch, seq=seq, **header, **more)

    def _send_content(self, topic: bytes, message: Heartbeat | End) -> None:
        self._send(topic, message_head(topic) + frame(encode_content(message)))

    def _send(self, topic: bytes, framed: bytes) -> None:
        socket = self._socket
        if not socket.is_settled:
            self.serve()
        socket.send_framed(topic, framed)
