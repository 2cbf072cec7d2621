"""An hour's file opened, whichever name it has by now, and what is sound of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from signalnode.errors import DataError
from signalnode.events import Events
from signalnode.feeds.files.marks import Mark
from signalnode.feeds.files.recording import rows_of_group
from signalnode.feeds.recorded.blocks import OnDamage
from signalnode.feeds.recorded.hours import Hour
from signalnode.feeds.recorded.parquet import (
    Piece,
    damage_told,
    journal_pieces,
    marks_in,
    parquet_of,
    read_facts,
)


class GoneError(Exception):
    """It was deleted since it was found: older hours make room for new ones."""


def opened(hour: Hour) -> BinaryIO:
    """An hour's file, which may have been finished since it was found. Raises GoneError, and DataError where
    it may not be read.
    """
    for path in (hour.path, *_later_names(hour.path)):
        try:
            return path.open("rb")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    raise GoneError


def _later_names(path: Path) -> list[Path]:
    if path.suffix != ".open":
        return []
    return [path.with_suffix("")] if path.name.endswith(".zst.open") else [path.with_suffix(".closed")]


def pieces_of(hour: Hour, on_damage: OnDamage, on_gone: Callable[[], None]) -> Iterator[tuple[Piece, int]]:
    """Rows and marks of an hour of events, and how many rows of the hour come before. Raises DataError."""
    if not hour.is_finished:
        try:
            file = opened(hour)
        except GoneError:  # it has become Parquet meanwhile
            hour = hour._replace(path=parquet_of(hour.path))
        else:
            with file:
                yield from _pieces_of_journal(file, on_damage, 0 if hour.is_open else hour.end_ns)
            return
    try:
        yield from _pieces_of_parquet(hour, on_damage)
    except FileNotFoundError:
        on_gone()


def _pieces_of_journal(file: BinaryIO, on_damage: OnDamage, end_ns: int) -> Iterator[tuple[Piece, int]]:
    row = 0
    for piece in journal_pieces(file, on_damage, end_ns=end_ns):
        yield piece, row
        if not isinstance(piece, Mark):
            row += len(piece)


def _pieces_of_parquet(hour: Hour, on_damage: OnDamage) -> Iterator[tuple[Piece, int]]:
    """Row groups that cannot be read are left out: `on_damage`. Raises FileNotFoundError and DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = hour.path
    if not path.stat().st_size:
        on_damage(0, 0)
        return
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowInvalid, pa.ArrowSerializationError):  # its end is missing, where all is told
        on_damage(0, 0)
        return
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    with file:
        facts = read_facts(file.metadata.metadata)
        for begin, end in damage_told(facts):
            on_damage(begin, end)
        marks = marks_in(facts)
        row, newest_ns, is_damaged = 0, 0, False
        for number in range(file.num_row_groups):
            events = _group(file, number, path)
            if events is None:
                is_damaged = True
                row += file.metadata.row_group(number).num_rows
                marks = [each for each in marks if each[0] > row]  # what they stood before is not known
                continue
            if is_damaged:
                on_damage(newest_ns, int(events["time_received_ns"][0]))
                is_damaged = False
            start = 0
            while marks and marks[0][0] <= row + len(events):
                at, mark = marks.pop(0)
                if at - row > start:
                    yield events[start : at - row], row + start
                start = max(start, at - row)
                yield mark, at
            if start < len(events):
                yield events[start:], row + start
            row += len(events)
            newest_ns = int(events["time_received_ns"][-1])
        if is_damaged:
            on_damage(newest_ns, 0)
        yield from ((mark, row) for _, mark in marks)


def _group(file: Any, number: int, path: Path) -> Events | None:
    """The rows of a group; None where it is damaged. Raises DataError where it is no recording's."""
    import pyarrow as pa

    try:
        return (
            rows_of_group(file.read_row_group(number)) if file.metadata.row_group(number).num_rows else None
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as a recording ({str(error).splitlines()[0]})") from None
    except (OSError, ValueError, pa.ArrowException):
        return None
