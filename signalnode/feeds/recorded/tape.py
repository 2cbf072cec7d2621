"""An engine's end of its recording: what it hears and takes, in its order, into the pipe to the recorder.

It waits for nobody and reads no clock. What does not fit is missing in the recording, which says so, and the
scores never notice: once there is room again it goes on with a mark, and with that a replay, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from signalnode.clock import NS_PER_S
from signalnode.events import Events
from signalnode.feeds.base import Losses
from signalnode.feeds.files.framing import Held, frames_lost, line_of
from signalnode.feeds.files.marks import Mark, pack_mark
from signalnode.feeds.live import envelope
from signalnode.feeds.recorded import ring
from signalnode.feeds.recorded.gaps import CHANNELS, Gap, What, pack_gap
from signalnode.feeds.recorded.hours import Kind, hour_of
from signalnode.feeds.recorded.ring import RingWriter, make_ring
from signalnode.feeds.recorded.writing import LAST, NUMBER
from signalnode.files import replace_file

RING_FILE, LABEL_FILE = "tape", "tape.json"  # beside the market's checkpoint
RETRY_NS = 10 * NS_PER_S  # before a pipe that could not be made is tried again
LOOKS_EACH = 64  # commits between two looks whether the pipe is still there
HELD_BYTES_MAX = 4 << 20  # of one turn; what is beyond is missing
GAPS_MAX = 1_000  # that wait to be told


FRAME, LOST = envelope.FRAME, 0  # LOST: no message, but that some are missing
Heard = tuple[envelope.Header, bytes]


class Label(msgspec.Struct, frozen=True):
    """What is in a pipe, for the recorder, which finds the pipes by these."""

    market: str
    venue: str
    symbol: str  # what its frames call it
    kinds: tuple[Kind, ...]
    is_live: bool


class Knows(Protocol):
    """What is asked of an engine."""

    @property
    def time_ns(self) -> int:
        """See `SignalEngine.time_ns`."""

    @property
    def events(self) -> int:
        """See `SignalEngine.events`."""

    @property
    def refused(self) -> int:
        """See `SignalEngine.refused`."""

    def identity(self) -> str:
        """See `SignalEngine.identity`."""

    def state(self) -> bytes:
        """See `SignalEngine.state`."""


def frame_line(header: envelope.Header, body: bytes) -> bytes:
    """What a gateway passed on, as the line of a capture that reads the same, bit for bit."""
    kind, time_ns, connection = header.kind, header.time_ns, header.connection
    if kind == LOST:
        return frames_lost(time_ns) + b"\n"
    held = Held(time_ns, body, connection=str(connection))
    if kind == envelope.ANSWER:
        url, answer = envelope.unpack_answer(body)
        held = held._replace(frame=answer, url=url)
    elif kind == envelope.ADDRESS:
        held = held._replace(frame=b"", address=body.decode(errors="replace"))
    elif kind == envelope.BESIDE:
        held = held._replace(turn="beside")
    elif kind == envelope.MOVED:
        held = held._replace(turn="moved", connection=str(connection or ""))
    return line_of(held)


def _lines_of(heard: list[Heard]) -> list[tuple[int, int, bytes]]:
    """What was heard in one turn, the lines of an hour as one record: each costs as much as many lines do."""
    if not heard:
        return []
    first, last = heard[0][0], heard[-1][0]
    if hour_of(first.time_ns) != hour_of(last.time_ns):
        hour_ns = hour_of(first.time_ns)
        cut = next(at for at, each in enumerate(heard) if hour_of(each[0].time_ns) != hour_ns)
        return [*_lines_of(heard[:cut]), *_lines_of(heard[cut:])]
    lines = [
        b"%d@%d %s\n" % (header.time_ns, header.connection, body)
        if header.kind == FRAME and b"\n" not in body and b"\r" not in body  # as nearly always
        else frame_line(header, body)
        for header, body in heard
    ]
    return [(ring.LINES, first.time_ns, LAST.pack(last.time_ns) + b"".join(lines))]


class Watch:
    """Which stretches of a live market are missing, as far as its feed knows; pure."""

    def __init__(self, venue: str, market: str) -> None:
        self._venue, self._market = venue, market
        self._open: dict[What, tuple[int, str]] = {}
        self._counts: dict[What, int] = {}
        self._time_ns = 0

    def observe(self, time_ns: int, outage: str, trouble: str, losses: Mapping[str, Losses]) -> list[Gap]:
        """How it stands at kernel time `time_ns`: the gaps that are over with that."""
        found: list[Gap] = []
        book = trouble if not outage else ""
        for what, why, channels in (("away", outage, CHANNELS), ("book", book, CHANNELS[2:])):
            found += self._turn(what, why, channels, time_ns)  # type: ignore[arg-type]
        trades = losses["trades"].gaps if "trades" in losses else 0
        before = self._counts.get("trades", 0)
        if trades > before and self._time_ns:
            found.append(self._gap("trades", self._time_ns, time_ns, CHANNELS[:1], "some are missing"))
        self._counts["trades"] = trades
        self._time_ns = time_ns
        return found

    def _turn(self, what: What, why: str, channels: Sequence[str], time_ns: int) -> list[Gap]:
        if why and what not in self._open and self._time_ns:
            self._open[what] = (self._time_ns, why)
        elif not why and what in self._open:
            from_ns, reason = self._open.pop(what)
            return [self._gap(what, from_ns, time_ns, channels, reason)]
        return []

    def end(self) -> list[Gap]:
        """What is missing still, up to now."""
        return self.observe(self._time_ns, "", "", {}) if self._open else []

    def _gap(self, what: What, from_ns: int, to_ns: int, channels: Sequence[str], why: str) -> Gap:
        return Gap(self._venue, self._market, from_ns, to_ns, tuple(channels), what, why)


class Tape:
    """One engine's. `begin`, then for each turn what was heard and taken, and `commit`."""

    def __init__(self, directory: Path, label: Label, capacity: int, lineage: str = "") -> None:
        self._directory, self._label, self._capacity = directory, label, capacity
        self.lineage = lineage
        self._keeps_raw, self._keeps_events = (kind in label.kinds for kind in ("raw", "events"))
        self._watch = Watch(label.venue, label.market)
        self._writer: RingWriter | None = None
        self._retry_ns = self._commits = 0
        self._heard: list[Heard] = []
        # A message of the gateway, before it is decoded; every frame pays for this.
        self.heard: Callable[[Heard], None] = self._heard.append if self._keeps_raw else _nothing
        self._rows: list[tuple[int, int, bytes]] = []
        self._gaps: list[Gap] = []
        self._held_bytes = 0
        self._number = 0
        self._start: Mark | None = None
        self._began_ns = 0  # kernel time of the first thing that this engine may say
        self._hour_ns = 0
        self.time_ns = 0  # kernel time up to which all is known
        self._lost_from_ns = 0
        self.trouble = ""  # why nothing is recorded now
        self.lost = 0  # times that something was

    def begin(self, engine: Knows, *, epoch: int, floor_ns: int, lineage: str = "") -> None:
        """An engine starts, with what it knows."""
        self._number = engine.events + engine.refused
        self.lineage, self._began_ns = lineage, 0
        self._start = self._mark(engine, "start", 0, epoch=epoch, floor_ns=floor_ns)

    def _mark(self, engine: Knows, what: Any, time_ns: int, *, epoch: int = 0, floor_ns: int = 0) -> Mark:
        return Mark(
            time_ns, what, epoch, floor_ns, self.lineage, self._number, engine.identity(), engine.state()
        )

    def distrusted(self) -> None:
        """Frames are missing before what comes next."""
        time_ns = max(self.time_ns, self._heard[-1][0].time_ns if self._heard else 0)
        self.heard((envelope.Header(LOST, time_ns, 0, 0), b""))

    def rows(self, events: Events) -> None:
        """What the engine has taken."""
        time_ns = int(events["time_received_ns"][0])
        if self._keeps_events and self._has_room(events.nbytes):
            self._rows.append((ring.ROWS, time_ns, NUMBER.pack(self._number) + events.tobytes()))
        self._number += len(events)

    def _has_room(self, count: int) -> bool:
        self._held_bytes += count
        if self._held_bytes > HELD_BYTES_MAX and not self._lost_from_ns:
            self._lost_from_ns = self.time_ns or 1
            self.lost += 1
        return not self._lost_from_ns

    def observe(self, time_ns: int, outage: str, trouble: str, losses: Mapping[str, Losses]) -> None:
        """How the feed stands at kernel time `time_ns`."""
        self.time_ns = max(self.time_ns, time_ns)
        if self._start is not None and not self._began_ns and time_ns > self._start.floor_ns:
            self._began_ns = time_ns
        self._gaps += self._watch.observe(time_ns, outage, trouble, losses)

    def commit(self, engine: Knows, now_ns: int, *, settled: bool) -> None:
        """Hand on what has come, at monotonic time `now_ns`; `settled`: the engine has taken it all."""
        self.time_ns = max(self.time_ns, engine.time_ns)
        self._has_room(sum([len(body) for _, body in self._heard]))
        if not (self._heard or self._rows or self._gaps or self._lost_from_ns):
            return
        is_open = self._ensure_open(now_ns)
        if self._lost_from_ns:
            records = self._after_loss(engine) if settled and is_open else []
        else:
            records = self._batch(engine, settled=settled)
        if is_open and records and self._put(records):
            self.trouble = ""
            self._lost_from_ns = 0
            self._gaps.clear()
        elif not self._lost_from_ns:
            self._lost_from_ns = self._first_ns()
            self.lost += 1
            self.trouble = (
                self.trouble or "the recorder is behind: nothing is recorded until it has caught up"
            )
        self._heard.clear()
        self._rows, self._held_bytes = [], 0
        del self._gaps[GAPS_MAX:]

    def _first_ns(self) -> int:
        times = [each[1] for each in self._rows[:1]] + [header.time_ns for header, _ in self._heard[:1]]
        return min(times, default=self.time_ns)

    def _batch(self, engine: Knows, *, settled: bool) -> list[tuple[int, int, bytes]]:
        records = [*_lines_of(self._heard), *self._rows]
        if self._start is not None and records:
            times = [each[1] for each in records] + [self._began_ns] * (self._began_ns > 0)
            time_ns = min(times)
            mark = msgspec.structs.replace(self._start, time_ns=time_ns)
            records.insert(0, (ring.MARK, time_ns, pack_mark(mark)))
        records += [(ring.GAP, gap.to_ns, pack_gap(gap)) for gap in self._gaps]
        hour_ns = hour_of(self.time_ns)
        if settled and hour_ns != self._hour_ns:
            if self._hour_ns and records:
                mark = self._mark(engine, "hour", self.time_ns + 1)
                records.append((ring.MARK, self.time_ns, pack_mark(mark)))
            self._hour_ns = hour_ns
        return records

    def _after_loss(self, engine: Knows) -> list[tuple[int, int, bytes]]:
        venue, market = self._label.venue, self._label.market
        why = self.trouble or "more came at once than is held"
        gap = Gap(venue, market, self._lost_from_ns, self.time_ns, CHANNELS, "recorder", why)
        mark = self._mark(engine, "lost", self.time_ns + 1)
        if self._start is not None:  # nothing of this engine was recorded yet
            mark = msgspec.structs.replace(
                mark, what="start", epoch=self._start.epoch, floor_ns=self._start.floor_ns
            )
        gaps = [*self._gaps, gap]
        return [
            *((ring.GAP, each.to_ns, pack_gap(each)) for each in gaps),
            (ring.MARK, self.time_ns, pack_mark(mark)),
        ]

    def _put(self, records: list[tuple[int, int, bytes]]) -> bool:
        assert self._writer is not None
        try:
            is_written = self._writer.put(records)
        except (OSError, ValueError) as error:
            self.trouble = f"nothing is recorded: {error}"
            self._let_go()
            return False
        if is_written and any(each[0] == ring.MARK for each in records):
            self._start = None
        return is_written

    def _ensure_open(self, now_ns: int) -> bool:
        self._commits += 1
        if self._writer is not None and self._commits % LOOKS_EACH == 0 and not self._writer.is_there():
            self._let_go()
            self._retry_ns = 0
        if self._writer is None and now_ns >= self._retry_ns:
            self._retry_ns = now_ns + RETRY_NS
            try:
                self._open(now_ns)
            except (OSError, ValueError) as error:
                self.trouble = f"nothing is recorded: {error}"
        return self._writer is not None

    def _open(self, now_ns: int) -> None:
        path = self._directory / RING_FILE
        with contextlib.suppress(OSError, ValueError):
            self._writer = RingWriter(path)
        if self._writer is None:
            make_ring(path, self._capacity, now_ns)
            self._writer = RingWriter(path)
        replace_file(self._directory / LABEL_FILE, msgspec.json.encode(self._label))

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self, engine: Knows, now_ns: int) -> None:
        """The engine ends: say what is missing up to now."""
        self._gaps += self._watch.end()
        self.commit(engine, now_ns, settled=True)
        self._let_go()


def _nothing(_: Heard) -> None:
    """Frames are not kept."""
