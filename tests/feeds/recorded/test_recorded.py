"""What goes into a market's pipe comes out of its recording, once and in order, whoever is killed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from signalnode.clock import NS_PER_S
from signalnode.errors import DataError
from signalnode.events import Events, join_events
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.lines import read_lines
from signalnode.feeds.files.marks import Mark
from signalnode.feeds.recorded import ring
from signalnode.feeds.recorded.gaps import Gap, GapFile, pack_gap, read_gaps
from signalnode.feeds.recorded.hours import HOUR_NS, NO_VENUE, hours_in
from signalnode.feeds.recorded.writing import LAST
from signalnode.research.recordings import open_span, recorded_markets
from tests.effort import drawn
from tests.feeds.recorded.made import MARKET, START_NS, VENUE, Put, Recorded, put_mark, put_rows, rows_from


def line(number: int, time_ns: int) -> Put:
    return ring.LINES, time_ns, LAST.pack(time_ns) + b'%d@1 {"n":%d}\n' % (time_ns, number)


def start(time_ns: int, lineage: str = "", number: int = 0) -> Put:
    return put_mark(Mark(time_ns, "start", 1, lineage=lineage, number=number, state=b"state"))


@pytest.mark.parametrize("seed", range(drawn(4, 200)))
def test_nothing_is_lost_or_written_twice_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    made = Recorded(tmp_path)
    rows = rows_from(START_NS + HOUR_NS // 2, 3_000, seed, step_ns=4 * NS_PER_S)
    made.put(start(START_NS + HOUR_NS // 2))
    lines: list[bytes] = []
    at = 0
    while at < len(rows):
        stop = min(len(rows), at + draw.randrange(1, 200))
        time_ns = int(rows["time_received_ns"][at])
        lines.append(b'%d@1 {"n":%d}' % (time_ns, at))
        made.put(line(at, time_ns), put_rows(rows[at:stop], at))
        at = stop
        what = draw.randrange(6)
        if what < 3:
            made.take(draw.randrange(1, 40_000))
        elif what == 3:
            made.flush()
        elif what == 4:
            made.kill(draw)
        else:
            made.close_journals()
    made.finish()
    assert np.array_equal(open_span(made.folder, MARKET).gather(), rows)
    faults = Faults()
    told = [
        each.text
        for hour in hours_in(made.folder, "raw")
        for each in read_lines(hour.path, faults)
        if not each.text.startswith(b"{")
    ]
    assert told == lines
    assert not faults.counts
    assert {hour.path.suffix for hour in hours_in(made.folder, "events")} == {".parquet"}


def test_the_tree_of_events_is_one_table(tmp_path: Path) -> None:
    from pyarrow.dataset import dataset

    made = Recorded(tmp_path)
    rows = rows_from(START_NS, 5_000)
    made.put(start(START_NS), put_rows(rows, 0))
    made.finish()
    made.put(put_rows(rows_from(START_NS + 2 * HOUR_NS, 10), len(rows)))
    made.take()
    made.flush()  # an hour is open beside them
    table = dataset(made.folder / "events", partitioning="hive").to_table()
    assert table.num_rows == len(rows)
    assert set(table["market"].to_pylist()) == {MARKET}
    assert np.array_equal(np.sort(table["time_received_ns"].to_numpy()), rows["time_received_ns"])
    (told,) = [each for each in recorded_markets(made.folder) if each.kind == "events"]
    assert (told.venue, told.market, told.hours, told.first_ns) == (VENUE, MARKET, 3, START_NS)
    assert told.last_ns == START_NS + 2 * HOUR_NS + 9 * NS_PER_S


def test_a_span_is_read_alike_from_hours_that_are_open_closed_and_finished(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    rows = rows_from(START_NS + 1_000 * NS_PER_S, 6_000)
    made.put(start(START_NS), *[put_rows(rows[at : at + 100], at) for at in range(0, 6_000, 100)])
    made.take(1 << 20)
    made.flush()
    from_ns, to_ns = START_NS + 2_000 * NS_PER_S, START_NS + 5_000 * NS_PER_S
    wanted = rows[1_000:4_000]

    def found() -> Events:
        span = open_span(made.folder, MARKET, from_ns, to_ns)
        by_hour = list(span.by_hour())
        assert [hour for hour, _ in by_hour] == [START_NS, START_NS + HOUR_NS]
        return join_events([events for _, events in by_hour])

    assert np.array_equal(found(), wanted)
    made.close_journals()
    assert np.array_equal(found(), wanted)
    made.finish()
    assert np.array_equal(found(), wanted)
    later_ns = START_NS + 5 * HOUR_NS
    for begin, end, when in (
        (later_ns, None, "since"),
        (None, 1, "before 1970"),
        (later_ns, later_ns + 1, "from"),
    ):
        with pytest.raises(DataError, match=f"nothing was recorded {when}"):
            open_span(made.folder, MARKET, begin, end).gather()
    with pytest.raises(DataError, match="nothing of it is recorded"):
        open_span(made.folder, "OTHER-USD")


def test_rows_that_come_again_after_a_kill_of_their_engine_are_known_by_their_number(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    rows = rows_from(START_NS, 300, step_ns=0)  # all of one time: it is no help
    made.put(start(START_NS, "files"), put_rows(rows[:200], 0))
    made.take()
    made.put(start(START_NS, "files", 150), put_rows(rows[150:260], 150))
    made.take()
    made.flush()
    made.kill()
    made.put(start(START_NS, "files", 250), put_rows(rows[250:], 250))
    made.finish()
    span = open_span(made.folder, MARKET)
    assert np.array_equal(span.gather(), rows)
    assert len(span.marks) == 1
    made.put(start(START_NS, "other"), put_rows(rows_from(START_NS - NS_PER_S, 3), 0))
    made.finish()
    assert made.market.left_out == 2  # the third is of a new time


def test_a_second_part_of_an_hour_stands_beside_the_first(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    rows = rows_from(START_NS, 30)
    made.put(start(START_NS), put_rows(rows[:20], 0), line(1, START_NS))
    made.finish()
    made.kill()
    made.put(put_rows(rows[20:], 20), line(2, START_NS + 25 * NS_PER_S))
    made.finish()
    assert [hour.path.name for hour in hours_in(made.folder, "events")] == ["00.parquet", "00-2.parquet"]
    assert [hour.path.name for hour in hours_in(made.folder, "raw")] == ["00.zst", "00-2.zst"]
    assert np.array_equal(open_span(made.folder, MARKET).gather(), rows)


def test_a_gap_is_told_once(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    gap = Gap(VENUE, MARKET, START_NS, START_NS + 5, ("trades",), "trades", "one is missing")
    made.put((ring.GAP, gap.to_ns, pack_gap(gap)))
    made.take()
    made.kill()  # it was written, but the pipe does not know
    made.take()
    with (made.folder / "gaps.jsonl").open("ab") as file:
        file.write(b'{"half a li')
    later = Gap(VENUE, MARKET, START_NS + 9, START_NS + 9, ("trades",), "trades", "another")
    made.put((ring.GAP, later.to_ns, pack_gap(later)))
    made.take()
    assert read_gaps(made.folder) == [gap, later]


def test_gaps_of_a_market_without_a_venue_go_with_its_oldest_hour(tmp_path: Path) -> None:
    file = GapFile(tmp_path)
    old, new = (Gap("", MARKET, at, at + 1, ("trades",), "recorder", "behind") for at in (1, 9))
    for gap in (old, new):
        file.add(pack_gap(gap))
    file.forget(NO_VENUE, MARKET, 5)
    assert read_gaps(tmp_path) == [new]


def test_a_full_pipe_takes_nothing_and_says_so(tmp_path: Path) -> None:
    made = Recorded(tmp_path, capacity=ring.CAPACITY_MIN)
    rows = rows_from(START_NS, 100)
    count = 0
    while made.writer.put([put_rows(rows, count * 100)]):
        count += 1
    assert 0 < count < 10
    made.take()
    made.flush()
    assert made.writer.put([put_rows(rows, count * 100)])
