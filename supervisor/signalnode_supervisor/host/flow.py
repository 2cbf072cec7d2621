"""What a child prints, made bounded: whole lines at a rate, repeats folded, the rest counted. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from signalnode_supervisor.durations import NS_PER_S

LINE_BYTES_MAX = 8192  # a longer line is cut
TAIL_BYTES_MAX = 16_384  # kept in memory of each child for the last traceback
REPEAT_NOTE_NS = 10 * NS_PER_S  # an endlessly repeated line is mentioned this often
_TRACEBACK = re.compile(rb"^(?:Traceback \(most recent call last\):|Fatal Python error:)", re.MULTILINE)
TRACEBACK_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Note:
    """A line to log, or (with `count`) that so many were left out: `repeated`, or over the rate."""

    line: str
    count: int = 0
    repeated: bool = False


class LineFlow:
    """Bytes of one child in, notes out. A token bucket holds `burst_max` lines, refilled at `per_s`."""

    def __init__(self, per_s: float, burst_max: int) -> None:
        self._per_s = per_s
        self._burst_max = burst_max
        self._tokens = float(burst_max)
        self._filled_ns = 0
        self._rest = b""
        self._tail = b""
        self._last = ""
        self._repeats = 0
        self._noted_ns = 0
        self._left_out = 0

    @property
    def exhausted(self) -> bool:
        """Over the rate: reading on would only cost time."""
        return self._tokens < 1.0

    def feed(self, data: bytes, now_ns: int) -> list[Note]:
        """Notes for the whole lines in `data` and what came before it."""
        self._refill(now_ns)
        self._tail = (self._tail + data)[-TAIL_BYTES_MAX:]
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            lines.append(self._rest)
            self._rest = b""
        notes: list[Note] = []
        for raw in lines:
            if raw:
                self._line(raw[:LINE_BYTES_MAX].decode(errors="replace"), now_ns, notes)
        return notes

    def finish(self, now_ns: int) -> list[Note]:
        """Notes for what is left when the child is gone."""
        notes = self.feed(b"\n", now_ns) if self._rest else []
        self._close_repeats(notes)
        self._close_left_out(notes)
        return notes

    @property
    def last_line(self) -> str:
        """The last line that was logged; "" before the first."""
        return self._last

    def last_traceback(self) -> str:
        """The last Python traceback or stack dump that was printed, from its first line on; '' if none."""
        starts = [match.start() for match in _TRACEBACK.finditer(self._tail)]
        return (
            self._tail[starts[-1] :][-TRACEBACK_BYTES_MAX:].decode(errors="replace").strip() if starts else ""
        )

    def _refill(self, now_ns: int) -> None:
        if self._filled_ns:
            grown = (now_ns - self._filled_ns) / NS_PER_S * self._per_s
            self._tokens = min(float(self._burst_max), self._tokens + grown)
        self._filled_ns = now_ns

    def _line(self, line: str, now_ns: int, notes: list[Note]) -> None:
        if line == self._last:
            self._repeats += 1
            if now_ns - self._noted_ns >= REPEAT_NOTE_NS:
                self._close_repeats(notes)
                self._noted_ns = now_ns
            return
        if self._tokens < 1.0:
            self._left_out += 1
            return
        self._close_repeats(notes)
        self._close_left_out(notes)
        self._tokens -= 1.0
        self._last, self._noted_ns = line, now_ns
        notes.append(Note(line))

    def _close_repeats(self, notes: list[Note]) -> None:
        if self._repeats:
            notes.append(Note(self._last, self._repeats, repeated=True))
            self._repeats = 0

    def _close_left_out(self, notes: list[Note]) -> None:
        if self._left_out:
            notes.append(Note("", self._left_out))
            self._left_out = 0
