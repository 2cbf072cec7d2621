"""A gateway's process in virtual time, without sockets: its pool, its connections to the venue, and what it
says to engines. Another that relieves it goes by the same `Relief` as a real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from signalnode.clock import NS_PER_S
from signalnode.feeds.live import envelope
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
from signalnode.feeds.live.connection import PING_S, PONG_S
from signalnode.feeds.live.envelope import Header
from signalnode.feeds.live.pool import Pool, Step
from signalnode.feeds.live.reasons import UNANSWERED
from signalnode.feeds.live.relief import Crew, Relief

from . import venue as made
from .venue import Peer

if TYPE_CHECKING:
    from .virtual import Virtual

SPINS_MAX = 1_000  # times that a pool may be due at one moment


class Process:
    """In `world`; `elder` is whom it relieves, if anybody. `generation` is higher of one that came later."""

    def __init__(self, world: Virtual, pool: Pool, generation: int, elder: Process | None = None) -> None:
        self.world, self.pool, self.generation = world, pool, generation
        self.peers: dict[int, Peer] = {}  # by slot
        self.frozen: set[int] = set()  # slots whose connection is half open: nothing comes, nothing is closed
        self.is_ready = self.is_gone = False
        self._frozen_ns: dict[int, int] = {}  # since when
        self._sequences: Counter[str] = Counter()
        idle = _nothing
        self.relief = Relief(pool, Crew(idle, idle, idle, self._on_ready), _Elder(elder) if elder else None)

    def want(self, symbol: str) -> None:
        """An engine has dialled, or somebody else wants a market."""
        self.relief.want(symbol)
        self.do(self.pool.want(symbol))

    def drop(self, symbol: str) -> None:
        """It hung up."""
        self.relief.drop(symbol)
        self.pool.drop(symbol)

    def end(self) -> None:
        """It is gone, and with it all its connections."""
        self.is_gone = True
        for peer in self.peers.values():
            self.world.venue.on_closed(peer)
        self.peers.clear()
        self.world.on_ended(self)

    def heir(self) -> envelope.Heir | None:
        """What it tells all while another takes over."""
        is_asked = self.relief.state == "standing_by"
        return self.relief.heir(sum(map(self.pool._is_heard, self.pool.symbols)) if is_asked else 0)

    def beats(self) -> list[bytes]:
        """What goes to every engine that has dialled, each tick."""
        heir, offset_ns = self.heir(), self.world.offset_ns
        bodies = [] if heir is None else [(envelope.HEIR, envelope.pack_heir(heir))]
        bodies.append((envelope.BEAT, envelope.pack_beat(offset_ns, is_beside=self.relief.is_beside)))
        headers = ((Header(kind, self._time_ns(), 0, 0, self.generation), body) for kind, body in bodies)
        return [envelope.pack(envelope.BEAT_TOPIC, header, body) for header, body in headers]

    def on_time(self) -> None:
        """Do what is due."""
        now_ns = self.world.now_ns
        self.do(self.relief.turn(now_ns))
        for _ in range(SPINS_MAX):
            due_ns = self.pool.due_ns()
            if due_ns is None or due_ns > now_ns:
                return
            self.do(self.pool.on_time(now_ns))
            self.pump()
        raise AssertionError("the pool is due for ever")

    def pump(self) -> None:
        """Deliver all that the venue has put out."""
        world = self.world
        for slot, peer in list(self.peers.items()):
            while peer.out and slot not in self.frozen and self.peers.get(slot) is peer:
                out = peer.out.popleft()
                if isinstance(out, bytes):
                    out = world.on_wire(out)
                if isinstance(out, made.Close):
                    self._gone(slot, f"closed: received {out.code} {out.reason}")
                elif len(out) > self.pool.venue.limits.frame_bytes_max:
                    for truth in world.truths.values():
                        truth.excuse()  # what stood behind it on the wire is lost
                    self._gone(slot, "closed: sent 1009")
                else:
                    self.do(self.pool.steps(slot, self.pool.sessions[slot].on_frame(out, world.now_ns)))

    def ping(self) -> None:
        """What the shell's own pings make of peers that are gone, at a venue that has no others."""
        if self.pool.venue.ping is not None:
            return
        now_ns = self.world.now_ns
        self._frozen_ns = {slot: self._frozen_ns.get(slot, now_ns) for slot in self.frozen}
        for slot, since_ns in list(self._frozen_ns.items()):
            if slot in self.peers and now_ns - since_ns >= (PING_S + PONG_S) * NS_PER_S:
                self._gone(slot, UNANSWERED)

    def do(self, steps: Iterable[Step]) -> None:
        """What the pool wants done."""
        for slot, number, action in self.relief.passed(steps) if self.relief.is_beside else steps:
            if isinstance(action, Deliver):
                self.say(action.symbol, envelope.FRAME, number, action.frame)
            elif isinstance(action, Tell):
                self.say(action.symbol, envelope.TOLD, number, f"{action.state} {action.reason}".encode())
            elif isinstance(action, Address):
                self.say(action.symbol, envelope.ADDRESS, number, f"wss://{action.url_path}".encode())
            elif isinstance(action, Answer):
                answer = envelope.pack_answer(f"https://{action.url_path}", action.body)
                self.say(action.symbol, envelope.ANSWER, number, answer)
            elif isinstance(action, Beside):
                self.say(action.symbol, envelope.BESIDE, number, b"")
            elif isinstance(action, Moved):
                self.say(action.symbol, envelope.MOVED, number if action.is_done else 0, b"")
            elif isinstance(action, Fetch):
                self._fetch(slot, action)
            elif isinstance(action, Open):
                self._connect(slot)
            elif isinstance(action, Send) and slot in self.peers:
                if slot not in self.frozen:
                    now_s = self.world.now_ns / NS_PER_S
                    self.world.venue.on_frame(self.peers[slot], action.frame, now_s)
            elif isinstance(action, Close) and slot in self.peers:
                self._gone(slot, action.reason)

    def say(self, symbol: str, kind: int, number: int, body: bytes) -> None:
        """Tell a market's engine, if it has dialled and keeps up."""
        self.world.on_said(self, symbol, self.next_header(symbol, kind, self._time_ns(), number), body)

    def next_header(self, symbol: str, kind: int, time_ns: int, number: int) -> Header:
        """Of a message to a market; `number` is its connection's."""
        self._sequences[symbol] += 1
        return Header(kind, time_ns, number, self._sequences[symbol], self.generation)

    def _time_ns(self) -> int:
        return self.world.now_ns + self.world.offset_ns

    def _on_ready(self) -> None:
        self.is_ready = True

    def _gone(self, slot: int, reason: str) -> None:
        self.world.venue.on_closed(self.peers.pop(slot))
        self.frozen.discard(slot)
        self.do(self.pool.steps(slot, self.pool.sessions[slot].on_closed(reason, self.world.now_ns)))

    def _connect(self, slot: int) -> None:
        session, venue, now_ns = self.pool.sessions[slot], self.world.venue, self.world.now_ns
        path = venue.protocol.path + session.route.url_path
        refused = venue.refused(path)
        if refused is None:
            self.peers[slot] = venue.open(path, now_ns / NS_PER_S)
            self.do(self.pool.steps(slot, session.on_opened(now_ns)))
            self.pump()
            return
        wait_s = float(dict(refused.headers).get("Retry-After", 0))
        reason = f"HTTP {refused.status}"
        failed = session.on_failed(reason, now_ns, status=refused.status, retry_after_s=wait_s)
        self.do(self.pool.steps(slot, failed))

    def _fetch(self, slot: int, fetch: Fetch) -> None:
        answer = self.world.fetched(fetch.url_path)
        wait_s = float(dict(answer.headers).get("Retry-After", 0))
        session, reason, now_ns = self.pool.sessions[slot], f"HTTP {answer.status}", self.world.now_ns
        done = session.on_answer(
            fetch, answer.status, answer.body, now_ns, reason=reason, retry_after_s=wait_s
        )
        self.do(self.pool.steps(slot, done))


class _Elder:
    """A process to be relieved, as the new one hears it; see `relief.Elder`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def word(self) -> envelope.Heir | None:
        return None if self._process.is_gone else self._process.heir()

    def is_gone(self) -> bool:
        return self._process.is_gone


def _nothing() -> None:
    """Of a seat there is none."""
