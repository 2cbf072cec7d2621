"""The gateway process: a venue's connections, and one ZeroMQ socket on which raw frames go to who wants them.

It knows no market until somebody subscribes to it, so a market that comes or goes needs nothing here to be
started again; and it reads a frame no further than to see whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import zmq

from signalnode import logs
from signalnode.bus.sockets import SocketFile, put_back, sending, unlink_ipc
from signalnode.clock import monotonic_ns, wall_ns
from signalnode.errors import OutputError, SignalnodeError, VenueError
from signalnode.feeds.live import envelope
from signalnode.feeds.live.actions import Tell
from signalnode.feeds.live.budget import Budget
from signalnode.feeds.live.envelope import BEAT_S, PASSED_S, Header
from signalnode.feeds.live.kerneltime import agreed_offset_ns
from signalnode.feeds.live.outlet import Outlet, Runs, Urls
from signalnode.feeds.live.passed import PassedPage, passed_path
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.relief import Crew, ElderSocket, Markets, Relief
from signalnode.feeds.live.seat import Seat
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.sessions.base import Venue
from signalnode.feeds.live.sessions.ccxt import ccxt_fault
from signalnode.feeds.live.told import Told
from signalnode.files import NO_ROOM
from signalnode.settings.arguments import Link
from signalnode.settings.model import ccxt_exchange

NOBLOCK = int(zmq.NOBLOCK)  # a plain number: each frame pays for what it is worked out
BEAT_CALLS, TOLD_CALLS = round(BEAT_S / PASSED_S), 5  # calls of `pass_time` from one to the next
ASKED = {b"\1": "want", b"\0": "drop", envelope.RENEW: "renew", envelope.DOUBT: "doubt"}


def main(link: Link, args: Mapping[str, Any]) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status. `args`: see `settings.gateway_args`."""
    logs.configure()
    log = logs.logger(gateway=args["gateway"])
    runtime_dir = Path(args["runtime_dir"])
    try:
        seat = Seat(runtime_dir, args["gateway"], may_wait=link.relieves is not None)
        try:
            _run(link, args, seat, log)
        finally:
            seat.leave()
    except SignalnodeError as error:
        log.error("cannot run", reason=str(error))  # noqa: TRY400 (one line: the user can mend it)
        return error.exit_status
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        log.error("cannot run", reason=f"{error.filename}: no room: the disk is full")  # noqa: TRY400
        return OutputError.exit_status
    return 0


def _run(link: Link, args: Mapping[str, Any], seat: Seat, log: logs.Logger) -> None:
    from signalnode.feeds.live.connection import run_connections

    venue, runtime_dir = venue_of(args["venue"]), Path(args["runtime_dir"])

    def on_loop(stopped: asyncio.Event) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)

    offset_ns = agreed_offset_ns(runtime_dir / "gateways.clock", wall_ns(), monotonic_ns())
    urls = Urls(args["ws_url"], args["rest_url"])
    budget = Budget(runtime_dir / f"{venue.name}.budget", venue.limits)
    fault = ccxt_fault(venue.name)
    if fault:
        raise VenueError(fault)
    with contextlib.closing(FrameOutlet(seat.endpoint, offset_ns, link, log)) as outlet:
        elder = outlet.dial_elder(seat.elder, link.relieves) if seat.elder and link.relieves else None
        crew = Crew(seat.keep, seat.take, seat.let_go, link.ready)
        run_connections(
            _connections(venue, urls, outlet, budget, lambda heard: Relief(heard, crew, elder)), on_loop
        )


def _connections(
    venue: Venue, urls: Urls, outlet: Outlet, budget: Budget, relief_of: Callable[[Markets], Relief]
) -> Runs:
    """What speaks to the venue: we, or ccxt."""
    if ccxt_exchange(venue.name):
        from signalnode.feeds.live.by_ccxt import CcxtConnections, CcxtMarkets, made

        markets = CcxtMarkets()
        return CcxtConnections(lambda: made(venue.name, urls), markets, outlet, budget, relief_of(markets))
    from signalnode.feeds.live.connection import Connections

    pool = Pool(venue, Random())
    return Connections(pool, urls, outlet, budget, relief_of(pool))


class FrameOutlet:
    """See `outlet.Outlet`: an XPUB socket, whose subscriptions say which markets are wanted."""

    def __init__(self, endpoint: str, offset_ns: int, link: Link, log: logs.Logger) -> None:
        self._offset_ns, self._link, self._log = offset_ns, link, log
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._send_message = sending(self._socket)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, envelope.QUEUE_MAX)
        self._socket.setsockopt(zmq.MAXMSGSIZE, envelope.REQUEST_BYTES_MAX)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # an engine that starts again wants to be answered
        unlink_ipc(endpoint)  # ours by the lock: a kill left it
        self._socket.bind(endpoint)
        self._file = SocketFile(endpoint)
        self._file.note()
        self.fd = int(self._socket.getsockopt(zmq.FD))
        self._passed = PassedPage(passed_path(endpoint))
        self._generation = monotonic_ns()
        self._elder: ElderSocket | None = None
        self._relieved_by: tuple[int, int] | None = None
        self._was_beside = False
        self._sequences: dict[str, int] = {}
        self._held: list[tuple[str, int, bytes]] | None = None  # symbol, time, message
        self._newest_ns = 0
        self._frames = self._calls = 0
        self._told = Told()

    def dial_elder(self, endpoint: str, pid: int) -> ElderSocket:
        """Ask the process that is to be relieved to stand by."""
        self._elder = ElderSocket(self._context, endpoint, generation=self._generation, pid=pid)
        return self._elder

    def _now_ns(self) -> int:
        """No two messages have the same."""
        now_ns = monotonic_ns() + self._offset_ns
        if now_ns <= self._newest_ns:
            now_ns = self._newest_ns + 1
        self._newest_ns = now_ns
        return now_ns

    def _send(self, symbol: str, kind: int, number: int, body: bytes) -> None:
        sequence = self._sequences[symbol] = self._sequences.get(symbol, 0) + 1
        now_ns = self._now_ns()
        header = (kind, now_ns, number, sequence, self._generation)
        message = envelope.pack(envelope.topic_of(symbol), header, body)
        if self._held is not None:
            self._held.append((symbol, now_ns, message))
            return
        self._send_message(message, NOBLOCK)
        self._passed.sent([(symbol, now_ns, message)])

    def hold(self) -> None:
        """See `outlet.Outlet`."""
        self._held = []

    def release(self) -> None:
        """See `outlet.Outlet`."""
        held, self._held, send = self._held or (), None, self._send_message
        for _, _, message in held:
            send(message, NOBLOCK)
        self._passed.sent(held)

    def frame(self, symbol: str, number: int, frame: bytes) -> None:
        """See `outlet.Outlet`."""
        self._frames += 1
        self._send(symbol, envelope.FRAME, number, frame)

    def answer(self, symbol: str, number: int, url: str, body: bytes) -> None:
        """See `outlet.Outlet`."""
        self._send(symbol, envelope.ANSWER, number, envelope.pack_answer(url, body))

    def address(self, symbol: str, number: int, url: str) -> None:
        """See `outlet.Outlet`."""
        self._send(symbol, envelope.ADDRESS, number, url.encode())

    def beside(self, symbol: str, number: int) -> None:
        """See `outlet.Outlet`."""
        self._send(symbol, envelope.BESIDE, number, b"")

    def moved(self, symbol: str, number: int) -> None:
        """See `outlet.Outlet`."""
        self._send(symbol, envelope.MOVED, number, b"")

    def tell(self, symbol: str, number: int, told: Tell, next_try_ns: int | None = None) -> None:
        """See `outlet.Outlet`; what has changed stands in the log as well."""
        reason = self._told.hear(symbol, number, told.state, told.reason, monotonic_ns())
        due_ns = None if next_try_ns is None else next_try_ns + self._offset_ns
        self._send(symbol, envelope.TOLD, number, envelope.pack_told(told.state, reason, due_ns))

    def tell_halt(self, symbol: str, halt: str) -> None:
        """See `outlet.Outlet`."""
        self._log.info("listed", symbol=symbol, halt=halt or "none")
        self._send(symbol, envelope.TOLD, 0, envelope.pack_told("halted", halt))

    def tell_announced(self, symbol: str, *, halts: bool, text: str) -> None:
        """See `outlet.Outlet`."""
        self._send(symbol, envelope.TOLD, 0, envelope.pack_told(envelope.ANNOUNCED[not halts], text))

    def note_announced(self, words: str) -> None:
        """See `outlet.Outlet`."""
        self._log.warning("the venue announces", what=words)

    def pass_time(self, next_try_ns: int | None, relief: Relief) -> None:
        """See `outlet.Outlet`."""
        self._passed.all_sent(self._now_ns())
        heir = relief.heir(self._told.heard)
        if heir is not None:
            self._to_all(envelope.HEIR, envelope.pack_heir(heir))
        if self._calls % BEAT_CALLS == 0 or relief.is_beside is not self._was_beside:
            self._was_beside = relief.is_beside
            self._to_all(envelope.BEAT, envelope.pack_beat(self._offset_ns, is_beside=relief.is_beside))
        if self._calls % TOLD_CALLS == 0:
            self._tell_supervisor(next_try_ns, relief)
        self._calls += 1

    def _to_all(self, kind: int, body: bytes) -> None:
        header = Header(kind, self._now_ns(), 0, 0, self._generation)
        self._socket.send(envelope.pack(envelope.BEAT_TOPIC, header, body), NOBLOCK)

    def _tell_supervisor(self, next_try_ns: int | None, relief: Relief) -> None:
        for markets, facts, is_warning in self._told.news():
            (self._log.warning if is_warning else self._log.info)("market", symbol=markets, **facts)
        if put_back(self._socket, self._file) | self._passed.put_back():
            self._log.warning("somebody removed the socket or its page, made again")
        now_ns = monotonic_ns()
        progress = {"progress": relief.progress(now_ns)} if relief.is_beside else {}
        self._link.beat(frames=self._frames, **progress, **self._told.facts(now_ns, next_try_ns))

    def relieved_by(self) -> tuple[int, int] | None:
        """See `outlet.Outlet`."""
        found, self._relieved_by = self._relieved_by, None
        return found

    def requests(self) -> Iterator[tuple[str, str]]:
        """See `outlet.Outlet`."""
        while True:
            try:
                message = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if message[:1] == envelope.RELIEVE:
                with contextlib.suppress(struct.error):
                    self._relieved_by = envelope.unpack_relieve(message[1:])
                continue
            what = ASKED.get(message[:1])
            topic = message[1:]
            if what is None or len(topic) < 2 or topic[-1:] != b"\0":
                continue
            symbol = topic[:-1].decode(errors="replace")
            if what == "want":
                self._passed.want(symbol)
            elif what == "drop":
                self._told.drop(symbol)
                self._passed.drop(symbol)
            yield what, symbol

    def close(self) -> None:
        """Let go of the sockets."""
        if self._elder is not None:
            self._elder.close()
        self._passed.close()
        self._socket.close()
        self._context.term()
        self._file.remove()
