from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signalnode.errors import DataError
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.feeds import load_events, load_events_with_faults, open_decoding, synthetic_events
from signalnode.feeds.faults import Faults
from signalnode.feeds.files import recording
from signalnode.feeds.files.importing import tables_in
from signalnode.feeds.files.recording import RecordingDecoding, write_recording
from signalnode.feeds.files.tables import Reading, merge


@pytest.fixture(scope="module")
def made() -> Events:
    return synthetic_events(2, 5_000)


def write_columns(path: Path, events: Events, **changed: object) -> Path:
    """A recording without our metadata, with some columns changed; a column of None is left out."""
    columns = {name: pa.array(np.ascontiguousarray(events[name])) for name in EVENT.names or ()} | changed
    pq.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), path)
    return path


def test_what_is_written_is_read_back_bit_for_bit(tmp_path: Path, made: Events, events: Events) -> None:
    for sent in (made, events):
        path = tmp_path / "a.parquet"
        write_recording(path, sent, market="BTC-USDT", venue="binance")
        faults = Faults()
        assert RecordingDecoding([path], "BTC-USDT", faults).gather().tobytes() == sent.tobytes()
        assert faults.counts == {}
        assert load_events(path).tobytes() == sent.tobytes()
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


def test_any_parquet_tool_can_read_it(tmp_path: Path, made: Events) -> None:
    path = tmp_path / "a.parquet"
    write_recording(path, made, market="BTC-USDT", venue="synthetic")
    table = pq.read_table(path)
    assert tuple(table.column_names) == EVENT.names
    assert table.column("price").to_pylist()[:5] == made["price"].tolist()[:5]
    assert b'"market": "BTC-USDT"' in table.schema.metadata[b"signalnode"]


def test_reading_is_in_pieces_of_bounded_size(
    tmp_path: Path, made: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "ROW_GROUP_ROWS", 2_000)
    path = tmp_path / "a.parquet"
    write_recording(path, made, market="BTC-USDT", venue="synthetic")
    pieces = list(open_decoding([path], market="BTC-USDT").slices())
    assert [len(piece.events) for piece in pieces] == [2_000, 2_000, 1_000]
    assert pieces[-1].done == 1.0


def test_a_recording_from_elsewhere_is_read_with_its_own_widths(tmp_path: Path, made: Events) -> None:
    kinds = pa.array(made["kind"].astype(np.int64))
    prices = pa.array(made["price"].astype(np.float32))
    path = write_columns(tmp_path / "a.parquet", made, kind=kinds, price=prices)
    read = load_events(path)
    assert (read["kind"] == made["kind"]).all()
    assert read["price"] == pytest.approx(made["price"], rel=1e-6)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("bid", math.nan, "value_absurd"),
        ("bid", math.inf, "value_absurd"),
        ("bid", -1.0, "value_absurd"),
        ("ask_size", 0.0, "value_absurd"),
        ("bid", 1e6, "quote_crossed"),
        ("kind", 9, "kind_unknown"),
        ("kind", 0, "kind_unknown"),
        ("time_received_ns", 5, "time_absurd"),
        ("time_received_ns", 1_600_000_000_000_000_000, "time_backwards"),
        ("time_received_ns", 4_000_000_000_000_000_000, "time_jump"),
        ("time_received_ns", 1_700_000_000_000_000_000 + 3_600 * 10**9, "time_jump"),
    ],
)
def test_a_bad_row_is_named_and_costs_itself_alone(
    tmp_path: Path, made: Events, field: str, value: float, fault: str
) -> None:
    row = int(np.flatnonzero(made["kind"] == QUOTE)[50])
    spoilt = made.copy()
    spoilt[field][row] = value
    path = tmp_path / "a.parquet"
    write_recording(path, spoilt, market="BTC-USDT", venue="synthetic")
    read, faults = load_events_with_faults([path], market="BTC-USDT")
    assert np.array_equal(read, np.delete(made, row))
    assert faults.counts == {fault: 1}
    assert faults.examples[fault][0].startswith(f"{path}:row {row}: ")


@pytest.mark.parametrize("width", [np.int16, np.uint16, np.int64, np.uint64])
def test_a_number_too_wide_for_its_field_is_a_fault_and_not_another_number(
    tmp_path: Path, made: Events, width: type[np.integer]
) -> None:
    kinds = made["kind"].astype(width)
    kinds[7] = 256 + TRADE
    path = write_columns(tmp_path / "a.parquet", made, kind=pa.array(kinds))
    events, faults = load_events_with_faults(path)
    assert faults.counts == {"kind_unknown": 1}
    assert len(events) == len(made) - 1


def test_a_row_received_a_little_early_is_held_at_the_newest_time(tmp_path: Path, made: Events) -> None:
    spoilt = made.copy()
    spoilt["time_received_ns"][100] = spoilt["time_received_ns"][99] - 1_000
    path = tmp_path / "a.parquet"
    write_recording(path, spoilt, market="BTC-USDT", venue="synthetic")
    read, faults = load_events_with_faults([path], market="BTC-USDT")
    assert read["time_received_ns"][100] == made["time_received_ns"][99]
    assert faults.counts == {"time_clamped": 1}


def test_a_null_is_a_fault_like_any_other(tmp_path: Path, made: Events) -> None:
    prices = [
        None if index == np.flatnonzero(made["kind"] == TRADE)[3] else x
        for index, x in enumerate(made["price"])
    ]
    read, faults = load_events_with_faults(
        [write_columns(tmp_path / "a.parquet", made, price=pa.array(prices))]
    )
    assert len(read) == len(made) - 1
    assert faults.counts == {"value_absurd": 1}


@pytest.mark.parametrize("empty", [None, math.nan, 7.0])
def test_what_a_kind_does_not_use_is_zero_whatever_stood_there(
    tmp_path: Path, made: Events, empty: float | None
) -> None:
    used = {"price": TRADE, "size": TRADE, "bid": QUOTE, "ask_size": QUOTE, "ask_depth": DEPTH}
    columns = {
        field: pa.array([x if at == kind else empty for x, at in zip(made[field], made["kind"], strict=True)])
        for field, kind in used.items()
    }
    assert load_events(write_columns(tmp_path / "a.parquet", made, **columns)).tobytes() == made.tobytes()


def test_an_absurd_venue_time_gives_way_to_the_receive_time(tmp_path: Path, made: Events) -> None:
    spoilt = made.copy()
    spoilt["time_event_ns"][7] = -1
    read, faults = load_events_with_faults([write_columns(tmp_path / "a.parquet", spoilt)])
    assert read["time_event_ns"][7] == read["time_received_ns"][7]
    assert faults.counts == {"event_time_absurd": 1}


def test_recordings_follow_one_another(tmp_path: Path, made: Events) -> None:
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, part in zip(paths, (made[:3_000], made[3_000:]), strict=True):
        write_recording(path, part, market="BTC-USDT", venue="synthetic")
    assert load_events(paths).tobytes() == made.tobytes()


def test_a_recording_of_another_market_is_refused_unless_it_is_named(recording: Path) -> None:
    with pytest.raises(
        DataError, match=r"recorded from BTC-USDT, not ETH-USDT: .* set `symbol` .* to BTC-USDT"
    ):
        load_events([recording], market="ETH-USDT")
    events, faults = load_events_with_faults([recording], market="ETH-USDT", symbol="btcusdt")
    assert (len(events), faults.counts) == (6_000, {})


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, recording: Path) -> None:
    for content in (b"", b"hello", recording.read_bytes()[:-100]):
        path = tmp_path / "a.parquet"
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as Parquet") as caught:
            load_events(path)
        assert "\n" not in str(caught.value)


def test_a_missing_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such recording"):
        load_events(tmp_path / "none.parquet")


def test_wrong_columns_are_refused_by_name(tmp_path: Path, made: Events) -> None:
    with pytest.raises(DataError, match="lacks the columns ask_depth"):
        load_events(write_columns(tmp_path / "a.parquet", made, ask_depth=None))
    columns = pq.read_table(write_columns(tmp_path / "a.parquet", made))
    pq.write_table(columns.append_column("bid", columns["bid"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has the columns bid twice"):
        load_events(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column price is string, not float64"):
        load_events(write_columns(tmp_path / "a.parquet", made, price=pa.array(["1"] * len(made))))


@pytest.mark.parametrize(
    ("metadata", "what"), [(b'{"version": 99}', "version 99"), (b"{", "metadata is broken")]
)
def test_another_version_is_refused(tmp_path: Path, made: Events, metadata: bytes, what: str) -> None:
    path = write_columns(tmp_path / "a.parquet", made)
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"signalnode": metadata}), path)
    with pytest.raises(DataError, match=what):
        load_events(path)


def test_a_recording_without_one_sound_event_is_refused(tmp_path: Path, made: Events) -> None:
    empty = write_columns(tmp_path / "a.parquet", made[:0])
    with pytest.raises(DataError, match=r"no sound event in it \(it holds no row\)"):
        load_events(empty)
    with pytest.raises(DataError, match="it holds no row"):
        list(open_decoding(empty).slices())
    with pytest.raises(DataError, match=r"5000 x kind_unknown .*, first at .*:row 0: kind"):
        load_events(write_columns(tmp_path / "a.parquet", made, kind=pa.array(np.zeros(len(made), np.uint8))))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"order": "shuffled"},
            r"[\d,]+ of its 5,000 rows .*time_backwards .*, first at .*put its rows in order",
        ),
        ({"order": "reversed"}, r"[\d,]+ of its 5,000 rows .*time_backwards"),
        (
            {"per": 1_000},
            r"no sound event .*time_absurd .*, first at .*:row 0: .*before 1990.* is it us \(.*\)\?",
        ),
        ({"price": -1.0}, r"[\d,]+ of its 5,000 rows cannot be used \(value_absurd"),
    ],
    ids=["shuffled", "reversed", "microseconds", "no prices"],
)
def test_a_recording_most_of_whose_rows_are_refused_is_refused(
    tmp_path: Path, made: Events, changed: dict[str, object], told: str
) -> None:
    rows = made.copy()
    if "order" in changed:
        rows = rows[::-1] if changed["order"] == "reversed" else np.random.default_rng(1).permutation(rows)
    if "price" in changed:
        rows["bid"] = changed["price"]
    rows["time_received_ns"] //= changed.get("per", 1)
    path = write_columns(tmp_path / "a.parquet", rows)
    with pytest.raises(DataError, match=told) as caught:
        load_events(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=told):
        list(open_decoding(path).slices())


def test_a_recording_of_one_kind_behind_the_other_is_refused(tmp_path: Path, made: Events) -> None:
    rows = made[
        np.argsort(made["kind"] == TRADE, kind="stable")
    ]  # trades are fewer than half: 40% of it is lost
    path = write_columns(tmp_path / "a.parquet", rows)
    with pytest.raises(
        DataError, match=r"not in order of time: .* first at .*: `signalnode import` puts them"
    ):
        load_events(path)
    (table,) = tables_in(path, Reading(), ())
    assert len(merge(table.sources, Faults())) == len(made)


def test_recordings_that_overlap_lose_the_overlap_alone(tmp_path: Path, made: Events) -> None:
    paths = [
        write_columns(tmp_path / "a.parquet", made[:3_000]),
        write_columns(tmp_path / "b.parquet", made[1_700:]),
    ]
    events, faults = load_events_with_faults(paths)
    assert (np.diff(events["time_received_ns"]) >= 0).all()
    assert set(faults.counts) == {"time_backwards", "time_clamped"}
    assert events[-2_000:].tobytes() == made[-2_000:].tobytes()


def test_a_broken_recording_among_sound_ones_is_refused_by_its_name(tmp_path: Path, made: Events) -> None:
    good = write_columns(tmp_path / "good.parquet", made)
    bad = write_columns(tmp_path / "bad.parquet", made, kind=pa.array(np.zeros(len(made), np.uint8)))
    with pytest.raises(DataError, match=r"bad\.parquet: 5,000 of its 5,000 rows"):
        load_events([good, bad])


def test_captures_and_recordings_are_not_mixed(recording: Path, excerpts: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="one kind at a time"):
        load_events([recording, excerpts[0]], venue="binance", market="BTC-USDT")


@pytest.mark.parametrize("name", ["a.PARQUET", "a.pq", "a.recording"])
def test_a_recording_is_known_whatever_its_name_ends_in(tmp_path: Path, made: Events, name: str) -> None:
    assert load_events(write_columns(tmp_path / name, made)).tobytes() == made.tobytes()


def test_a_recording_needs_only_the_columns_its_kinds_use(tmp_path: Path, made: Events) -> None:
    path, quotes = tmp_path / "a.parquet", made[made["kind"] == QUOTE]
    unused = dict.fromkeys(("price", "size", "aggressor_side", "bid_depth", "ask_depth", "time_event_ns"))
    loaded = load_events(write_columns(path, quotes, **unused))
    assert loaded["time_event_ns"].tolist() == quotes["time_received_ns"].tolist()
    assert loaded["bid"].tolist() == quotes["bid"].tolist()
    with pytest.raises(DataError, match="it holds trades, but lacks the columns price, size"):
        load_events(write_columns(path, made, **unused))


def test_times_of_a_recording_may_be_timestamps(tmp_path: Path, made: Events) -> None:
    stamps = pa.array(made["time_received_ns"]).cast(pa.timestamp("ns", "UTC"))
    path = write_columns(tmp_path / "a.parquet", made, time_received_ns=stamps)
    assert load_events(path).tobytes() == made.tobytes()


def test_a_table_that_is_no_recording_is_told_what_makes_one_of_it(tmp_path: Path) -> None:
    pq.write_table(pa.table({"time": [1], "px": [2.0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"lacks .* kind .* it has time, px: `signalnode import` makes one"):
        load_events(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.CSV.gz"])
def test_a_table_of_text_is_told_what_makes_a_recording_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("time,price\n")
    with pytest.raises(DataError, match="a table: `signalnode import` makes a recording of it"):
        load_events(tmp_path / name, venue="binance", market="BTC-USDT")


def test_a_recording_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, made: Events) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        write_recording(tmp_path / "none" / "a.parquet", made, market="BTC-USDT", venue="synthetic")
    assert list(tmp_path.iterdir()) == []
