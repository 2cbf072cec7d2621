"""events_from: whatever holds trades, quotes or depth becomes events, or is refused in one line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from signalnode import SignalEngine, events_from
from signalnode.errors import DataError, EventTimeError
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.feeds import load_events
from signalnode.feeds.faults import DataWarning
from signalnode.feeds.files.recording import write_recording


class Library:
    """One that is imported by the first test that uses it, not by each process that collects tests."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):  # asked by who looks for tests
            raise AttributeError(name)
        return getattr(pytest.importorskip(self._name), name)


pd, pl = Library("pandas"), Library("polars")
TIMES_NS = [1_723_161_254_000_000_000 + at * 250_000_000 for at in range(4)]
STAMPS = np.array(TIMES_NS, "datetime64[ns]")
MOMENTS = STAMPS.astype("datetime64[us]").tolist()
SIDES = ["buy", "SELL", "b", None]


def trades(**changed: Any) -> dict[str, Any]:
    return {
        "timestamp": STAMPS,
        "price": [100.0, 100.5, 101.0, 100.25],
        "qty": [1.0, 2.0, 3.0, 4.0],
        "side": SIDES,
    } | changed


def quotes(**changed: Any) -> dict[str, Any]:
    later = STAMPS + np.timedelta64(1, "ms")
    best = {"bidPrice": [99.0] * 4, "bidQty": [1.0] * 4, "askPrice": [101.5] * 4, "askQty": [2.0] * 4}
    return {"time": later, **best} | changed


@functools.cache
def expected() -> Events:
    return events_from(trades=trades())


FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": lambda columns: pd.DataFrame(data=columns),
    "pandas by time": lambda columns: pd.DataFrame(columns).set_index("timestamp"),
    "pandas by a nameless time": lambda columns: (
        pd.DataFrame(columns).set_index("timestamp").rename_axis(None)
    ),
    "pandas categories": lambda columns: pd.DataFrame(columns).astype({"side": "category"}),
    "polars": lambda columns: pl.DataFrame(data=columns),
    "polars categories": lambda columns: pl.DataFrame(columns, schema_overrides={"side": pl.Categorical}),
    "arrow": pa.table,
    "arrow batch": lambda columns: pa.RecordBatch.from_pydict(
        {name: pa.array(values) for name, values in columns.items()}
    ),
    "arrow, long text": lambda columns: pa.table(columns | {"side": pa.array(SIDES, pa.large_string())}),
    "arrow, views": lambda columns: pa.table(columns | {"side": pa.array(SIDES, pa.string_view())}),
    "columns": dict,
}
PRICES = ["100.0", "100.5", "101.0", "100.25"]
CELLS: dict[str, dict[str, Any]] = {
    **{
        f"times in {unit}": {"timestamp": STAMPS.astype(f"datetime64[{unit}]")} for unit in ("ms", "us", "ns")
    },
    "times of a zone": {"timestamp": lambda: pd.DatetimeIndex(STAMPS, tz="UTC").tz_convert("Asia/Tokyo")},
    "times as objects": {"timestamp": MOMENTS},
    "times as text": {"timestamp": [moment.isoformat() for moment in MOMENTS]},
    "times as text with a zone": {"timestamp": [f"{moment.isoformat()}Z" for moment in MOMENTS]},
    "prices as text": {"price": PRICES},
    "prices as decimals": {"price": [Decimal(price) for price in PRICES]},
    "sides as numbers": {"side": [1.0, -1.0, 1.0, None]},
    "makers": {"side": None, "isBuyerMaker": [False, True, False, None]},
    "makers as text": {"side": None, "is_buyer_maker": ["false", "True", "false", ""]},
}


def test_trades_become_events_of_their_times_prices_sizes_and_sides() -> None:
    assert expected().dtype == EVENT
    assert expected()["time_received_ns"].tolist() == expected()["time_event_ns"].tolist() == TIMES_NS
    assert expected()["kind"].tolist() == [TRADE] * 4
    assert expected()["price"].tolist() == trades()["price"]
    assert expected()["size"].tolist() == trades()["qty"]
    assert expected()["aggressor_side"].tolist() == [1, -1, 1, 0]


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_table_gives_the_same_events(kind: str) -> None:
    assert events_from(trades=FRAMES[kind](trades())).tobytes() == expected().tobytes()


@pytest.mark.parametrize("changed", CELLS)
def test_cells_are_read_by_their_type(changed: str) -> None:
    given = {name: cells() if callable(cells) else cells for name, cells in CELLS[changed].items()}
    columns = {name: cells for name, cells in (trades() | given).items() if cells is not None}
    assert events_from(trades=pd.DataFrame(columns)).tobytes() == expected().tobytes()
    assert events_from(trades=pl.DataFrame(columns)).tobytes() == expected().tobytes()


@pytest.mark.parametrize(("unit", "per"), [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)])
def test_whole_numbers_are_times_only_with_their_unit(unit: str, per: int) -> None:
    numbers = [time_ns // per for time_ns in TIMES_NS]
    with pytest.raises(
        DataError, match=rf'timestamp is int64: name the unit .* unit="{unit}" \(--unit {unit}\)$'
    ):
        events_from(trades=trades(timestamp=numbers))
    told = events_from(trades=trades(timestamp=numbers), unit=unit)
    assert told["time_received_ns"].tolist() == [number * per for number in numbers]
    ended = {name: cells for name, cells in trades().items() if name != "timestamp"}
    assert events_from(trades=ended | {f"Time_{unit}": numbers}).tobytes() == told.tobytes()


def test_of_two_times_the_one_received_is_the_kernels() -> None:
    early = [time_ns - 5_000_000 for time_ns in TIMES_NS]
    events = events_from(trades=trades(local_timestamp=TIMES_NS, timestamp=early), unit="ns")
    assert events["time_received_ns"].tolist() == TIMES_NS
    assert events["time_event_ns"].tolist() == early


def test_trades_quotes_and_depth_come_out_in_one_order_of_time() -> None:
    depth = {"ts": STAMPS, "bid_depth": [5.0] * 4, "ask_depth": [0.0] * 4}
    events = events_from(trades=pd.DataFrame(trades()), quotes=pl.DataFrame(quotes()), depth=depth)
    assert events["kind"].tolist() == [TRADE, DEPTH, QUOTE] * 4
    assert (np.diff(events["time_received_ns"]) >= 0).all()
    assert events["bid"][events["kind"] == QUOTE].tolist() == [99.0] * 4
    assert len(SignalEngine("ANY-USD").replay(events)) == 8


def test_one_table_may_hold_rows_of_several_kinds() -> None:
    rows = {"price": [100.0, None, 101.0, None], "size": [1.0, None, 1.0, None]}
    rows |= {name: [None, value, None, value] for name, value in (("bid", 99.0), ("ask", 102.0))}
    rows |= {name: [None, 1.0, None, 1.0] for name in ("bid_size", "ask_size")}
    for one in (rows, rows | {"kind": ["trade", "quote", "trade", "quote"]}):
        frame = pl.DataFrame({"time": STAMPS, **one})
        events = events_from(trades=frame, quotes=frame)
        assert events["kind"].tolist() == [TRADE, QUOTE, TRADE, QUOTE]


def test_other_names_are_named() -> None:
    given = trades()
    frame = pd.DataFrame({"when": given["timestamp"], "p": given["price"], "q": given["qty"], "who": SIDES})
    named = {"time": "when", "price": "p", "size": "q", "side": "who"}
    assert events_from(trades=frame, columns=named).tobytes() == expected().tobytes()
    with pytest.raises(
        DataError,
        match=r'no column for price, size among when, p, q, who: .*\{"price": …\} \(--columns price=…\)',
    ):
        events_from(trades=frame)


@pytest.mark.parametrize(
    ("table", "more", "told"),
    [
        (trades(price=["x"] * 4), {}, "trades: column price is string, not a number .*'x'"),
        (trades(price=STAMPS), {}, r"column price is timestamp\[.*\], not a number"),
        (trades(side=["buy", "up", "buy", "buy"]), {}, "column side, row 1: 'up' is neither buy nor sell"),
        (
            trades(side=["buy", "Long", "buy", "buy"]),
            {},
            "row 1: 'long' is the side of a position, not who took",
        ),
        (trades(timestamp=["today"] * 4), {}, "column timestamp is text, and no time like 2024-08-08"),
        (trades(timestamp=[True] * 4), {}, "column timestamp is bool: a time is a timestamp, or a number"),
        (
            trades(price=[-1.0] * 4),
            {},
            r"4 of its 4 rows cannot be used .*, first at trades:row 0: trade of price -1, size 1, rec",
        ),
        (trades(symbol=["A", "B", "A", "B"]), {}, "trades: holds A, B: keep the rows of one market"),
        (trades(symbol=["A", "B\n", "A", "A"]), {}, "trades: holds A, B : keep the rows of one market"),
        (lambda: trades(side=pa.array([b"\xff"] * 4, pa.binary())), {}, "trades: cannot be read .*UTF"),
        (trades(), {"columns": {"prise": "price"}}, "'prise' is no role of a column; one of time, "),
        (trades(), {"columns": {"price": "px"}}, "price is to be 'px', but there are timestamp, price"),
        (trades(), {"unit": "days"}, "'days' is no unit of time; one of s, ms, us, ns"),
        ([1, 2], {}, "trades: a list is no table; give a pandas or polars DataFrame"),
        ({"price": [1.0], "qty": [1.0, 2.0]}, {}, "trades: cannot be read as a table"),
        (lambda: pl.DataFrame(trades()).lazy(), {}, "trades: a LazyFrame is no table"),
        (None, {}, "no table: give trades, quotes or depth"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(table: Any, more: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        events_from(trades=table() if callable(table) else table, **more)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("times", "unit", "told"),
    [
        ([*MOMENTS[:2], None, MOMENTS[3]], None, r"column timestamp, row 2 has no time \(NaT\)"),
        (STAMPS - np.timedelta64(15_000, "D"), None, r"row 0 is of .* before 1990 \(and 3 more rows\)"),
        (
            [1_723_161_254] * 4,
            "ns",
            r"row 0 is of 1723161254 ns, before 1990: is it s \(2024-08-08T23:54:14Z\)\?",
        ),
        ([1_723_161_254_000] * 4, "s", r"row 0 is of 1723161254000 s, after 2100: is it ms"),
        ([1_723_161_254.5, np.nan] * 2, "s", r"row 1 has no time \(NaT\) \(and 1 more rows\)"),
    ],
    ids=["NaT", "1983", "seconds for ns", "ms for seconds", "NaN"],
)
def test_a_time_that_cannot_be_is_told_with_its_row_and_a_guess(times: Any, unit: str, told: str) -> None:
    with pytest.raises(EventTimeError, match=told):
        events_from(trades=pd.DataFrame(trades(timestamp=times)), unit=unit)


def test_rows_that_are_not_in_order_are_put_in_order_and_told() -> None:
    shuffled = pd.DataFrame(trades()).iloc[[0, 2, 1, 3]]
    with pytest.warns(DataWarning, match="1 x put_in_order .*, first at trades:row 2: of an earlier time"):
        assert events_from(trades=shuffled).tobytes() == expected().tobytes()


def test_a_jump_of_days_and_a_value_that_cannot_be_are_told_with_their_rows() -> None:
    frame = pd.DataFrame(trades(price=[100.0, 100.5, np.nan, 100.25]))
    frame.loc[3, "timestamp"] += timedelta(days=3)
    with pytest.warns(DataWarning) as told:
        assert len(events_from(trades=frame)) == 2
    assert [str(each.message) for each in told] == [
        "1 x time_jump (a lone time far ahead: left out), first at trades:row 3: "
        "trade of price 100.25, size 4, received 2024-08-11T23:54:14.750Z",
        "1 x value_absurd (a price or size that cannot be: left out), first at trades:row 2: "
        "trade of price nan, size 3, received 2024-08-08T23:54:14.500Z",
    ]


def test_rows_that_hold_nothing_are_told_once_whatever_the_table_is_given_as() -> None:
    rows = {"price": [100.0, None, 101.0, None], "size": [1.0, None, 1.0, None]}
    rows |= {name: [None, None, None, 99.0] for name in ("bid", "bid_size")}
    rows |= {name: [None, None, None, 102.0] for name in ("ask", "ask_size")}
    frame = pl.DataFrame({"time": STAMPS, **rows})
    for given in ({"trades": frame}, {"trades": frame, "quotes": frame}):
        with pytest.warns(DataWarning) as told:
            events_from(**given)
        assert [str(each.message) for each in told] == [
            "1 x row_void (rows that hold nothing: left out), first at trades:row 1: no trade, quote or depth"
        ]


def test_a_table_without_rows_gives_no_events_and_is_told() -> None:
    for frame in (pd.DataFrame(trades()).iloc[:0], pl.DataFrame(trades()).head(0)):
        with pytest.warns(DataWarning, match="trades: the table holds no row"):
            events = events_from(trades=frame)
        assert (events.dtype, len(events)) == (EVENT, 0)


def test_events_of_tables_are_those_of_a_recording_of_them(tmp_path: Path, events: Events) -> None:
    frame = pd.DataFrame({name: events[name] for name in EVENT.names or ()})
    write_recording(tmp_path / "a.parquet", events, market="BTC-USDT", venue="binance")
    made = events_from(
        **{
            name: frame[frame["kind"] == kind].drop(columns="kind")
            for name, kind in (("trades", TRADE), ("quotes", QUOTE), ("depth", DEPTH))
        }
    )
    recorded = load_events(tmp_path / "a.parquet")
    assert len(made) == len(recorded)
    for kind in (TRADE, QUOTE, DEPTH):
        assert made[made["kind"] == kind].tobytes() == recorded[recorded["kind"] == kind].tobytes()
