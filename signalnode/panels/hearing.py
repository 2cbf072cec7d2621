"""What a process beside the node hears of the bus: views and decisions, and the scores of markets it names.

`bus.subscriber` is for users, and hears every score, for it repairs gaps: a process that shows or tells how
things stand wants neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import zmq

from signalnode.bus.curve import secure_client
from signalnode.bus.sockets import RECONNECT_MAX_MS, RECONNECT_MS, prepare, receive, waits
from signalnode.bus.topics import DECISION, SCORE, VIEW
from signalnode.bus.wire import (
    VIEW_BYTES_MAX,
    DecisionMessage,
    Message,
    Score,
    ViewMessage,
    WireError,
    decode,
)
from signalnode.names import connect_address

QUEUE_MAX = 2_000  # messages that wait here; who is behind wants the newest alone
DRAIN_MAX = 500  # messages taken at one look
STRATEGIES_MAX = 1_000  # whose places are remembered


class Hearing:
    """One SUB socket. Messages come once each: of views and decisions only those newer than the last."""

    def __init__(self, endpoint: str, keys: Path | None) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.RCVHWM, QUEUE_MAX),
            (zmq.MAXMSGSIZE, VIEW_BYTES_MAX),
            (zmq.RECONNECT_IVL, RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
        ):
            self._socket.setsockopt(option, value)
        address = connect_address(endpoint)
        prepare(self._socket, address)
        if keys is not None:
            secure_client(self._socket, keys)
        for topic in (VIEW, DECISION):
            self._socket.subscribe(topic)
        self._socket.connect(address)
        self._wanted: set[str] = set()
        self._places: dict[str, tuple[int, int]] = {}  # of the newest view (""), and by strategy

    def want(self, markets: set[str]) -> None:
        """Hear the scores of these markets, and of no others."""
        for gone in self._wanted - markets:
            self._socket.unsubscribe(SCORE + gone.encode())
        for new in markets - self._wanted:
            self._socket.subscribe(SCORE + new.encode())
        self._wanted = set(markets)

    def wait(self, within_s: float) -> None:
        """Until something waits here, or the time is over."""
        self._socket.poll(int(within_s * 1_000))

    def look(self) -> Iterator[Message]:
        """What waits here, up to DRAIN_MAX; what is no message of the contract is passed over."""
        for _ in range(DRAIN_MAX):
            if not waits(self._socket):
                return
            try:
                message = decode(receive(self._socket))
            except (WireError, zmq.Again):
                continue
            if self._is_news(message):
                yield message

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        self._context.term()

    def _is_news(self, message: Message) -> bool:
        if isinstance(message, Score):
            return message.market in self._wanted  # topics match by prefix
        if not isinstance(message, ViewMessage | DecisionMessage):
            return False
        whose = message.strategy if isinstance(message, DecisionMessage) else ""
        place = (message.epoch, message.seq)
        if place <= self._places.get(whose, (-1, 0)):
            return False
        if whose in self._places or len(self._places) < STRATEGIES_MAX:
            self._places[whose] = place
        return True
