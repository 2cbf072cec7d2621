"""What a disk spoils, or somebody takes away: it is told from when to when, and the rest is read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from signalnode.clock import NS_PER_S
from signalnode.errors import DataError
from signalnode.events import Events
from signalnode.feeds.recorded import parquet
from signalnode.feeds.recorded.blocks import MARK, contents, walk
from signalnode.feeds.recorded.gaps import CHANNELS, FILE, Gap, GapFile, pack_gap, read_gaps, strange_lines
from signalnode.feeds.recorded.hours import HOUR_NS, KINDS, Hour, Kind, hours_in
from signalnode.feeds.recorded.parquet import close_journal
from signalnode.research.checking import checked, note
from signalnode.research.recorder import finished_left, tell_damage
from signalnode.research.recordings import open_span
from tests.feeds.recorded.made import MARKET, START_NS, VENUE, Recorded, put_rows, rows_from
from tests.feeds.recorded.test_recorded import line, start

S = NS_PER_S
STEPS = (0, 200, 400)
ROW_GROUP_ROWS = 20_000


def three_blocks(folder: Path) -> tuple[Recorded, Events]:
    """Ten minutes of one hour in three blocks, a row each second, a line at the beginning of each."""
    made = Recorded(folder)
    rows = rows_from(START_NS, 600)
    made.put(start(START_NS))
    for at in STEPS:
        made.put(put_rows(rows[at : at + 200], at), line(at, int(rows["time_received_ns"][at])))
        made.take()
        made.flush()
    return made, rows


def spoil(hour: Hour, number: int, what: str = "content") -> None:
    with hour.path.open("r+b") as file:
        blocks = [each for each in walk(file) if each.of.kind != MARK]
        block = blocks[number]
        file.seek(block.at if what == "content" else blocks[number - 1].at + blocks[number - 1].of.length)
        file.write(b"\x55" * 20)


def the_only(made: Recorded, kind: Kind) -> Hour:
    (hour,) = hours_in(made.folder, kind)
    return hour


def found_by_check(folder: Path) -> list[Gap]:
    return [gap for _, found in checked(folder) for gap in found]


@pytest.mark.parametrize("what", ["index", "content"])
def test_a_block_that_is_damaged_is_told_from_when_to_when_and_what_follows_is_read(
    tmp_path: Path, what: str
) -> None:
    made, rows = three_blocks(tmp_path)
    for kind in KINDS:
        spoil(the_only(made, kind), 1, what)
    wanted = np.concatenate([rows[:200], rows[400:]])
    span = open_span(made.folder, MARKET)
    assert np.array_equal(span.gather(), wanted)
    assert span.faults.counts == {"file_damaged": 1}
    assert "first at 2025-11-27T00:03:19.000Z to 2025-11-27T00:06:40.000Z: nothing" in span.faults.lines()[0]
    (gap,) = span.gaps_told
    assert (gap.what, gap.kind, gap.from_ns, gap.to_ns) == (
        "damaged",
        "events",
        START_NS + 199 * S,
        START_NS + 400 * S,
    )
    found: list[tuple[int, int]] = []
    with the_only(made, "raw").path.open("rb") as file:
        sound = [block for block, _ in contents(file, lambda *times: found.append(times))]
    assert (len(sound), found) == (2, [(START_NS, START_NS + 400 * S)])
    made.market.end_hours()
    gaps = GapFile(made.folder)
    for closed in made.market.streams["events"].finished:
        list(close_journal(closed))
        assert tell_damage(gaps, closed) == 1
        assert tell_damage(gaps, closed) == 0  # once
    assert read_gaps(made.folder) == [gap]  # the recorder's own words are those of who reads
    again = open_span(made.folder, MARKET)
    assert np.array_equal(again.gather(), wanted)
    assert (again.gaps_told, again.faults.counts) == ([gap], {"file_damaged": 1})
    assert [each.name for each in made.folder.rglob("*.damaged")] == [".00.damaged"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_damaged_at_the_end_is_told_of_an_hour_that_is_over_and_torn_of_one_that_is_not(
    tmp_path: Path, kind: Kind
) -> None:
    made, _ = three_blocks(tmp_path)
    spoil(the_only(made, kind), 2)
    assert found_by_check(made.folder) == []  # a crash may leave it so
    made.market.end_hours()
    (gap,) = found_by_check(made.folder)
    newest_s = 199 if kind == "raw" else 399
    assert (gap.kind, gap.from_ns, gap.to_ns) == (
        kind,
        START_NS + (newest_s + 1 if kind == "raw" else newest_s) * S,
        START_NS + HOUR_NS,
    )


def test_frames_behind_a_damaged_block_are_distrusted_until_an_image_comes(tmp_path: Path) -> None:
    made, _ = three_blocks(tmp_path)
    spoil(the_only(made, "raw"), 1)
    span = open_span(made.folder, MARKET, kind="raw")
    lines = [each.text for each in span._lines_of(the_only(made, "raw").path, span.faults)]  # type: ignore[attr-defined]
    lost = [at for at, text in enumerate(lines) if text.endswith(b"@0!")]
    assert len(lost) == 1
    assert (lines[lost[0] - 1], lines[lost[0] + 1]) == tuple(
        b'%d@1 {"n":%d}' % (START_NS + at * S, at) for at in (0, 400)
    )


def test_a_parquet_file_is_read_but_for_what_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", ROW_GROUP_ROWS)
    made = Recorded(tmp_path, kinds=("events",), capacity=1 << 24)
    groups = 3
    rows = rows_from(START_NS, groups * ROW_GROUP_ROWS, step_ns=1_000_000)
    made.put(start(START_NS))
    for at, part in enumerate(np.split(rows, groups)):
        made.put(put_rows(part, at * ROW_GROUP_ROWS))
        made.take(1 << 23)
        made.flush()
    made.finish()
    hour = the_only(made, "events")
    assert np.array_equal(open_span(made.folder, MARKET).gather(), rows)
    column = pq.read_metadata(hour.path).row_group(1).column(4)  # prices: zstd alone would read others
    with hour.path.open("r+b") as file:
        file.seek(column.data_page_offset + column.total_compressed_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0x10]))
    span = open_span(made.folder, MARKET)
    read = span.gather()
    assert np.array_equal(read, np.concatenate([rows[:ROW_GROUP_ROWS], rows[2 * ROW_GROUP_ROWS :]]))
    (gap,) = span.gaps_told
    times = rows["time_received_ns"]
    assert (gap.from_ns, gap.to_ns) == (times[ROW_GROUP_ROWS - 1], times[2 * ROW_GROUP_ROWS])
    assert found_by_check(made.folder) == [gap]


@pytest.mark.parametrize("size", [0, 10, -100])
def test_a_parquet_file_that_was_cut_off_is_an_hour_that_is_missing(tmp_path: Path, size: int) -> None:
    made = Recorded(tmp_path, kinds=("events",))
    made.put(start(START_NS))
    for hour in range(3):
        made.put(put_rows(rows_from(START_NS + hour * HOUR_NS, 10), 10 * hour))
    made.finish()
    path = hours_in(made.folder, "events")[1].path
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    span = open_span(made.folder, MARKET)
    assert len(span.gather()) == 20
    (gap,) = span.gaps_told
    assert (gap.from_ns, gap.to_ns) == (START_NS + HOUR_NS, START_NS + 2 * HOUR_NS)
    assert found_by_check(made.folder) == [gap]
    made.kill()  # who records there next goes on
    made.put(put_rows(rows_from(START_NS + 3 * HOUR_NS, 10), 30))
    made.finish()
    assert len(open_span(made.folder, MARKET).gather()) == 30


def test_an_hour_between_two_that_no_gap_explains_is_found_and_noted_once(tmp_path: Path) -> None:
    made = Recorded(tmp_path, kinds=("events",))
    made.put(start(START_NS))
    for hour in (0, 1, 2, 3, 4, 6, 8):
        made.put(put_rows(rows_from(START_NS + hour * HOUR_NS, 10), 10 * hour))
    made.finish()
    told = Gap(VENUE, MARKET, START_NS + 4 * HOUR_NS, START_NS + 6 * HOUR_NS, CHANNELS, "away", "refused")
    GapFile(made.folder).add(pack_gap(told))
    hours = hours_in(made.folder, "events")
    for gone in hours[2:4]:
        gone.path.unlink()
    found = found_by_check(made.folder)
    assert [(gap.what, gap.from_ns, gap.to_ns) for gap in found] == [
        ("missing", START_NS + 2 * HOUR_NS, START_NS + 4 * HOUR_NS),
        ("missing", START_NS + 7 * HOUR_NS, START_NS + 8 * HOUR_NS),
    ]
    assert note(made.folder, found) == ""
    assert read_gaps(made.folder) == [told, *found]
    assert found_by_check(made.folder) == []


def test_an_hour_that_goes_while_it_is_read_is_left_out_and_told(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.put(start(START_NS))
    for hour in range(2):
        made.put(
            put_rows(rows_from(START_NS + hour * HOUR_NS, 10), 10 * hour),
            line(hour, START_NS + hour * HOUR_NS),
        )
    made.finish()
    spans = [open_span(made.folder, MARKET, kind=kind) for kind in KINDS]
    for kind in KINDS:
        hours_in(made.folder, kind)[0].path.unlink()
    raw, events = spans
    assert len(events.gather()) == 10
    assert events.faults.counts == {"file_gone": 1}
    with pytest.raises(DataError, match="file_gone"):  # there is no frame of a market in it
        raw.gather()


def test_lines_of_gaps_that_are_broken_are_passed_over_and_counted(tmp_path: Path) -> None:
    gap = Gap("", MARKET, 1, 2, CHANNELS, "away", "gone")
    (tmp_path / FILE).write_bytes(pack_gap(gap) + b"\n" + pack_gap(gap)[:20])
    later = Gap("", MARKET, 3, 4, CHANNELS, "away", "gone")
    GapFile(tmp_path).add(pack_gap(later))
    assert read_gaps(tmp_path) == [gap, later]
    assert strange_lines(tmp_path) == 1


def test_what_a_market_left_open_is_finished_by_whoever_records_there(tmp_path: Path) -> None:
    made, rows = three_blocks(tmp_path)
    with the_only(made, "events").path.open("ab") as file:
        file.write(b"torn")
    made.market.close()
    hours = [hour for kind in KINDS for hour in hours_in(made.folder, kind)]
    assert finished_left(made.folder, hours, {(VENUE, MARKET)}) == []
    (journal,) = finished_left(made.folder, hours, ())
    list(close_journal(journal))
    assert [the_only(made, kind).path.name for kind in KINDS] == ["00.zst", "00.parquet"]
    assert np.array_equal(open_span(made.folder, MARKET).gather(), rows)
    assert found_by_check(made.folder) == []
