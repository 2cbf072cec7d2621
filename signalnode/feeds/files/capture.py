"""Captures: raw frames of a venue as they came off the socket, a line each, with the time they were received.

The two forms of a line are told in `framing.py`; the file is plain, gzip, xz or zstd, found by its
first bytes. Several files are played one after the other; each goes on with the book of the one before.

What is wrong with a capture is counted, named with file and line (the first few of each), and passed over;
nothing after it is lost:

- `line_corrupt`: no receive time, or no JSON. The line is left out.
- `line_too_long`: over LINE_BYTES_MAX. The line is left out.
- `file_damaged`: gzip, xz or zstd data that breaks off or is corrupt. What came of it stays; the next member
  of a gzip file goes on, or the next file.
- `frame_unknown`, `frame_malformed`: a channel not known; a known one without its fields. Left out.
- `symbol_differs`: a file without one frame of the market's symbol, which other files have. It gives nothing.
- `book_gap`, `book_crossed`, `level_absurd`: see `signalnode/book.py`. No depth events until the book is
  sound again; an absurd level is left out, and leaves a gap.
- `book_thin`: an image with too few of the levels before it. Depth is told as far as it goes.
- `book_unsynced`: book updates, but never a snapshot to join them to. There are no depth events.
- `category_differs`: the market's symbol, of another of Bybit's categories. Left out.
- `checksum_differs`: the book is not the venue's. No depth events until its next snapshot.
- `size_unknown`: contracts, and nothing says what one is worth. Left out.
- `subscription_refused`: the venue would not send what was asked for.
- `book_drifted`: so many levels crossed and were dropped that the image is worth asking for again.
- `frame_repeated`, `frame_late`: a frame seen twice, or behind a newer one. Left out.
- `venue_error`: the venue said that something was wrong.
- `trade_repeated`, `trade_gap`: trades seen twice; trade numbers missing. Repeats are left out.

Every event then passes the sieve, with its own table of faults (`feeds/sieve.py`): impossible prices and
sizes, crossed quotes, time that runs backwards. Captures without a single event of the market are refused
with DataError, and so is a file over half of whose rows or lines are left out. Where no market is named, the
only one in the files is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from signalnode.errors import DataError
from signalnode.events import EVENT, Events, join_events
from signalnode.feeds import sieve
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.decoding import GAPS_MAX, Gaps, Marks, Slice
from signalnode.feeds.files.framing import Held, unwrap
from signalnode.feeds.files.lines import Line, read_lines
from signalnode.feeds.files.marks import unpack_mark
from signalnode.feeds.files.tally import COSTLY, Tally
from signalnode.feeds.venues.base import DecoderClass, FrameFault, Row, pack_rows
from signalnode.feeds.venues.joined import Joined

MARK = b'{"t":"mark"'
SYMBOLS_SHOWN = 5  # of those that a refused capture holds
SLICE_LINES = 2_048  # lines decoded between two chances to do something else: about 20 ms


class CaptureDecoding:
    """The decoding of some captures into events, a slice at a time: bounded in memory whatever they hold.

    `symbol`: the market's, as it or the venue spells it; "" for the only one that is there.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        decoder_class: DecoderClass,
        symbol: str,
        depth_bps: float,
        faults: Faults,
        *,
        lines_of: Callable[[Path, Faults], Iterator[Line]] = read_lines,
    ) -> None:
        self.faults = faults
        self.gaps: Gaps = []
        self.marks: Marks = []
        self._paths, self._lines_of = paths, lines_of
        self._decoder_class = decoder_class
        self._symbol = symbol
        self._depth_bps = depth_bps
        self._tallies: list[Tally] = []
        self._begin(Path())
        self._time_ns = 0  # receive time of the newest frame
        self._count = 0

    def _begin(self, path: Path) -> None:
        self._path, self._line = path, 0
        self._lines, self._rows = Tally(path, "lines"), Tally(path, "rows")
        self._tallies += [self._lines, self._rows]

    def slices(self) -> Iterator[Slice]:
        """All events, in order. Raises DataError for a missing file, and at the end if there was no event."""
        for path in self._paths if self._lines_of is read_lines else ():
            if not path.is_file():
                raise DataError(f"{path}: no such capture: check `paths`")
        decoder = self._decoder_of(self._symbol)
        yield from self._decode_files(decoder)
        if not self._symbol and len(decoder.others) == 1:
            (only,) = decoder.others
            decoder = self._decoder_of(only)
            self._start_over()
            yield from self._decode_files(decoder)
        self._finish(decoder)

    def gather(self) -> Events:
        """All events in one array, shape (n,). Raises DataError."""
        return join_events([piece.events for piece in self.slices()])

    def faults_here(self, name: str, detail: str) -> None:
        """Count a fault at the line being decoded."""
        where = f"{self._path}:{self._line}: {detail}" if self.faults.wants_example(name) else ""
        self.faults.add(name, where)

    def _decoder_of(self, symbol: str) -> Joined:
        return Joined(lambda: self._decoder_class(symbol, self._depth_bps, self.faults_here))

    def _start_over(self) -> None:
        self.faults.clear()
        self.gaps.clear()
        self.marks.clear()
        self._count = 0
        self._tallies.clear()

    def _finish(self, decoder: Joined) -> None:
        if decoder.watch.book.status == "empty" and decoder.watch.book.waiting:
            self.faults.add("book_unsynced", f"{self._path}: no snapshot came for the book's updates to join")
        files = ", ".join(str(path) for path in self._paths)
        if decoder.others and not decoder.matched:
            found = sorted(decoder.others)
            raise DataError(
                f"{files}: no event of {self._symbol or 'any one market'} in it; it holds "
                f"{', '.join(found[:SYMBOLS_SHOWN])}: name the market so, or set "
                f"`symbol` (--symbol) to {found[0]}"
            )
        if not self._count:
            first = next(iter(self.faults.lines()), "")
            raise DataError(
                f"{files}: no event of {self._symbol} in it: check `venue`, `market` and the file"
                + (f" ({first})" if first else "")
            )
        for tally in self._tallies:
            tally.finish(self.faults)

    def _decode_files(self, decoder: Joined) -> Iterator[Slice]:
        state = sieve.new_state()
        sizes = [max(1, _bytes_of(path)) for path in self._paths]
        for index, path in enumerate(self._paths):
            self._begin(path)
            lines = self._lines_of(path, self.faults)
            before, matched = sum(sizes[:index]), decoder.matched
            while batch := list(islice(lines, SLICE_LINES)):
                events = self._decode_batch(batch, decoder, state)
                yield Slice(events, min(1.0, (before + batch[-1].bytes_read) / sum(sizes)))
            if self._symbol and decoder.matched == matched and decoder.others:
                self.faults.add("symbol_differs", f"{path}: not one frame of {self._symbol}")

    def _decode_batch(self, batch: list[Line], decoder: Joined, state: sieve.State) -> Events:
        rows: list[Row] = []
        numbers: list[int] = []  # of the line each row came from
        sound: list[Events] = []
        in_gap = decoder.watch.in_gap
        for line in batch:
            if not line.text:
                continue
            self._line = line.number
            self._lines.add(1)
            if line.text.startswith(MARK):
                self._keep(sound, rows, numbers, state)
                rows, numbers = [], []
                self._on_mark(line.text, decoder, state)
                continue
            got = self._decode_line(line.text, decoder)
            if decoder.watch.in_gap is not in_gap:  # sifted up to here, the state knows what time it is
                in_gap = decoder.watch.in_gap
                self._keep(sound, rows, numbers, state)
                self._note_gap(in_gap, sieve.kernel_ns(self._time_ns, state))
                rows, numbers = [], []
            rows += got
            numbers += [line.number] * len(got)
        self._keep(sound, rows, numbers, state)
        return sound[0] if len(sound) == 1 else join_events(sound)

    def _keep(self, sound: list[Events], rows: list[Row], numbers: list[int], state: sieve.State) -> None:
        sound.append(self._sift(rows, numbers, state))
        self._count += len(sound[-1])

    def _on_mark(self, text: bytes, decoder: Joined, state: sieve.State) -> None:
        """Where an engine began its decoder was new; where frames are missing its book is not known."""
        try:
            mark = unpack_mark(text)
        except ValueError as error:
            self.faults_here("line_corrupt", str(error))
            return
        if mark.what == "start":
            decoder.begin_anew()
            newest_ns = int(state["time_ns"][0])
            state[:] = sieve.new_state()
            state["time_ns"] = max(mark.floor_ns, newest_ns if mark.time_ns < newest_ns else 0)
        elif mark.what == "lost":
            decoder.distrust()
        self.marks.append((self._count, mark))

    def _note_gap(self, in_gap: bool, time_ns: int) -> None:
        """Note that the book broke or was mended at kernel time `time_ns`."""
        if in_gap is (len(self.gaps) % 2 == 0) and (not in_gap or len(self.gaps) < 2 * GAPS_MAX):
            self.gaps.append(max(time_ns, self.gaps[-1] if self.gaps else 0))

    def _decode_line(self, text: bytes, decoder: Joined) -> Sequence[Row]:
        try:
            held = unwrap(text)
            if held is None:
                return ()
            if held.address:
                decoder.note_address(held.connection, held.address)
                return ()
            self._time_ns = held.time_ns
            if held.turn:
                return _turned(held, decoder)
            if held.url:
                return decoder.decode_reply(held.url, held.frame, self._time_ns, held.connection)
            return decoder.decode(held.frame, self._time_ns, held.connection)
        except ValueError as error:  # of int and round; msgspec's own are kinds of it too
            name = "frame_malformed" if isinstance(error, msgspec.ValidationError) else "line_corrupt"
            self.faults_here(name, str(error))
            self._lines.leave_out(name)
        except RecursionError as error:  # brackets nested as deep as nobody means them
            decoder.distrust()
            self.faults_here("line_corrupt", str(error))
            self._lines.leave_out("line_corrupt")
        except FrameFault as fault:
            self.faults_here(fault.name, str(fault))
        return ()

    def _sift(self, rows: list[Row], numbers: list[int], state: sieve.State) -> Events:
        events = np.frombuffer(pack_rows(rows), EVENT)
        codes = np.empty(len(events), np.uint8)
        kept = sieve.sift(events, state, codes)
        self._rows.add(len(rows))
        for index in np.flatnonzero(codes).tolist():
            code = int(codes[index])
            self._line = numbers[index]
            self.faults_here(sieve.NAMES[code], sieve.describe(rows[index], code))
            if code in COSTLY:
                self._rows.leave_out(sieve.NAMES[code])
        return events[:kept]


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # renamed or deleted since it was found: `lines_of` knows


def _turned(held: Held, decoder: Joined) -> Sequence[Row]:
    """A connection comes beside the others, or takes their place."""
    if held.turn == "moved":
        return decoder.moved(held.connection, held.time_ns)
    if held.turn == "lost":
        decoder.distrust()
    else:
        decoder.beside(held.connection)
    return ()
