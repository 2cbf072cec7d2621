"""Binance frames made to order, as the lines of a capture."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from signalnode.events import Events
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.faults import Faults

START_NS = 1_723_161_254_000_000_000
STEP_NS = 10_000_000
Levels = Sequence[tuple[object, object]]


def line(index: int, frame: object, *, time_ns: int | None = None) -> bytes:
    """A capture line, received `index` steps after the start unless `time_ns` says otherwise."""
    body = frame if isinstance(frame, bytes) else json.dumps(frame, separators=(",", ":")).encode()
    return b"%d %s\n" % (START_NS + index * STEP_NS if time_ns is None else time_ns, body)


def combined(symbol: str, channel: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": f"{symbol.lower()}@{channel}", "data": data}


def trade(number: int, price: object = "100.00", size: object = "1.5", **more: Any) -> dict[str, Any]:
    data = {"e": "trade", "E": 1723161255343, "s": "BTCUSDT", "t": number, "p": price, "q": size}
    data |= {"T": 1723161255342, "m": True, "M": True} | more
    return combined(str(data["s"]), "trade", data)


def quote(bid: object = "99.99", ask: object = "100.01", **more: Any) -> dict[str, Any]:
    data = {"u": 7, "s": "BTCUSDT", "b": bid, "B": "3.0", "a": ask, "A": "2.0"} | more
    return combined(str(data["s"]), "bookTicker", data)


def depth(first: int, last: int, bids: Levels = (), asks: Levels = (), **more: Any) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": 1723161255208, "s": "BTCUSDT", "U": first, "u": last}
    data |= {"b": _texts(bids), "a": _texts(asks)} | more
    return combined(str(data["s"]), "depth@100ms", data)


def future(symbol: str, previous: int, first: int, last: int, bids: Levels = ()) -> dict[str, Any]:
    """A book update of a future: it names the one before, and its numbers are not consecutive."""
    return depth(first, last, bids, s=symbol, pu=previous, T=1723161255207)


def aggregate(number: int, price: object = "100.00", **more: Any) -> dict[str, Any]:
    data = {"e": "aggTrade", "E": 1723161255343, "s": "BTCUSDT", "a": number, "p": price, "q": "1.5"}
    data |= {"f": number, "l": number + 3, "T": 1723161255342, "m": False} | more
    return combined(str(data["s"]), "aggTrade", data)


def fetched(symbol: str, frame: object, limit: int = 1_000) -> bytes:
    """A line of a capture in JSON lines: what was fetched from the REST address of a book."""
    url = f"https://dapi.binance.com/dapi/v1/depth?symbol={symbol}&limit={limit}"
    return (
        json.dumps({"t": "http", "ts": START_NS / 1e9, "url": url, "data": json.dumps(frame)}).encode()
        + b"\n"
    )


def snapshot(last: int, bids: Levels = ((99, 1),), asks: Levels = ((101, 1),)) -> dict[str, Any]:
    return {"lastUpdateId": last, "bids": _texts(bids), "asks": _texts(asks)}


def _texts(levels: Levels) -> list[list[str]]:
    return [[str(price), str(size)] for price, size in levels]


def capture(path: Path, frames: Iterable[object]) -> Path:
    """Write frames, or whole lines as bytes that end in a newline, into a capture; gzip by its suffix."""
    rows = [
        frame if isinstance(frame, bytes) and frame.endswith(b"\n") else line(index, frame)
        for index, frame in enumerate(frames)
    ]
    data = b"".join(rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def load(*paths: Path, market: str = "BTC-USDT") -> tuple[Events, Faults]:
    return load_events_with_faults(paths, venue="binance", market=market)
