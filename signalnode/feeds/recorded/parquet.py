"""An hour's journal of events becomes Parquet: once, when the hour is over, a row group at a time.

The columns are those of EVENT. The file's metadata has, beside what every recording's has, the marks with the
row that each stands before, how far the journal had come, and from when to when it was damaged.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from signalnode.errors import DataError
from signalnode.events import EVENT, Events, join_events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.files import arrow
from signalnode.feeds.files.marks import Mark, pack_mark, unpack_mark
from signalnode.feeds.files.recording import METADATA_KEY, NAMES, ROW_GROUP_ROWS, VERSION, WRITING
from signalnode.feeds.recorded.blocks import MARK, ROWS, Index, OnDamage, contents, walk
from signalnode.feeds.recorded.hours import Hour
from signalnode.files import rename, replacing

MARKS_KEY = b"signalnode.marks"
Piece = Events | Mark


def journal_pieces(file: BinaryIO, on_damage: OnDamage, *, end_ns: int = 0) -> Iterator[Piece]:
    """What a journal holds, in order: rows, and the marks before them. Of damage see `contents`."""
    for block, content in contents(file, on_damage, end_ns=end_ns):
        if block.of.kind == MARK:
            yield unpack_mark(content)
        elif block.of.kind == ROWS:
            yield np.frombuffer(content, EVENT)


def close_journal(hour: Hour) -> Iterator[float]:
    """Write the Parquet file of a closed journal and remove that, yielding the fraction done. One that is
    there already is whole. A journal of which a part is damaged is kept as `.damaged`. Raises OSError and
    DataError, where it cannot be written.
    """
    damaged: list[tuple[int, int]] = []
    path = parquet_of(hour.path)
    if not path.exists() and hour.bytes:
        try:
            yield from _write(hour, path, damaged)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
    if damaged:
        rename(hour.path, hour.path.with_suffix(".damaged"))
    hour.path.unlink(missing_ok=True)


def damage_in(hour: Hour) -> list[tuple[int, int]]:
    """From when to when the journal was damaged of which an hour's Parquet file was made: see `OnDamage`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = hour.path if hour.is_finished else parquet_of(hour.path)
    try:
        return damage_told(read_facts(pq.read_metadata(path).metadata))
    except (OSError, pa.ArrowException):
        return []


def parquet_of(path: Path) -> Path:
    """What a journal becomes."""
    return path.with_name(path.name.removeprefix(".")).with_suffix(".parquet")


def damage_told(facts: dict[str, Any]) -> list[tuple[int, int]]:
    """The same, of what the metadata say."""
    return [(int(begin), int(end)) for begin, end in facts.get("damaged", ())]


def _write(hour: Hour, path: Path, damaged: list[tuple[int, int]]) -> Iterator[float]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with hour.path.open("rb") as file:
        blocks = list(walk(file))
        total = max(1, sum(block.of.rows for block in blocks if block.of.kind == ROWS))
        last = blocks[-1].of if blocks else None
        marks: list[tuple[int, Mark]] = []
        facts = {"version": VERSION, "market": hour.market, "venue": hour.venue, "depth_bps": DEPTH_BPS}
        columns = [(name, pa.from_numpy_dtype(EVENT[name])) for name in NAMES]
        schema = pa.schema(columns, metadata={METADATA_KEY: json.dumps(facts)})
        with replacing(path, durable=True) as draft, pq.ParquetWriter(draft, schema, **WRITING) as writer:
            row = 0
            pieces = journal_pieces(file, lambda *found: damaged.append(found), end_ns=hour.end_ns)
            for group in _groups(pieces, marks):
                arrays = [arrow.numbers(group[name]) for name in NAMES]
                writer.write_table(pa.table(arrays, schema=schema))
                row += len(group)
                yield row / total
            writer.add_key_value_metadata({MARKS_KEY.decode(): _facts(marks, last, damaged)})


def _groups(pieces: Iterator[Piece], marks: list[tuple[int, Mark]]) -> Iterator[Events]:
    """Rows in groups of ROW_GROUP_ROWS and a little more; `marks` grow with the rows before each."""
    held: list[Events] = []
    count = row = 0
    for piece in pieces:
        if isinstance(piece, Mark):
            marks.append((row + count, piece))
            continue
        held.append(piece)
        count += len(piece)
        if count >= ROW_GROUP_ROWS:
            yield join_events(held)
            row, held, count = row + count, [], 0
    if held:
        yield join_events(held)


def _facts(marks: list[tuple[int, Mark]], last: Index | None, damaged: list[tuple[int, int]]) -> str:
    index = None if last is None else [*last[:-1], last.lineage.hex()]
    told = [[row, base64.b64encode(pack_mark(mark)).decode()] for row, mark in marks]
    return json.dumps({"marks": told, "index": index, **({"damaged": damaged} if damaged else {})})


def read_facts(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """What the metadata of a file say of its marks; empty where nothing is said."""
    try:
        facts = json.loads((metadata or {}).get(MARKS_KEY, b"{}"))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def marks_in(facts: dict[str, Any]) -> list[tuple[int, Mark]]:
    """The marks, each with the rows of the file that come before it."""
    return [(int(row), unpack_mark(base64.b64decode(text))) for row, text in facts.get("marks", ())]


def facts_of(path: Path) -> Index:
    """The index of the last block that the file was made of. Raises OSError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = read_facts(pq.read_metadata(path).metadata)["index"]
        return Index._make((*found[:-1], bytes.fromhex(found[-1])))
    except (KeyError, TypeError, ValueError, pa.ArrowException):
        return Index(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bytes(8))
