"""A log entry as a line."""

from __future__ import annotations

import json

import pytest

from signalnode.panels.log import TEXT_CHARS_MAX, json_line, log_line

ENTRY = {
    "time": "2026-08-09T12:00:01.250Z",
    "level": "warning",
    "event": "restarting",
    "child": "A",
    "market": "A",
    "pid": 71,
    "reason": "",
}


def test_an_event_is_one_line_with_what_it_adds() -> None:
    assert log_line(ENTRY, coloured=False) == "2026-08-09 12:00:01.250Z warning restarting  pid=71"


def test_a_log_of_several_names_who_it_was() -> None:
    line = log_line(ENTRY, coloured=False, named=True)
    assert line == "2026-08-09 12:00:01.250Z warning A restarting  pid=71"
    assert log_line({"event": "ready"}, coloured=False, named=True).split() == ["info", "ready"]


def test_a_program_gets_one_object_whatever_an_entry_holds() -> None:
    line = json_line({**ENTRY, "line": "a\nb", "what": frozenset({1})})
    assert json.loads(line) == {**ENTRY, "line": "a\nb", "what": "frozenset({1})"}
    assert "\n" not in line


def test_what_a_process_printed_stands_as_it_was() -> None:
    entry = {
        "time": "2026-08-09T12:00:01.250Z",
        "level": "info",
        "event": "output",
        "line": "  File x, line 3",
    }
    assert log_line(entry, coloured=False) == "2026-08-09 12:00:01.250Z info      File x, line 3"


@pytest.mark.parametrize("bad", ["\033[2J", "a\nb", "\x9b2J", "\r"])
def test_what_a_process_printed_does_not_steer_the_terminal(bad: str) -> None:
    line = log_line({"event": "output", "line": bad, "more": bad}, coloured=False)
    assert line.isprintable()


def test_a_traceback_stands_below_its_entry_line_by_line() -> None:
    trace = 'Traceback:\n  File "x.py", line 3\n2026 info\033[2J fake\n'
    lines = log_line({**ENTRY, "trace": trace}, coloured=False).split("\n")
    assert lines[0] == log_line(ENTRY, coloured=False)
    assert lines[1:] == ["    Traceback:", '      File "x.py", line 3', "    2026 info�[2J fake"]
    assert "\n" not in json_line({**ENTRY, "trace": trace})


def test_a_terminal_shows_what_is_serious_in_colour() -> None:
    assert log_line(ENTRY, coloured=True).startswith("\033[33m")
    assert "\033" not in log_line({**ENTRY, "level": "info"}, coloured=True)


def test_an_endless_value_is_cut_and_counted() -> None:
    line = log_line({"event": "x" * (TEXT_CHARS_MAX + 5)}, coloured=False)
    assert line.endswith("… (5 more characters)")


def test_an_empty_entry_is_still_a_line() -> None:
    assert log_line({}, coloured=False).split() == ["info"]
