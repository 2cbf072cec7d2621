"""The recorder: what it keeps within bounds, when it stops, and what a market says that was ahead of it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signalnode import SignalEngine, logs
from signalnode.clock import NS_PER_S
from signalnode.engine.replaying import Replaying
from signalnode.errors import AlreadyRunningError, DataError
from signalnode.events import Events
from signalnode.feeds.recorded import ring
from signalnode.feeds.recorded.gaps import CHANNELS, Gap, GapFile, pack_gap, read_gaps
from signalnode.feeds.recorded.hours import HOUR_NS, hours_in
from signalnode.feeds.recorded.tape import Label, Tape
from signalnode.files import hold_lock
from signalnode.research.recorder import BLOCK_NS, COMPLAINT_NS, LOCK_FILE, LOOK_NS, ROOM_NS, Recorder, finish
from signalnode.research.recordings import open_span
from signalnode.settings import NodeSettings, RecordSettings
from tests.feeds.recorded.made import MARKET, START_NS, VENUE, Recorded, put_rows, rows_from
from tests.feeds.recorded.test_recorded import start

LABEL = Label(MARKET, VENUE, MARKET, ("events",), is_live=True)


@pytest.fixture
def node(tmp_path: Path) -> NodeSettings:
    (tmp_path / "recordings").mkdir()
    record = RecordSettings(folder=tmp_path / "recordings", free_bytes_min=0)
    return NodeSettings(state_dir=tmp_path, record=record)


def recorder_of(node: NodeSettings, **record: int) -> Recorder:
    return Recorder(
        dataclasses.replace(node, record=dataclasses.replace(node.record, **record)), logs.logger()
    )


def test_the_oldest_finished_hour_makes_room(node: NodeSettings, tmp_path: Path) -> None:
    made = Recorded(tmp_path, kinds=("events",))
    made.put(start(START_NS))
    for hour in range(3):
        made.put(put_rows(rows_from(START_NS + hour * HOUR_NS, 1_000), 1_000 * hour))
    made.finish()
    for from_ns in (START_NS, START_NS + 2 * HOUR_NS):
        GapFile(made.folder).add(pack_gap(Gap(VENUE, MARKET, from_ns, from_ns + 1, CHANNELS, "away", "gone")))
    hours = hours_in(made.folder, "events")
    recorder = recorder_of(node, bytes_max=sum(hour.bytes for hour in hours) - 1)
    recorder.turn(ROOM_NS, START_NS)
    assert [hour.start_ns for hour in hours_in(made.folder, "events")] == [
        hour.start_ns for hour in hours[1:]
    ]
    assert [gap.from_ns for gap in read_gaps(made.folder)] == [START_NS + 2 * HOUR_NS]


def test_a_full_disk_stops_it_loudly_and_costs_nothing_that_a_market_can_hold(
    node: NodeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, rows = SignalEngine(MARKET), rows_from(START_NS, 500)
    tape = Tape(tmp_path / MARKET, LABEL, 1 << 20)
    tape.begin(engine, epoch=1, floor_ns=0)
    recorder, usage, now_ns = recorder_of(node, free_bytes_min=1_000), shutil.disk_usage, ROOM_NS
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=999))
    for at in range(0, 500, 100):
        engine.ingest(rows[at : at + 100])
        tape.rows(rows[at : at + 100])
        tape.commit(engine, at, settled=True)
        recorder.turn(now_ns := now_ns + LOOK_NS, START_NS)
    assert recorder.facts()["outage"].startswith("stopped: ")
    assert not hours_in(node.recordings_dir, "events")
    monkeypatch.undo()
    for _ in range(3):
        recorder.turn(now_ns := now_ns + max(ROOM_NS, BLOCK_NS), START_NS)
    list(recorder.end())
    assert recorder.facts()["outage"] == ""
    assert open_span(node.recordings_dir, MARKET).gather().tobytes() == rows.tobytes()


def test_a_market_that_was_ahead_says_what_is_missing_and_replays_exactly_from_there(
    node: NodeSettings, tmp_path: Path
) -> None:
    engine, rows = SignalEngine(MARKET), rows_from(START_NS, 3_000)
    tape = Tape(tmp_path / MARKET, LABEL, ring.CAPACITY_MIN)
    tape.begin(engine, epoch=1, floor_ns=0)
    recorder, now_ns = recorder_of(node), LOOK_NS
    for at in range(0, 3_000, 100):
        engine.ingest(rows[at : at + 100])
        tape.rows(rows[at : at + 100])
        tape.commit(engine, at, settled=True)
        if at >= 2_000:
            recorder.turn(now_ns := now_ns + BLOCK_NS, START_NS)
            recorder.turn(now_ns := now_ns + BLOCK_NS, START_NS)
    list(recorder.end())
    assert tape.lost == 1
    (gap,) = read_gaps(node.recordings_dir)
    assert gap.what == "recorder"
    span = open_span(node.recordings_dir, MARKET)
    replaying = Replaying(MARKET, None, span.marks)
    events = span.gather()
    replaying.score(events)
    missing = (gap.from_ns, gap.to_ns)
    assert not ((events["time_received_ns"] > missing[0]) & (events["time_received_ns"] < missing[1])).any()
    assert replaying.engine.state() == engine.state()


def test_a_span_that_begins_with_an_hour_knows_what_the_live_engine_knew(
    node: NodeSettings, tmp_path: Path
) -> None:
    engine, rows = SignalEngine(MARKET), rows_from(START_NS + HOUR_NS // 2, 3_000)
    tape, recorder = Tape(tmp_path / MARKET, LABEL, 1 << 20), recorder_of(node)
    tape.begin(engine, epoch=1, floor_ns=0)
    for at in range(0, 3_000, 100):
        engine.ingest(rows[at : at + 100])
        tape.rows(rows[at : at + 100])
        tape.commit(engine, at, settled=True)
    recorder.turn(LOOK_NS, START_NS)
    list(recorder.end())
    span = open_span(node.recordings_dir, MARKET, START_NS + HOUR_NS)
    replaying = Replaying(MARKET, None, span.marks)
    for _, events in span.by_hour():
        replaying.score(events)
    assert replaying.restored == 1
    assert replaying.engine.state() == engine.state()


def feed(tape: Tape, engine: SignalEngine, rows: Events) -> None:
    engine.ingest(rows)
    tape.rows(rows)
    tape.commit(engine, engine.events, settled=True)


def test_an_hour_deleted_while_it_is_written_is_begun_anew(node: NodeSettings, tmp_path: Path) -> None:
    engine, rows = SignalEngine(MARKET), rows_from(START_NS, 300)
    tape = Tape(tmp_path / MARKET, LABEL, 1 << 20)
    tape.begin(engine, epoch=1, floor_ns=0)
    recorder, now_ns = recorder_of(node), LOOK_NS
    for at in range(0, 300, 100):
        feed(tape, engine, rows[at : at + 100])
        for _ in range(3):
            recorder.turn(now_ns := now_ns + BLOCK_NS, START_NS)
        if at == 0:
            (hour,) = hours_in(node.recordings_dir, "events")
            shutil.rmtree(node.recordings_dir / "events")
    list(recorder.end())
    assert hour.path.exists()
    assert open_span(node.recordings_dir, MARKET).gather().tobytes() == rows[100:].tobytes()
    assert [gap.why for gap in read_gaps(node.recordings_dir)] == ["deleted while it was written"]


@pytest.mark.parametrize("room_s", [10, 600], ids=["a-look-is-due", "no-look-is-due"])
def test_a_folder_that_is_deleted_is_made_again_and_recording_goes_on(
    node: NodeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room_s: int
) -> None:
    monkeypatch.setattr("signalnode.research.recorder.ROOM_NS", room_s * NS_PER_S)
    engine, rows = SignalEngine(MARKET), rows_from(START_NS, 300)
    tape = Tape(tmp_path / MARKET, LABEL, 1 << 20)
    tape.begin(engine, epoch=1, floor_ns=0)
    recorder, now_ns = recorder_of(node), LOOK_NS
    for at in range(0, 300, 100):
        feed(tape, engine, rows[at : at + 100])
        for _ in range(6):
            recorder.turn(now_ns := now_ns + BLOCK_NS, START_NS)
            assert not recorder.trouble
        if at == 0:
            shutil.rmtree(node.recordings_dir)
    list(recorder.end())
    assert open_span(node.recordings_dir, MARKET).gather().tobytes() == rows[100:].tobytes()
    (gap,) = read_gaps(node.recordings_dir, MARKET)
    assert (gap.what, gap.to_ns) == ("recorder", rows["time_received_ns"][99])


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def note(self, event: str, **facts: Any) -> None:
        self.lines.append((event, facts))

    info = warning = error = note


def test_rows_of_an_earlier_time_are_told_once_a_minute_and_taken_where_nothing_later_is_left(
    node: NodeSettings, tmp_path: Path
) -> None:
    rows, log, now_ns = rows_from(START_NS, 500), Heard(), LOOK_NS
    recorder, tape = Recorder(node, log), Tape(tmp_path / MARKET, LABEL, 1 << 20)  # type: ignore[arg-type]
    for epoch, first in ((1, 400), (2, 0)):  # the second plays what was before
        engine = SignalEngine(MARKET)
        tape.begin(engine, epoch=epoch, floor_ns=0)
        for at in range(first, first + 100, 25):
            feed(tape, engine, rows[at : at + 25])
            recorder.turn(now_ns := now_ns + 1, START_NS)
        recorder.turn(now_ns := now_ns + BLOCK_NS, START_NS)
    recorder.turn(now_ns := now_ns + COMPLAINT_NS, START_NS)
    assert [facts["rows"] for _, facts in log.lines] == [25, 75]
    shutil.rmtree(node.recordings_dir)
    recorder.turn(now_ns := now_ns + ROOM_NS, START_NS)
    feed(tape, engine, rows[100:200])
    recorder.turn(now_ns := now_ns + LOOK_NS, START_NS)
    list(recorder.end())
    taken = open_span(node.recordings_dir, MARKET).gather()  # with what its pipe held still
    assert len(taken) >= 100
    assert taken.tobytes() == rows[200 - len(taken) : 200].tobytes()
    assert [gap.why for gap in read_gaps(node.recordings_dir)] == ["deleted while it was written"]


def test_an_hour_that_could_not_become_parquet_does_when_it_can(
    node: NodeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Recorded(tmp_path, kinds=("events",))
    made.put(start(START_NS), put_rows(rows_from(START_NS, 10), 0))
    made.take()
    made.market.end_hours()
    tries = []

    def full(steps: Iterable[float], poll_ms: int) -> Iterator[float]:
        tries.append(poll_ms)
        raise DataError("cannot be written (No space left on device)")
        yield

    recorder, now_ns = recorder_of(node), LOOK_NS
    with monkeypatch.context() as disk:
        disk.setattr("signalnode.research.recorder.run_forked", full)
        for _ in range(3):
            recorder.turn(now_ns := now_ns + 1, START_NS)
    assert len(tries) == 1
    now_ns += COMPLAINT_NS
    while [hour.path.name for hour in hours_in(node.recordings_dir, "events")] != ["00.parquet"]:
        recorder.turn(now_ns := now_ns + 1, START_NS)


def test_two_never_record_into_one_folder(node: NodeSettings) -> None:
    with hold_lock(node.recordings_dir / LOCK_FILE), pytest.raises(AlreadyRunningError):
        finish(node.recordings_dir)
