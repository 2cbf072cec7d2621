"""Logs: one schema, one line an event, whoever reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from signalnode.logs import TEXT_CHARS_MAX, configure, emitter, logger


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_program_gets_one_json_object_an_event_first_keys_first() -> None:
    stream = io.StringIO()
    configure(stream)
    logger(market="BTC-USDT", epoch=3).warning("feed gap", missing=2)
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert list(event) == ["time", "level", "event", "market", "pid", "epoch", "missing"]
    assert (event["level"], event["event"], event["market"], event["missing"]) == (
        "warning",
        "feed gap",
        "BTC-USDT",
        2,
    )
    assert event["time"].endswith("Z")


def test_a_terminal_gets_a_line_for_people() -> None:
    stream = Terminal()
    configure(stream)
    logger(market="BTC-USDT").error("feed gap", missing=2)
    assert "error" in stream.getvalue()
    assert "BTC-USDT feed gap" in stream.getvalue()
    assert "missing=2" in stream.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure(stream, level="warning")
    logger().info("quiet")
    assert stream.getvalue() == ""


def test_a_line_break_or_a_flood_stays_one_bounded_line() -> None:
    stream = io.StringIO()
    configure(stream)
    logger().info("two\nlines", text="x" * (10 * TEXT_CHARS_MAX))
    (line,) = stream.getvalue().splitlines()
    assert len(line) < 2 * TEXT_CHARS_MAX


def test_an_event_of_another_process_keeps_its_own_keys() -> None:
    stream = io.StringIO()
    emitter(stream)({"event": "child up", "child": "A", "pid": 7, "level": "error", "what": {1, 2}})
    event = json.loads(stream.getvalue())
    assert (event["pid"], event["level"]) == (7, "error")
