"""`subscribe`: typed messages from the bus for users, sync and async; the sockets around `reader.Reader`.

SUB hears what is published, DEALER asks the aggregator's ring for what is missing: `reader.py` has the
protocol. Before a message is handed out both are drained, the answers first, so that a repair has ended when
what came behind it is looked at.

`async for` waits on the sockets' descriptors. ZeroMQ's are edge-triggered: they tell that something changed,
once, and not that something is there (ZMQ_FD in zmq_getsockopt(3)). So the event is cleared, the sockets
looked at once more, and only then waited for, never longer than LOOK_AGAIN_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType

import zmq

from signalnode.bus.curve import secure_client
from signalnode.bus.reader import Counts, Reader, StreamState
from signalnode.bus.snapshot import encode_request
from signalnode.bus.sockets import NOW, prepare, receive, waits
from signalnode.bus.topics import subscribed_to
from signalnode.bus.wire import KINDS, VIEW_BYTES_MAX, Message, Score
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, wall_ns
from signalnode.errors import EndpointError, UsageError
from signalnode.names import (
    DEFAULT_ENDPOINT,
    check_endpoint,
    checked_name,
    connect_address,
    snapshot_endpoint,
)

RECEIVE_QUEUE_MAX = 10_000  # messages that wait in ZeroMQ while the user is busy; more are lost and counted
REQUEST_QUEUE_MAX = 100
REPLY_BYTES_MAX = 8_388_608
RECONNECT_MS = 10
DRAIN_MAX = 1_000  # messages taken from the socket at a time, so that a flood cannot keep one from the user
DRAIN_NEWEST_MAX = 3 * RECEIVE_QUEUE_MAX  # all that can wait here, in the kernel and at the aggregator
LOOK_AGAIN_S = 1.0  # an edge-triggered descriptor is believed no longer than this


def subscribe(
    *markets: str,
    endpoint: str = DEFAULT_ENDPOINT,
    kinds: tuple[str, ...] = ("score",),
    max_age_s: float | None = 5.0,
    repair: bool = True,
    newest: bool = False,
    keys: Path | None = None,
) -> Subscription:
    """Subscribe to `markets` (none: all) and iterate over their messages, with `for` or with `async for`.

    Args:
        markets: names as in the config.
        endpoint: the aggregator's address; an engine's own ipc address works too, with repair=False.
        kinds: any of score, heartbeat, end, view, decision.
        max_age_s: scores published longer ago than this (by the wall clock) are counted and not handed out.
            None hands out everything.
        repair: ask the aggregator's ring for what is missing, and hand it out in its place.
        newest: of what waits here hand out each market's newest score, heartbeat and view only, and count the
            scores that are passed over as `skipped`: who is slower than the markets is then never late. Gaps
            before a newer score are not asked for. Ends and decisions all come.
        keys: directory made by `signalnode keys new`, for an endpoint that asks for CURVE keys; on the node's
            machine its own will do.

    Raises UsageError for a wrong name or kind, EndpointError for a wrong address, ConfigError without keys.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise UsageError(f"kinds={kinds!r}: choose from {', '.join(KINDS)}")
    for market in markets:
        checked_name(market)
    reader = Reader(markets, kinds, max_age_s, repair, newest)
    check_endpoint(endpoint)
    return Subscription(
        reader, markets=markets, kinds=kinds, endpoint=endpoint, keys=keys, repair=repair, newest=newest
    )


class Subscription:
    """An open subscription: `close` it, or use it in `with` or `async with`. Not for two threads at once."""

    def __init__(
        self,
        reader: Reader,
        *,
        markets: tuple[str, ...],
        kinds: tuple[str, ...],
        endpoint: str,
        keys: Path | None,
        repair: bool,
        newest: bool,
    ) -> None:
        self._reader = reader
        self._drain_max = DRAIN_NEWEST_MAX if newest else DRAIN_MAX
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sub = self._socket(zmq.SUB, keys)
        self._ask = self._socket(zmq.DEALER, keys)
        for topic in subscribed_to(markets, kinds):
            self._sub.subscribe(topic)
        self._poller = zmq.Poller()
        self._poller.register(self._sub, zmq.POLLIN)
        self._poller.register(self._ask, zmq.POLLIN)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stirred: asyncio.Event | None = None
        try:
            address = connect_address(endpoint)
            for socket in (self._sub, self._ask):
                prepare(socket, address)
            self._sub.connect(address)
            if repair:
                self._ask.connect(snapshot_endpoint(address))
        except zmq.ZMQError as error:
            self.close()
            reason = zmq.strerror(error.errno or 0)
            raise EndpointError(
                f"{endpoint}: {reason}; name the address that the node's aggregator.endpoint has"
            ) from None
        reader.connected()

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """The next message; None when `timeout_s` (None: never) is over or the subscription was closed."""
        until_ns = None if timeout_s is None else monotonic_ns() + int(timeout_s * NS_PER_S)
        while not self._sub.closed:
            message = self._next()
            if message is not None:
                return message
            wait_s = self._wait_s(until_ns)
            if wait_s <= 0:
                return None
            self._poller.poll(max(1, int(wait_s * 1_000)))
        return None

    def counts(self) -> dict[str, Counts]:
        """What each market's stream went through, by market; see `Counts`."""
        return self._reader.counts()

    def rejected(self) -> dict[str, int]:
        """Messages that were not of the contract, counted by reason."""
        return dict(self._reader.rejected)

    def answered(self) -> bool:
        """Whether the aggregator has answered: where nothing is heard, this tells a market that it does not
        have, or has not heard either, from no node. Never with repair=False, which asks nothing.
        """
        return self._reader.answered

    def state(self, market: str) -> StreamState:
        """`unheard`, `ended` (a planned stop), `silent` (crash, hang, cut), `repairing` (a gap), `live`.

        `unread`: nothing new was read for as long as makes a market `silent`, but messages wait here: the
        reader is slow, and whether the market is silent shows when they are read.
        """
        state = self._reader.state(market, monotonic_ns())
        waiting = state == "silent" and not self._sub.closed and self._sub.poll(0)
        return "unread" if waiting else state

    def newest(self, market: str) -> Score | None:
        """The newest score read of `market`; None if there is none or it is older than max_age_s."""
        return self._reader.newest(market, wall_ns())

    def close(self) -> None:
        """Let go of the sockets and end every iteration; closing twice is harmless."""
        if self._sub.closed:
            return
        self._unwatch()
        self._sub.close(linger=0)
        self._ask.close(linger=0)
        self._context.term()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        message = self.receive()
        if message is None:
            raise StopIteration
        return message

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        while not self._sub.closed:
            message = self._next()
            if message is not None:
                return message
            stirred = self._watch()
            stirred.clear()
            if self._sub.poll(0) or self._ask.poll(0):
                continue
            try:
                await asyncio.wait_for(stirred.wait(), self._wait_s(None))
            except TimeoutError:
                continue
        raise StopAsyncIteration

    def _next(self) -> Message | None:
        if not self._reader.has_room():
            message = self._reader.take(wall_ns())
            if message is not None:
                return message
        self._pump()
        return self._reader.take(wall_ns())

    def _pump(self) -> None:
        now_ns, wall = monotonic_ns(), wall_ns()
        self._drain(self._ask, now_ns, wall)
        self._drain(self._sub, now_ns, wall)
        self._reader.expire(now_ns, wall)
        while (request := self._reader.next_request()) is not None:
            try:
                self._ask.send(encode_request(request), NOW)
            except zmq.Again:
                break  # nobody answers there; the repair's own deadline ends the waiting

    def _drain(self, socket: zmq.Socket[bytes], now_ns: int, wall: int) -> None:
        take = self._reader.reply if socket is self._ask else self._reader.frames
        for _ in range(self._drain_max):
            if not waits(socket):
                return
            take(receive(socket), now_ns, wall)

    def _wait_s(self, until_ns: int | None) -> float:
        deadlines = [t for t in (until_ns, self._reader.deadline_ns()) if t is not None]
        if not deadlines:
            return LOOK_AGAIN_S
        now_ns = monotonic_ns()
        if until_ns is not None and now_ns >= until_ns:
            return 0.0
        return min(LOOK_AGAIN_S, max(min(deadlines) - now_ns, NS_PER_MS) / NS_PER_S)

    def _watch(self) -> asyncio.Event:
        loop = asyncio.get_running_loop()
        if self._stirred is None or self._loop is not loop:
            self._unwatch()
            self._loop, self._stirred = loop, asyncio.Event()
            for socket in (self._sub, self._ask):
                loop.add_reader(socket.fileno(), self._stirred.set)
        return self._stirred

    def _unwatch(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            for socket in (self._sub, self._ask):
                self._loop.remove_reader(socket.fileno())
        if self._stirred is not None:
            self._stirred.set()
        self._loop = self._stirred = None

    def _socket(self, kind: int, keys: Path | None) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        socket.setsockopt(zmq.RCVHWM, RECEIVE_QUEUE_MAX)
        socket.setsockopt(zmq.SNDHWM, REQUEST_QUEUE_MAX)
        socket.setsockopt(zmq.MAXMSGSIZE, VIEW_BYTES_MAX if kind == zmq.SUB else REPLY_BYTES_MAX)
        if keys is not None:
            secure_client(socket, keys)
        return socket
