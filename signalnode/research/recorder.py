"""The recorder: one process that brings what engines hand on into hours, and keeps those within bounds.

It finds their pipes by themselves, so a market that comes or goes needs nothing here to be started again. It
has nothing in memory that is not in a pipe still, so where a write fails it begins anew from what is on disk,
as it does after a kill.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from signalnode import logs
from signalnode.clock import NS_PER_S, await_signal, monotonic_ns, wall_ns
from signalnode.errors import OutputError, SignalnodeError
from signalnode.feeds.recorded.gaps import GapFile, damage_of, pack_gap
from signalnode.feeds.recorded.hours import HOUR_NS, KINDS, NO_VENUE, Hour, hours_in, market_folder
from signalnode.feeds.recorded.parquet import close_journal, damage_in
from signalnode.feeds.recorded.ring import RingReader
from signalnode.feeds.recorded.stream import Stream
from signalnode.feeds.recorded.tape import LABEL_FILE, RING_FILE, Label
from signalnode.feeds.recorded.writing import MarketWriter
from signalnode.files import Lock, ensure_directory, hold_lock, replace_file
from signalnode.forked import run_forked
from signalnode.names import market_name_fault, name_fault
from signalnode.settings import NodeSettings, node_of
from signalnode.settings.arguments import Link

STOPS = (signal.SIGTERM, signal.SIGINT)
TURN_S = 0.5
BLOCK_NS = 5 * NS_PER_S  # the most that is not in a file yet
BLOCK_BYTES_MAX = 1 << 20  # and of how much
READ_BYTES_MAX = 1 << 20  # from a pipe at once
READS_MAX = 16  # from one pipe in a turn
LOOK_NS = 2 * NS_PER_S  # between two looks for pipes
ROOM_NS = 10 * NS_PER_S  # between two looks at what there is room for
LEFT_NS = 60 * NS_PER_S  # between two looks for what nobody goes on with
OVER_NS = 120 * NS_PER_S  # after an hour of a live market, before it is finished though nothing comes
RETRY_NS = 2 * NS_PER_S
COMPLAINT_NS = 60 * NS_PER_S
LOCK_FILE, SYMBOL_FILE = ".lock", "symbol"
BYTES_PER_MB = 1e6


def main(link: Link, args: Mapping[str, Any]) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status. `args`: see `settings.recorder_args`."""
    logs.configure()
    log = logs.logger(recorder=True)
    try:
        node = node_of(args)
        folder = node.recordings_dir
        try:
            ensure_directory(folder)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made ({error.strerror}); set record.folder") from None
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        with hold_lock(folder / LOCK_FILE) as lock:
            _run(Recorder(node, log), link, lock)
    except SignalnodeError as error:
        log.error("cannot run", reason=str(error))  # noqa: TRY400 (one line: the user can mend it)
        return error.exit_status
    return 0


def _run(recorder: Recorder, link: Link, lock: Lock) -> None:
    is_ready, told = False, ""
    while True:
        recorder.turn(monotonic_ns(), wall_ns())
        lock.put_back()
        if not is_ready:
            link.ready()
            is_ready = True
        changed = {"trouble": recorder.trouble} if recorder.trouble != told else {}
        told = recorder.trouble
        link.beat(**recorder.facts(), **changed)
        if await_signal(STOPS, TURN_S) is not None:
            break
    for _ in recorder.end():
        link.beat(**recorder.facts())


def finish(folder: Path) -> None:
    """Make whole files of all hours, where nobody records. Raises AlreadyRunningError, DataError, OSError."""
    with hold_lock(folder / LOCK_FILE):
        for kind in KINDS:
            for venue, market in sorted({(each.venue, each.market) for each in hours_in(folder, kind)}):
                stream = Stream(folder, kind, "" if venue == NO_VENUE else venue, market)
                stream.end_hour()
                for hour in stream.finished if kind == "events" else ():
                    for _ in close_journal(hour):
                        pass
                    tell_damage(GapFile(folder), hour)


def tell_damage(gaps: GapFile, hour: Hour) -> int:
    """Note what of an hour that became Parquet was damaged; how many stretches. Raises OSError."""
    return sum(gaps.add(pack_gap(damage_of(hour, *found))) for found in damage_in(hour))


def finished_left(folder: Path, hours: Iterable[Hour], recorded: Collection[tuple[str, str]]) -> list[Hour]:
    """Finish open hours of markets that are not `recorded` (venue and market) any more; what is to become
    Parquet. Raises OSError.
    """
    journals = []
    left = {(each.kind, each.venue, each.market) for each in hours if each.is_open}
    for kind, venue, market in sorted(left):
        if (venue, market) not in recorded:
            stream = Stream(folder, kind, "" if venue == NO_VENUE else venue, market)
            known = set(stream.finished)
            stream.end_hour()
            journals += [each for each in stream.finished if each not in known and kind == "events"]
    return journals


def _device_of(folder: Path) -> int:
    """The disk that it is on, or would be: one that was taken away is not written around."""
    return next(each.stat().st_dev for each in (folder, *folder.parents) if each.exists())


class _Market:
    """A pipe, and where what is in it goes."""

    def __init__(self, directory: Path, folder: Path, gaps: GapFile) -> None:
        self.label_path = directory / LABEL_FILE
        self.label_time_ns = self.label_path.stat().st_mtime_ns
        self.label = msgspec.json.decode(self.label_path.read_bytes(), type=Label)
        fault = market_name_fault(self.label.market) or name_fault(self.label.venue or NO_VENUE, "a venue")
        if fault:
            raise ValueError(fault)
        self.reader = RingReader(directory / RING_FILE)
        label, place = self.label, self.reader.taken
        self.place, self.safe = place, place
        self.waits_since_ns = self.told_ns = 0  # told: of rows that were left out
        self.writer = MarketWriter(
            folder, label.venue, label.market, label.kinds, gaps, self.reader.generation, place
        )
        self.safe_ns = self.writer.newest_ns  # of what is in files
        if "raw" in label.kinds:
            days = market_folder(folder, "raw", label.venue, label.market)
            ensure_directory(days)
            replace_file(days / SYMBOL_FILE, label.symbol.encode())

    def is_current(self) -> bool:
        """Whether its files are those that were opened."""
        try:
            return self.reader.is_there() and self.label_path.stat().st_mtime_ns == self.label_time_ns
        except OSError:
            return False

    def read(self, now_ns: int) -> None:
        """Take what has come. Raises OSError and ValueError."""
        for _ in range(READS_MAX):
            records = self.reader.read(self.place, READ_BYTES_MAX)
            if not records:
                break
            self.writer.take(records)
            self.place = records[-1].place
            if self.writer.pending_bytes >= BLOCK_BYTES_MAX:
                self.flush()
        if self.place == self.safe:
            self.waits_since_ns = now_ns
        elif now_ns - self.waits_since_ns >= BLOCK_NS:
            self.flush()

    def flush(self) -> None:
        """Write what waits, and make room for it in the pipe. Raises OSError."""
        self.safe = self.writer.flush()
        self.safe_ns = self.writer.newest_ns
        self.reader.take(self.safe)
        self.waits_since_ns = monotonic_ns()

    def end_hours_before(self, time_ns: int) -> None:
        """Finish hours of a live market that are over. Raises OSError."""
        for stream in self.writer.streams.values():
            if self.label.is_live and 0 < stream.hour_ns + HOUR_NS < time_ns:
                stream.end_hour()

    def close(self) -> None:
        """Let go of everything."""
        self.writer.close()
        self.reader.close()


class Recorder:
    """All of them. Times are passed in, but for the wait of a block."""

    def __init__(self, node: NodeSettings, log: logs.Logger) -> None:
        self._record, self._state_dir, self._log = node.record, node.state_dir, log
        self._folder = node.recordings_dir
        self._device = _device_of(self._folder)
        self._gaps = GapFile(self._folder)
        self._markets: dict[Path, _Market] = {}
        self._retries: dict[Path, int] = {}
        self._deleted: dict[Path, int] = {}  # the newest time of what was, with its file
        self._closing: Iterator[float] | None = None
        self._journals: deque[Hour] = deque(
            hour for hour in hours_in(self._folder, "events") if hour.path.suffix == ".closed"
        )
        self._look_ns = self._room_ns = self._complaint_ns = self._close_ns = self._left_ns = 0
        self.trouble = ""
        self.bytes = 0
        self.gaps = self.left_out = 0

    def facts(self) -> dict[str, Any]:
        """What `status` says of it."""
        return {
            "recording": self.trouble or "on",  # for the metrics; the two below for people
            "status": "stopped" if self.trouble else "recording",
            "outage": self.trouble,
            "recorded_bytes": self.bytes,
            "gaps": self.gaps,
        }

    def turn(self, now_ns: int, time_ns: int) -> None:
        """Do what is due at monotonic time `now_ns`, which is `time_ns` by the clock."""
        if now_ns >= self._room_ns:
            self._room_ns = now_ns + ROOM_NS
            self._look_at_room(now_ns)
        if now_ns >= self._look_ns:
            self._look_ns = now_ns + LOOK_NS
            self._look_for_markets(now_ns)
        if now_ns >= self._left_ns:
            self._left_ns = now_ns + LEFT_NS
            self._finish_left(now_ns, time_ns - OVER_NS)
        if not self.trouble:
            for directory in list(self._markets):
                self._serve(directory, now_ns, time_ns)
        self._close_journals(now_ns)

    def _finish_left(self, now_ns: int, before_ns: int) -> None:
        """Finish what a market left open that is recorded no more, as in a folder that was copied."""
        hours = [hour for kind in KINDS for hour in hours_in(self._folder, kind) if hour.end_ns < before_ns]
        known = [each.label for each in self._markets.values()]
        try:
            recorded = {(label.venue or NO_VENUE, label.market) for label in known}
            self._journals += finished_left(self._folder, hours, recorded)
        except OSError as error:
            self._complain(now_ns, f"{self._folder}: {error}")

    def _serve(self, directory: Path, now_ns: int, time_ns: int) -> None:
        market = self._markets[directory]
        try:
            market.read(now_ns)
            if market.place == market.reader.written:
                market.end_hours_before(time_ns - OVER_NS)
        except (OSError, ValueError) as error:
            self._complain(now_ns, f"{market.label.market}: {error}")
            self._let_go(directory)
            self._retries[directory] = now_ns + RETRY_NS
            if isinstance(error, FileNotFoundError):
                self._deleted.setdefault(directory, market.safe_ns)
                self._room_ns = now_ns  # the whole folder may have gone
        else:
            self._gather(market, now_ns)

    def _gather(self, market: _Market, now_ns: int) -> None:
        for stream in market.writer.streams.values():
            self._journals += [hour for hour in stream.finished if hour.kind == "events"]
            stream.finished.clear()
        self.gaps, market.writer.gaps = self.gaps + market.writer.gaps, 0
        if market.writer.left_out and now_ns >= market.told_ns:
            market.told_ns = now_ns + COMPLAINT_NS  # a market that plays files again has them at every turn
            self._log.warning(
                "rows of an earlier time than what is recorded, left out",
                market=market.label.market,
                rows=market.writer.left_out,
            )
            market.writer.left_out = 0

    def _look_for_markets(self, now_ns: int) -> None:
        for directory, market in list(self._markets.items()):
            if not market.is_current():
                self._let_go(directory)
        for label in sorted(self._state_dir.glob(f"*/{LABEL_FILE}")):
            directory = label.parent
            if directory in self._markets or now_ns < self._retries.get(directory, 0):
                continue
            try:
                self._markets[directory] = _Market(directory, self._folder, self._gaps)
                if directory in self._deleted:  # told before anything else is written, or tried again
                    self._markets[directory].writer.note_deleted(self._deleted[directory])
                    del self._deleted[directory]
            except (OSError, ValueError, msgspec.ValidationError) as error:
                self._complain(now_ns, f"{directory.name}: {error}")
                self._retries[directory] = now_ns + RETRY_NS
                if directory in self._markets:
                    self._let_go(directory)

    def _let_go(self, directory: Path) -> None:
        self._markets.pop(directory).close()

    def _look_at_room(self, now_ns: int) -> None:
        """Delete the oldest hours where there are too many bytes; and stop where the disk is nearly full."""
        hours = [hour for kind in KINDS for hour in hours_in(self._folder, kind)]
        self.bytes = sum(hour.bytes for hour in hours)
        for hour in sorted(hours, key=lambda each: (each.start_ns, each.part)):
            if self.bytes <= self._record.bytes_max:
                break
            if hour.is_finished:
                self._delete(hour, hours)
        try:
            if not self._folder.exists() and _device_of(self._folder) == self._device:
                ensure_directory(self._folder)
                self._log.warning("the folder was deleted with all that was in it; made again")
                for directory, market in list(self._markets.items()):  # which begin anew, with nothing before
                    self._deleted.setdefault(directory, market.safe_ns)
                    self._let_go(directory)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            self._stop(now_ns, f"stopped: {self._folder}: {error.strerror}; make it anew")
            return
        least = self._record.free_bytes_min
        if free < least:
            what = f"{free / BYTES_PER_MB:,.0f} MB free, under record.free_bytes_min of"
            self._stop(now_ns, f"stopped: {what} {least / BYTES_PER_MB:,.0f} MB; make room")
        elif self.trouble:
            self._log.info("recording again")
            self.trouble = ""

    def _stop(self, now_ns: int, why: str) -> None:
        self.trouble = why
        self._complain(now_ns, why)

    def _delete(self, hour: Hour, hours: list[Hour]) -> None:
        size = hour.bytes
        with contextlib.suppress(OSError):
            hour.path.unlink()
            self.bytes -= size
            hours.remove(hour)
            self._log.info("made room", deleted=str(hour.path.relative_to(self._folder)))
            left = [each.start_ns for each in hours if (each.venue, each.market) == (hour.venue, hour.market)]
            self._gaps.forget(hour.venue, hour.market, min(left, default=hour.start_ns))
            hour.path.parent.rmdir()

    def _close_journals(self, now_ns: int) -> None:
        """Go on with the Parquet file that is being written, in a process that ends with it.

        One that fails is tried again after the others: the disk may have been full.
        """
        if self._closing is None and self._journals and now_ns >= self._close_ns:
            self._closing = run_forked(close_journal(self._journals[0]), 1)
        if self._closing is None:
            return
        try:
            for _ in self._closing:
                return
        except SignalnodeError as error:
            self._log.error("an hour is not written; tried again soon", reason=str(error))
            self._close_ns = now_ns + COMPLAINT_NS
            self._journals.rotate(-1)
        else:
            with contextlib.suppress(OSError):  # the Parquet file itself has it still
                self.gaps += tell_damage(self._gaps, self._journals[0])
            self._journals.popleft()
        self._closing = None

    def _complain(self, now_ns: int, reason: str) -> None:
        if now_ns >= self._complaint_ns:
            self._complaint_ns = now_ns + COMPLAINT_NS
            self._log.error("nothing is recorded", reason=reason)

    def end(self) -> Iterator[None]:
        """Take what is in the pipes, and write it; hours that are open stay so."""
        self._look_for_markets(monotonic_ns())
        for directory, market in [] if self.trouble else list(self._markets.items()):
            try:
                while market.place < market.reader.written:
                    market.read(monotonic_ns())
                market.flush()
                self._gather(market, max(monotonic_ns(), market.told_ns))
            except (OSError, ValueError) as error:
                self._complain(monotonic_ns(), f"{market.label.market}: {error}")
            self._let_go(directory)
            yield
        if self._closing is not None:
            self._closing.close()  # type: ignore[attr-defined]
