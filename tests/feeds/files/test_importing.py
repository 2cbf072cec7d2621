"""Tables of files: what a vendor's layout gives, and what every other file is told."""

from __future__ import annotations

import gzip
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signalnode.errors import DataError, EventTimeError, SignalnodeError
from signalnode.events import DEPTH, QUOTE, TRADE, Events
from signalnode.feeds import Faults
from signalnode.feeds.files.importing import Understood, tables_in
from signalnode.feeds.files.sheets import SNIFF_BYTES, _form
from signalnode.feeds.files.tables import Reading, merge

START_MS = 1_723_075_200_000
ROWS = range(50)
TARDIS = "exchange,symbol,timestamp,local_timestamp"


def row(at: int, form: str) -> str:
    """One row, 100 ms after the one before it; `form` names what it has of these."""
    time_ms = START_MS + 100 * at
    flag = "true" if at % 2 else "false"
    price = 60_000 + at / 10
    return form.format(
        at=at, ms=time_ms, us=1_000 * time_ms, here=1_000 * time_ms + 5, flag=flag, Flag=flag.title(),
        side="sell" if at % 2 else "buy", price=price, ask=price + 0.5,
        iso=f"2024-08-08T00:00:{at // 10:02}.{at % 10}",
    )  # fmt: skip


def text(form: str, head: str = "") -> str:
    return "\n".join([*([head] if head else []), *(row(at, form) for at in ROWS)]) + "\n"


def levels(count: int, step: float) -> tuple[str, str]:
    """The head and the form of images of a book with so many levels a side, `step` apart."""
    names, cells = [TARDIS], ["b,BTCUSDT,{us},{here}"]
    for at in range(count):
        names.append(f"asks[{at}].price,asks[{at}].amount,bids[{at}].price,bids[{at}].amount")
        cells.append(f"{60_001 + at * step},2,{60_000 - at * step},1")
    return ",".join(cells), ",".join(names)


LAYOUTS: dict[str, tuple[str, dict[int, int]]] = {
    "Binance spot trades": (text("{at},{price},0.5,30000,{ms},{Flag},True"), {TRADE: 50}),
    "Binance spot trades of 2025": (text("{at},{price},0.5,30000,{us},{Flag},True"), {TRADE: 50}),
    "Binance spot aggTrades": (text("{at},{price},0.5,{at},{at},{ms},{Flag},True"), {TRADE: 50}),
    "Binance futures trades": (
        text("{at},{price},0.5,3,{ms},{flag}", "id,price,qty,quote_qty,time,is_buyer_maker"),
        {TRADE: 50},
    ),
    "Binance futures aggTrades without names": (text("{at},{price},0.5,{at},{at},{ms},{flag}"), {TRADE: 50}),
    "Binance bookTicker": (
        text(
            "{at},{price},0.5,{ask},2,{ms},{ms}",
            "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
        ),
        {QUOTE: 50},
    ),
    "Binance bookTicker without names": (text("{at},{price},0.5,{ask},2,{ms},{ms}"), {QUOTE: 50}),
    "Tardis trades": (
        text("b,BTCUSDT,{us},{here},{at},{side},{price},0.5", f"{TARDIS},id,side,price,amount"),
        {TRADE: 50},
    ),
    "Tardis quotes": (
        text(
            "b,BTCUSDT,{us},{here},2,{ask},{price},0.5", f"{TARDIS},ask_amount,ask_price,bid_price,bid_amount"
        ),
        {QUOTE: 50},
    ),
    "Tardis book_snapshot_25": (text(*levels(25, 5.0)), {QUOTE: 50, DEPTH: 50}),
    "Tardis book_snapshot_5, too few": (text(*levels(5, 5.0)), {QUOTE: 50}),
}


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str | bytes, str], Path]:
    def saved(content: str | bytes, name: str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return saved


def imported(path: Path, reading: Reading | None = None, kinds: tuple[str, ...] = ()) -> Events:
    events, _ = both(path, reading, kinds)
    return events


def both(path: Path, reading: Reading | None, kinds: tuple[str, ...]) -> tuple[Events, list[Understood]]:
    tables = list(tables_in(path, reading or Reading(), kinds))
    faults = Faults()
    events = merge([source for table in tables for source in table.sources], faults)
    assert faults.counts == {}
    return events, tables


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_vendors_layout_is_known_and_its_times_need_no_unit(
    layout: str, save: Callable[[str, str], Path]
) -> None:
    content, counts = LAYOUTS[layout]
    events, (table,) = both(save(content, "a.csv"), None, ())
    assert {kind: int((events["kind"] == kind).sum()) for kind in counts} == counts
    assert len(events) == sum(counts.values())
    assert layout.split(maxsplit=1)[0] in table.what
    assert table.symbol == ("BTCUSDT" if "Tardis" in layout else "")
    behind_ns = 5_000 if "Tardis" in layout else 0
    assert events["time_event_ns"][0] == START_MS * 1_000_000
    assert events["time_received_ns"][-1] == (START_MS + 4_900) * 1_000_000 + behind_ns
    if "Trade" in layout or "trades" in layout:
        assert events["aggressor_side"][:3].tolist() == [1, -1, 1]


def test_depth_of_images_is_the_sum_within_the_band(save: Callable[[str, str], Path]) -> None:
    events = imported(save(LAYOUTS["Tardis book_snapshot_25"][0], "a.csv"))
    depth = events[events["kind"] == DEPTH][0]  # 10 bps of 60,000.5 are 60; a level is 5 apart
    assert (depth["bid_depth"], depth["ask_depth"]) == (12.0, 24.0)


def test_an_image_of_an_empty_book_has_no_depth(save: Callable[[str, str], Path]) -> None:
    form, head = levels(2, 100.0)
    empty = row(1, "b,BTCUSDT,{us},{here}") + "," * 8
    infinite = row(2, "b,BTCUSDT,{us},{here},inf,1,inf,1") + "," * 4
    path = save("\n".join([head, row(0, form), empty, infinite, ""]), "a.csv")
    tables = list(tables_in(path, Reading(), ("depth",)))
    events = merge([source for table in tables for source in table.sources], Faults())
    assert events["bid_depth"].tolist() == [1.0]


def test_changes_of_a_book_give_its_quotes_and_its_depth(save: Callable[[str, str], Path]) -> None:
    form = f"b,BTCUSDT,{START_MS}000,{START_MS}005,true,%s,%d,1"
    image = [form % ("bid", 60_000 - 5 * at) for at in range(25)]
    image += [form % ("ask", 60_001 + 5 * at) for at in range(25)]
    changes = [row(at, "b,BTCUSDT,{us},{here},false,bid,59999,{at}") for at in range(1, 5)]
    changes += [
        row(6, "b,BTCUSDT,{us},{here},false,bid,60000,0"),
        row(6, "b,BTCUSDT,{us},{here},false,ask,60001,7"),
    ]
    head = f"{TARDIS},is_snapshot,side,price,amount"
    events = imported(save("\n".join([head, *image, *changes, ""]), "book.csv"))
    assert events["kind"].tolist() == [QUOTE, DEPTH, *[DEPTH] * 4, QUOTE, DEPTH]
    assert events["bid_depth"][events["kind"] == DEPTH].tolist() == [12, 13, 14, 15, 16, 16]
    assert events[["bid", "bid_size", "ask_size"]][events["kind"] == QUOTE].tolist() == [
        (60_000, 1, 1),
        (59_999, 4, 7),
    ]


OWN = text("{iso};{price};0.5", "Time;Price;Qty")
PACKED: dict[str, bytes] = {
    "a.csv": OWN.encode(),
    "windows.CSV": b"\xef\xbb\xbf" + OWN.replace("\n", "\r\n").encode(),
    "commented.csv": b"# mine\n\n" + OWN.encode(),
    "commas.csv": OWN.replace(";", ",").encode(),
    "decimal commas.csv": re.sub(r";(\d+)\.", r";\1,", OWN).encode(),
    "slashes.csv": OWN.replace("2024-08-08T", "2024/08/08 ").encode(),
    "commas in times.csv": re.sub(r"([:;]\d+)\.", r"\1,", OWN).encode(),
    "zones.csv": re.sub("(2024[^;]*)", r"\1 UTC", OWN).encode(),
    "tabs.tsv": OWN.replace(";", "\t").encode(),
    "a.csv.gz": gzip.compress(OWN.encode()),
    "a.csv.xz": lzma.compress(OWN.encode()),
    "a.csv.zst": pa.Codec("zstd").compress(OWN.encode(), asbytes=True),
    "no name for it": gzip.compress(OWN.encode()),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_table_is_read_however_it_is_written_and_packed(
    name: str, save: Callable[[bytes, str], Path]
) -> None:
    events = imported(save(PACKED[name], name))
    assert events["price"].tolist() == [60_000 + at / 10 for at in ROWS]
    assert np.unique(np.diff(events["time_received_ns"])).tolist() == [100_000_000]


def test_every_file_of_a_zip_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("__MACOSX/._trades.csv", bytes(8))
        archive.writestr(".DS_Store", bytes(8))
        archive.writestr("trades.csv", OWN)
        archive.writestr("BTCUSDT-bookTicker-2024-08-08.csv", LAYOUTS["Binance bookTicker"][0])
    events, tables = both(tmp_path / "a.zip", None, ())
    assert [table.name.rpartition(":")[2] for table in tables] == [
        "trades.csv",
        "BTCUSDT-bookTicker-2024-08-08.csv",
    ]
    assert [table.symbol for table in tables] == ["", "BTCUSDT"]
    assert events["kind"].tolist() == [TRADE, QUOTE] * 50


def test_a_table_in_parquet_is_read_by_the_same_rules(tmp_path: Path) -> None:
    table = pa.table({"ts_ms": [START_MS, START_MS + 1], "px": [1.0, 1.1], "vol": [1, 2]})
    pq.write_table(table, tmp_path / "a.PQ")
    assert imported(tmp_path / "a.PQ")["price"].tolist() == [1.0, 1.1]


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        ("", "a.csv", "is empty"),
        ("\n \n", "a.csv", "is empty"),
        ("time,price,size\n", "a.csv", "holds no row"),
        (bytes(range(256)), "a.csv", "is neither text nor Parquet"),
        ("time,price,size\n2024-08-08,1\n", "a.csv", r"Row #2: Expected 3 columns, got 2.*: mend that line"),
        ("time,price,size\n2024-08-08,x,1\n", "a.csv", "Row #2: .* to double: invalid value 'x'"),
        ("time,price,price\n", "a.csv", "has the columns price twice"),
        ("1.5,2,3\n", "a.csv", "has no line of names, as time,price,size,side"),
        (f"{START_MS},1,1,1,1,5,{START_MS},2,13,4,1,0\n", "a.csv", "holds bars"),
        ("time,open,high,low,close,price,volume\n2024-08-08,1,1,1,1,1,1\n", "a.csv", "holds bars"),
        ("time,level\n2024-08-08,1\n", "a.csv", "no trades or quotes or depth in its columns time, level"),
        ("time,price\n2024-08-08,1\n", "a.csv", r"columns time, price \(trades lack size\): .* size=…$"),
        ("Time,Bid,Ask\n", "a.csv", "holds no row"),
        ("Time,Bid,Ask\n2024-08-08,1,2\n", "a.csv", r"quotes lack bid_size, ask_size\): .* bid_size=…,"),
        ("Date,Time,Price,Size\n2024-08-08,10:00:00,1,2\n", "a.csv", "Time is time32.*: join its date to it"),
        ("This is the readme.\nIt holds no table.\n", "a.csv", "its columns This .*; is it a table"),
        ("<!DOCTYPE html>\n<html>404</html>\n", "a.csv", "is a page of HTML or XML, no table"),
        ('{"e":"trade"}\n', "a.csv", "is JSON, no table: .* --venue"),
        ("time,price,size\n2024-08-08,$1.5,1\n", "a.csv", r"value '\$1.5'.*: write plain numbers like"),
        ("time;price;size\n2024-08-08;60,000;1\n", "a.csv", "invalid value '60,000'.*: write plain numbers"),
        ("time,price,size\n02/03/2024 00:33:24,1,1\n", "a.csv", "no time like 2024-08-08T.*: write them so"),
        ("price,size\n1,1\n", "a.csv", "no column for time among price, size"),
        (LAYOUTS["Tardis trades"][0], "binance_liquidations_2024.csv", "holds liquidations, not all trades"),
        (f"time,price,size\n{START_MS},1,1\n", "a.csv", r'time is int64: .*unit="ms" \(--unit ms\)'),
        ("time,price,size,symbol\n2024-08-08,1,1,A\n2024-08-08,1,1,B\n", "a.csv", "holds A, B: keep"),
        (gzip.compress(OWN.encode(), mtime=0)[:100], "a.csv.gz", "cannot be unpacked"),
        (b"PK\x03\x04 and so on", "a.zip", "cannot be read"),
        (b"PAR1 and so on", "a.parquet", "cannot be read as Parquet"),
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_refused_in_one_line(
    content: str | bytes, name: str, told: str, save: Callable[[str | bytes, str], Path]
) -> None:
    with pytest.raises(DataError, match=told) as caught:
        imported(save(content, name))
    assert "\n" not in str(caught.value)


def test_a_file_of_another_market_by_its_name_is_refused(save: Callable[[str, str], Path]) -> None:
    path = save(LAYOUTS["Binance spot trades"][0], "BTCUSDT-trades-2024-08-08.csv")
    with pytest.raises(SignalnodeError, match="is of BTCUSDT by its name, not ETH-USDT"):
        imported(path, Reading(symbol="ETH-USDT"))
    assert len(imported(path, Reading(symbol="BTC-USDT"))) == 50


def test_of_several_symbols_the_one_that_is_meant_is_read(save: Callable[[str, str], Path]) -> None:
    content = text("{iso},{price},1,BTC-USD", "time,price,size,symbol") + text("{iso},3,1,ETH-USD")
    events = imported(save(content, "a.csv"), Reading(symbol="ethusd"))
    assert set(events["price"].tolist()) == {3.0}


def test_a_file_of_another_symbol_says_how_it_is_meant(save: Callable[[str, str], Path]) -> None:
    path = save(text("{iso},{price},1,BTCUSDT", "time,price,size,symbol"), "a.csv")
    with pytest.raises(DataError, match="holds BTCUSDT, not M: --symbol BTCUSDT means it"):
        imported(path, Reading(symbol="M"))


def test_rows_of_a_file_that_hold_nothing_are_told_with_their_numbers(
    save: Callable[[str, str], Path],
) -> None:
    path = save("time,price,size\n2024-08-08,1,1\n2024-08-08,,\n2024-08-08,1,2\n,,\n", "a.csv")
    (table,) = tables_in(path, Reading(), ())
    assert len(table.sources[0].events) == 2
    assert table.void.tolist() == [1, 3]


def test_what_a_table_was_taken_for_says_what_it_lacks(save: Callable[[str, str], Path]) -> None:
    path = save(text("{iso},{price},1,{flag}", "time,price,size,is_buyer"), "a.csv")
    (table,) = tables_in(path, Reading(unit="us"), ())
    told = "50 trades (time=time, price=price, size=size, no column of who took: sides unknown)"
    assert table.what == told
    with pytest.raises(DataError, match="price is to be 'Prise', but there are time, px"):
        imported(save("time,px0,size\n2024-08-08,1,1\n", "b.csv"), Reading({"price": "Prise"}))


@pytest.mark.parametrize(
    ("cells", "point"),
    [
        ("60000,5;1", ","),
        ("60000;0,125", ","),
        ("60000;0,1234", ","),
        ("60,000;1", "."),
        ("60,000;1.5", "."),
        ("60000.5;1,5", "."),
        ("1,000,000;1", "."),
    ],
)
def test_a_comma_is_decimal_only_where_it_can_be_nothing_else(cells: str, point: str) -> None:
    assert _form("a.csv", f"time;price;size\n2024-08-08;{cells}\n".encode()).decimal_point == point


def test_half_a_number_at_the_end_of_what_is_looked_at_tells_nothing() -> None:
    row = b"2024-08-08T00:00:00;60,000;1\n"
    head = (b"time;price;size\n" + row * SNIFF_BYTES)[:SNIFF_BYTES]
    for cut in range(len(row)):
        assert _form("a.csv", b"#" * cut + b"\n" + head[: -cut - 1]).decimal_point == "."


def test_a_unit_that_cannot_be_is_told_with_its_row(save: Callable[[str, str], Path]) -> None:
    path = save(text("{ms},{price},1", "time,price,size"), "a.csv")
    assert len(imported(path, Reading(unit="ms"))) == 50
    with pytest.raises(EventTimeError, match=r"column time, row 0 is of \d+ us, before 1990: is it ms"):
        imported(path, Reading(unit="us"))


def test_only_the_kinds_asked_for_are_taken(save: Callable[[str, str], Path]) -> None:
    path = save(LAYOUTS["Tardis book_snapshot_25"][0], "a.csv")
    assert set(imported(path, kinds=("depth",))["kind"].tolist()) == {DEPTH}
    with pytest.raises(DataError, match="no trades in its columns"):
        imported(path, kinds=("trades",))
