"""Logs: one schema, one line an event, whoever reads it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from signalnode.logs import TEXT_CHARS_MAX, configure, logger


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_an_event_is_one_json_object_with_what_the_logger_carries() -> None:
    stream = io.StringIO()
    configure(stream)
    logger(market="BTC-USDT", epoch=3).warning("feed gap", missing=2, of=Path("a.gz"))
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("time")).utcoffset() == timedelta(0)
    assert event == {
        "level": "warning",
        "event": "feed gap",
        "market": "BTC-USDT",
        "epoch": 3,
        "missing": 2,
        "of": "a.gz",
    }


def test_logging_loads_nothing_that_only_a_panel_needs_and_takes_it_from_nobody() -> None:
    program = (
        "import sys, signalnode.logs; print('rich' in sys.modules)\n"
        "import rich, signalnode.logs; print(rich is sys.modules['rich'])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "True"]


def test_what_is_for_debugging_is_not_written() -> None:
    stream = io.StringIO()
    configure(stream)
    logger().debug("quiet")
    assert stream.getvalue() == ""


def test_a_line_break_or_a_flood_stays_one_bounded_line() -> None:
    stream = io.StringIO()
    configure(stream)
    logger().info("two\nlines", text="x" * (10 * TEXT_CHARS_MAX))
    (line,) = stream.getvalue().splitlines()
    assert len(line) < 2 * TEXT_CHARS_MAX
