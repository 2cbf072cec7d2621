"""The journal: every decision with the view it came from, appended to disk before anyone hears of it.

Files `decisions-<number>.journal`, each a run of records as `records.py` has them, whose content is one
msgpack map `{"view": …, "decisions": […], "states": {…}}`: view and decisions as on the wire, and the state
of every strategy that has one, after them. A record is written with one call. What a full disk or a kill cut
short is cut off again, so that nothing half stands between whole records; a decision whose record could not
be written is not sent. The page cache outlives the process, not the machine: what a power cut may take is
what the kernel had not written yet, and files that are full are synced.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import NamedTuple

import msgspec

from signalnode.aggregator.records import (
    RECORD_BYTES_MAX,
    Packer,
    RecordError,
    contents,
    is_cut_short,
    last_content,
    whole_size,
)
from signalnode.bus.wire import DecisionMessage, ViewMessage
from signalnode.errors import DataError
from signalnode.files import NO_ROOM, PRIVATE_FILE, ensure_directory

NO_STATES: Mapping[str, msgspec.Raw] = MappingProxyType({})


class Record(msgspec.Struct, frozen=True):
    """One view, the decisions taken on it, and the state of each strategy by name after that."""

    view: ViewMessage
    decisions: list[DecisionMessage]
    states: dict[str, msgspec.Raw] = {}


class _Written(msgspec.Struct, frozen=True):
    """A Record, whose view may be packed already."""

    view: ViewMessage | msgspec.Raw
    decisions: list[DecisionMessage]
    states: dict[str, msgspec.Raw]


class Journaled(NamedTuple):
    """A decision as read back."""

    decision: DecisionMessage
    view: ViewMessage


class _Times(msgspec.Struct, frozen=True):
    """Of a record, whether it is asked for at all."""

    decisions: list[_Time]


class _Time(msgspec.Struct, frozen=True):
    time_published_ns: int


class _Place(msgspec.Struct, frozen=True):
    epoch: int
    seq: int


class _States(msgspec.Struct, frozen=True):
    view: _Place
    states: dict[str, msgspec.Raw] = {}


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)
_TIMES = msgspec.msgpack.Decoder(_Times)
_STATES = msgspec.msgpack.Decoder(_States)


class Journal:
    """The writing side; one process at a time. Raises OSError where the directory cannot be used.

    A full disk is no such case: each `append` tries again. So it does where somebody removed the directory.
    """

    def __init__(self, directory: Path, bytes_max: int, files_max: int) -> None:
        self._directory, self._bytes_max, self._files_max = directory, bytes_max, files_max
        self._number, self._file, self._size = 1, -1, 0
        self._packer = Packer()
        try:
            self._begin()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise

    def append(
        self,
        view: ViewMessage | msgspec.Raw,
        decisions: Sequence[DecisionMessage],
        states: Mapping[str, msgspec.Raw] = NO_STATES,
    ) -> None:
        """Write one record whole, or raise OSError with the journal as it was before.

        That is for a full disk, and for a record too large to be read again.
        """
        content = _ENCODER.encode(_Written(view, list(decisions), dict(states)))
        if self._file < 0 or os.fstat(self._file).st_nlink == 0:  # no room for it so far, or it was removed
            self.close()
            self._begin()
        if len(content) > RECORD_BYTES_MAX:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        try:
            record = self._packer.packed(content)
            if self._size and self._size + len(record) > self._bytes_max:
                self._turn_over()
                record = self._packer.packed(content)
            self._write(record)
        except OSError:
            self._packer.begin_anew()  # what was packed is not in the file
            raise

    def _write(self, record: bytes) -> None:
        rest = record
        try:
            while rest:  # a disk that fills up takes a part first, and says so at the next try
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(record)

    def bytes(self) -> int:
        """Of all its files; 0 where they cannot be looked at."""
        try:
            with os.scandir(self._directory) as files:
                return sum(each.stat().st_size for each in files if each.is_file())
        except OSError:
            return 0

    def close(self) -> None:
        """Sync and close; closing twice is harmless."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> None:
        ensure_directory(self._directory)
        paths = journal_files(self._directory)
        self._number = _number(paths[-1]) if paths else self._number
        self._open()

    def _open(self) -> None:
        path = self._directory / f"decisions-{self._number:08d}.journal"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
        self._size = whole_size(path)
        self._packer.begin_anew()
        if os.fstat(self._file).st_size == self._size:
            return
        if is_cut_short(path, self._size):
            os.ftruncate(self._file, self._size)  # a record that a kill cut short was never acknowledged
        else:
            self._turn_over()  # damaged: what stands behind it may be whole, and is not ours to cut off

    def _turn_over(self) -> None:
        self.close()
        self._number += 1
        self._open()
        for path in journal_files(self._directory)[: -self._files_max]:
            path.unlink(missing_ok=True)


def journal_dir(state_dir: Path) -> Path:
    """Where the node of that state directory keeps its decisions."""
    return state_dir / "aggregator"


def journal_files(directory: Path) -> list[Path]:
    """The files of a journal, oldest first."""
    return sorted(directory.glob("decisions-????????.journal"), key=_number)


def read_journal(directory: Path, since_ns: int = 0) -> Iterator[Journaled]:
    """Every decision since then, oldest first, with the view it came from; also while it is being written.

    Raises DataError for a directory that is not there, and for a record of another version, after everything
    before it. A torn last record is skipped, it was never acknowledged; a damaged one hides the rest of its
    file, see `damaged_files`.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: no journal here yet; it begins with the node's first decision")
    for path in journal_files(directory):
        try:
            for content in contents(path):
                if any(each.time_published_ns >= since_ns for each in _TIMES.decode(content).decisions):
                    yield from _journaled(content, since_ns)
        except (RecordError, msgspec.MsgspecError) as error:
            raise DataError(f"{path}: a record of another version ({error}); move the file away") from None


def _journaled(content: bytes, since_ns: int) -> Iterator[Journaled]:
    record = _DECODER.decode(content)
    for decision in record.decisions:
        if decision.time_published_ns >= since_ns:
            yield Journaled(decision, record.view)


def has_records(directory: Path) -> bool:
    """Whether anything was ever decided there, as far as it is kept."""
    return any(path.stat().st_size for path in journal_files(directory))


def newest_states(directory: Path) -> tuple[tuple[int, int], dict[str, msgspec.Raw]]:
    """The strategies' states after the newest whole record, with epoch and number of its view; zeros and none
    without a record of this version.
    """
    with contextlib.suppress(RecordError, msgspec.MsgspecError):
        for path in reversed(journal_files(directory)):
            newest = last_content(path)
            if newest is not None:
                record = _STATES.decode(newest)
                return (record.view.epoch, record.view.seq), record.states
    return (0, 0), {}


def damaged_files(directory: Path) -> list[Path]:
    """The files in which a damaged record hides what stands behind it, oldest first."""
    found = []
    for path in journal_files(directory):
        whole = whole_size(path)
        if path.stat().st_size > whole and not is_cut_short(path, whole):
            found.append(path)
    return found


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("decisions-"))
