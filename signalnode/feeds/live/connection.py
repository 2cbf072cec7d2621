"""Sockets and requests to a venue: the one file of the feeds with asyncio in it. `pool.Pool` decides all.

A redirect is followed nowhere: whoever stands behind it was not named by anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from signalnode.clock import NS_PER_S, monotonic_ns, wall_ns
from signalnode.errors import VenueError
from signalnode.feeds.live.actions import (
    Address,
    Answer,
    Beside,
    Close,
    Deliver,
    Fetch,
    Moved,
    Open,
    Send,
    Tell,
)
from signalnode.feeds.live.announced import NOTHING, Announced, in_words
from signalnode.feeds.live.budget import Budget
from signalnode.feeds.live.envelope import PASSED_S
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.asked import announced_on, listed_on
from signalnode.feeds.live.listings.base import Announcing
from signalnode.feeds.live.outlet import Outlet, Runs, Urls
from signalnode.feeds.live.pool import Pool, Step
from signalnode.feeds.live.reasons import reason_of
from signalnode.feeds.live.relief import Relief, ended
from signalnode.feeds.live.rest import StatusError, seconds_of
from signalnode.feeds.live.rest import fetch as fetch_rest
from signalnode.feeds.live.states import Asked, States
from signalnode.feeds.live.websocket import Dial, Socket

OPEN_S, CLOSE_S = 10.0, 2.0
FETCH_S_MAX = 20.0  # for a whole answer
PING_S, PONG_S = 20.0, 10.0  # ours: what tells a peer that is gone from one that is quiet
REASON_CHARS_MAX = 200
ASKED_TOO_OFTEN = (418, 429)  # HTTP statuses that are of this address, not of what was asked

T = TypeVar("T")


class Connections:
    """Runs a pool against real sockets, within a budget."""

    def __init__(self, pool: Pool, urls: Urls, outlet: Outlet, budget: Budget, relief: Relief) -> None:
        self._pool, self._urls, self._outlet, self._budget = pool, urls, outlet, budget
        self._relief = relief
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: dict[int, Socket] = {}  # by slot
        self._timer: asyncio.TimerHandle | None = None
        self._states = States(listing_of(pool.venue.name), pool.venue.limits)
        self._announced = Announced(listing_of(pool.venue.name).announcing)

    async def run(self, stopped: asyncio.Event) -> None:
        """Until `stopped` is set; then every connection is closed."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._outlet.fd, self._on_requests)
        self._pass_time()
        try:
            await stopped.wait()
        finally:
            loop.remove_reader(self._outlet.fd)
            self._pulse.cancel()
            if self._timer is not None:
                self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pass_time(self) -> None:
        asked = self._outlet.relieved_by()
        if asked is not None:
            self._do(self._relief.stand_by(asked[0], ended(asked[1])))
        self._do(self._relief.turn(monotonic_ns()))
        self._on_requests()  # ZeroMQ tells of its edge alone, which a send may have taken
        self._outlet.pass_time(self._pool.next_try_ns(), self._relief)
        self._pulse = asyncio.get_running_loop().call_later(PASSED_S, self._pass_time)

    def _on_requests(self) -> None:
        if self._relief.state == "asking":
            return
        for what, symbol in self._outlet.requests():
            if what == "want":
                self._relief.want(symbol)
                steps = self._pool.want(symbol)
                self._do(steps)
                halt = self._states.want(symbol, monotonic_ns())
                if halt:
                    self._outlet.tell_halt(symbol, halt)
                elif any(isinstance(step.action, Address) for step in steps):
                    self._states.join(symbol, monotonic_ns())
                said = self._announced.want(symbol, monotonic_ns())
                if said != NOTHING:
                    self._outlet.tell_announced(symbol, halts=said.halts, text=said.text)
            elif what == "drop":
                self._relief.drop(symbol)
                self._pool.drop(symbol)
                self._states.drop(symbol)
                self._announced.drop(symbol)
            elif what == "renew":
                self._pool.renew(symbol)
            else:
                self._states.doubt(symbol, monotonic_ns())
        asked = self._states.next(monotonic_ns())
        if asked is not None:
            self._start(self._look_up(asked))
        announcing = self._announced.next(monotonic_ns())
        if announcing is not None:
            self._start(self._hear_announced(announcing))
        for symbol, said in self._announced.news(wall_ns()):
            self._outlet.tell_announced(symbol, halts=said.halts, text=said.text)
        self._schedule()

    async def _look_up(self, asked: Asked) -> None:
        """Hold markets against what their venue lists; what cannot be had is not told."""
        name, rest_url = self._pool.venue.name, self._urls.rest
        wait_ns = self._budget.request(asked.weight, monotonic_ns())
        if wait_ns:
            self._states.on_unread(wait_ns, monotonic_ns())
            return
        try:
            listed = await _in_thread(lambda: listed_on(name, rest_url, asked.page))
        except Exception as error:
            self._states.on_unread(0, monotonic_ns())
            if isinstance(error, StatusError):
                self._wait_asked(error.status, error.retry_after)
            if not isinstance(error, VenueError):
                raise  # which is printed; the next look is a new one
            return
        for symbol, halt in self._states.on_read(listed, monotonic_ns()):
            self._outlet.tell_halt(symbol, halt)

    async def _hear_announced(self, announcing: Announcing) -> None:
        """Read what the venue announces; where it cannot be had it is as it was."""
        name, rest_url = self._pool.venue.name, self._urls.rest
        wait_ns = self._budget.request(announcing.weight, monotonic_ns())
        if wait_ns:
            self._announced.on_unread(wait_ns, monotonic_ns())
            return
        try:
            notices = await _in_thread(lambda: announced_on(name, rest_url))
        except VenueError as error:
            if isinstance(error, StatusError):
                self._wait_asked(error.status, error.retry_after)
            return
        for notice in self._announced.on_read(notices, wall_ns()):
            self._outlet.note_announced(in_words(notice))

    def _on_timer(self) -> None:
        self._timer = None
        self._do(self._pool.on_time(monotonic_ns()))
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_ns = self._pool.due_ns()
        if due_ns is not None:
            wait_s = min(max(0.0, (due_ns - monotonic_ns()) / NS_PER_S), 3_600.0)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_timer)

    def _do(self, steps: Iterable[Step]) -> None:
        for slot, number, action in self._relief.passed(steps) if self._relief.is_beside else steps:
            if isinstance(action, Deliver):
                self._outlet.frame(action.symbol, number, action.frame)
            elif isinstance(action, Tell):
                session = self._pool.sessions[slot]
                next_try_ns = session.due_ns() if session.state == "resting" else None
                self._outlet.tell(action.symbol, number, action, next_try_ns)
            elif isinstance(action, Answer):
                self._outlet.answer(action.symbol, number, self._urls.rest + action.url_path, action.body)
            elif isinstance(action, Address):
                self._outlet.address(action.symbol, number, self._urls.ws + action.url_path)
            elif isinstance(action, Beside):
                self._outlet.beside(action.symbol, number)
            elif isinstance(action, Moved):
                self._outlet.moved(action.symbol, number if action.is_done else 0)
            elif isinstance(action, Open):
                self._start(self._connect(slot))
            elif isinstance(action, Fetch):
                self._start(self._fetch(slot, action))
            elif slot in self._sockets and isinstance(action, Send):
                self._start(_send(self._sockets[slot], action.frame))
            elif slot in self._sockets and isinstance(action, Close):
                self._start(self._sockets[slot].close())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, slot: int) -> None:
        session, steps = self._pool.sessions[slot], self._pool.steps
        wait_ns = self._budget.connect(monotonic_ns())
        if wait_ns:
            self._do(steps(slot, session.on_denied(wait_ns, monotonic_ns())))
            self._schedule()
            return
        reason, status, retry_after_s = "closed", 0, 0.0
        try:
            async with self._dialled(session.route.url_path) as socket:
                assert isinstance(socket, Socket)  # as it was told to make
                self._sockets[slot] = socket
                self._do(steps(slot, session.on_opened(monotonic_ns())))
                self._schedule()
                await socket.hand_over(partial(self._on_frames, slot))
        except InvalidStatus as error:
            status = error.response.status_code
            reason = f"HTTP {status}"
            retry_after_s = self._wait_asked(status, error.response.headers.get("Retry-After", ""))
        except Exception as error:  # of any kind: the slot is tried again whatever it was
            reason = reason_of(error)
            if session.state == "connecting" and isinstance(error, OSError):  # a proxy may stand before it
                reason += f", on the way to {urlsplit(self._urls.ws).netloc.rpartition('@')[2]}"
        finally:
            self._sockets.pop(slot, None)
            self._budget.closed()
        reason = " ".join(reason.split())[:REASON_CHARS_MAX]
        now_ns = monotonic_ns()
        if session.state == "connecting":
            done = session.on_failed(reason, now_ns, status=status, retry_after_s=retry_after_s)
        else:
            done = session.on_closed(reason, now_ns)
        self._do(steps(slot, done))
        self._schedule()

    async def _fetch(self, slot: int, fetch: Fetch) -> None:
        session = self._pool.sessions[slot]
        wait_ns = self._budget.request(fetch.weight, monotonic_ns())
        if wait_ns:
            session.on_fetch_denied(fetch, wait_ns, monotonic_ns())
            self._schedule()
            return
        bytes_max = self._pool.venue.limits.answer_bytes_max
        status, body, retry_after_s, reason = 0, b"", 0.0, ""
        try:
            reply = await _in_thread(
                lambda: fetch_rest(self._urls.rest, fetch.url_path, within_s=FETCH_S_MAX, bytes_max=bytes_max)
            )
        except Exception as error:
            reason = str(error) if isinstance(error, VenueError) else reason_of(error)
        else:
            status, body, reason = reply.status, reply.body, f"HTTP {reply.status} to {fetch.url_path}"
            retry_after_s = self._wait_asked(status, reply.headers.get("retry-after", ""))
        done = session.on_answer(
            fetch, status, body, monotonic_ns(), reason=reason[:REASON_CHARS_MAX], retry_after_s=retry_after_s
        )
        self._do(self._pool.steps(slot, done))
        self._schedule()

    def _wait_asked(self, status: int, retry_after: str) -> float:
        """Seconds that the venue wants to be left alone; where it means this address, for all gateways."""
        wait_s = seconds_of(retry_after)
        if status in ASKED_TOO_OFTEN:
            self._budget.ban(wait_s, monotonic_ns())
        return wait_s

    def _dialled(self, url_path: str) -> connect:
        """Certificates are verified always, by the system's or SSL_CERT_FILE's; a proxy is the environment's.
        An address without TLS is of this machine, and needs none.

        Without compression: no venue says how it bears it, and it costs 0.3 MB and time for each frame. No
        pings of the protocol where the venue has its own, for such a venue may not answer them (so ccxt, of
        OKX and Hyperliquid): there the session tells a peer that is gone, by its silence.
        """
        venue = self._pool.venue
        return Dial(
            self._urls.ws + url_path,
            ssl=ssl.create_default_context() if self._urls.ws.startswith("wss:") else None,
            proxy=True if self._urls.ws.startswith("wss:") else None,
            compression=None,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=PING_S if venue.ping is None else None,
            ping_timeout=PONG_S,
            max_size=venue.limits.frame_bytes_max,
            create_connection=partial(Socket, bytes_max=venue.limits.frame_bytes_max),  # type: ignore[arg-type]
            user_agent_header="signalnode",
        )

    def _on_frames(self, slot: int, frames: list[bytes]) -> None:
        """What came at once goes on at once: so ZeroMQ's thread wakes once for all of it."""
        session, number, now_ns = self._pool.sessions[slot], self._pool.number(slot), monotonic_ns()
        self._outlet.hold()
        try:
            for frame in frames:
                done = session.on_frame(frame, now_ns)
                if (
                    len(done) == 1 and isinstance(only := done[0], Deliver) and only.symbol
                ):  # so are nearly all
                    self._outlet.frame(only.symbol, number, only.frame)
                else:
                    self._do(self._pool.steps(slot, done))
        finally:
            self._outlet.release()
        if session.has_moved:
            self._schedule()


async def _in_thread(work: Callable[[], T]) -> T:
    """What `work` gives or raises, in a thread that nobody waits for at the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def put(settle: Callable[[Any], None], value: object) -> None:
        if not done.done():
            settle(value)

    def run() -> None:
        try:
            settle, value = done.set_result, work()
        except Exception as error:
            settle, value = done.set_exception, error  # type: ignore[assignment] # either takes its value
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(put, settle, value)

    threading.Thread(target=run, daemon=True).start()
    return await done


async def _send(socket: Socket, frame: bytes) -> None:
    with contextlib.suppress(ConnectionClosed):  # whoever receives hears of it
        await socket.send(frame, text=True)


def run_connections(connections: Runs, on_loop: Callable[[asyncio.Event], None]) -> None:
    """Run on uvloop, or on asyncio's own loop where it cannot be had; `on_loop` is given what stops it."""

    async def work() -> None:
        stopped = asyncio.Event()
        on_loop(stopped)
        await connections.run(stopped)

    try:
        import uvloop
    except ImportError:
        asyncio.run(work())
    else:
        uvloop.run(work())
