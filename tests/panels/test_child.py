"""One process in full: everything the supervisor keeps of it, and nothing that is not there."""

from __future__ import annotations

from typing import Any

from signalnode.panels.child import TRACEBACK_LINES_MAX, child_lines
from signalnode.panels.status import status_lines, with_ages_now

KILLED = {
    "time_ns": 1_786_276_801_000_000_000,
    "exit": "SIGKILL",
    "expected": False,
    "pid": 70,
    "restarts": 1,
    "peak_rss_bytes": 92_100_000,
    "cpu_s": 3.42,
    "traceback": "",
}
RAISED = {
    **KILLED,
    "exit": "exit 1",
    "pid": 69,
    "restarts": 0,
    "traceback": "Traceback\n  line\nValueError: no",
}
CHILD: dict[str, Any] = {
    "name": "BTC-USDT",
    "role": "engine",
    "state": "given_up",
    "wanted": "up",
    "pid": None,
    "restarts": 2,
    "reason": "gave up after 6 failures in 60 s, the last: exit 1",
    "next_s": 241.0,
    "log": "state/logs/BTC-USDT.log",
    "exits": [RAISED, KILLED],
}


def test_every_exit_is_a_line_with_the_newest_first() -> None:
    lines = child_lines(CHILD)
    at = lines.index("  ended, the newest first:")
    assert lines[at + 1].split("  ")[2:] == [
        "2026-08-09T12:00:01Z",
        "SIGKILL",
        "process 70, peak 92.1 MB, 3.4s of CPU, after 1 restart",
    ]
    assert "exit 1" in lines[at + 2]


def test_why_it_ended_stands_beside_how() -> None:
    lines = child_lines({**CHILD, "exits": [{**KILLED, "exit": "exit 12", "words": "no such market"}]})
    assert lines[-1].split("  ")[3] == "exit 12 (no such market)"


def test_the_last_traceback_is_shown_and_whose_it_is() -> None:
    lines = child_lines(CHILD)
    at = lines.index("  last traceback, of process 69:")
    assert lines[at + 1 :] == ["    Traceback", "      line", "    ValueError: no"]
    assert "  last traceback:" in child_lines({**CHILD, "exits": [KILLED, RAISED]})
    assert not [line for line in child_lines({**CHILD, "exits": [KILLED]}) if "traceback" in line]


def test_a_long_traceback_keeps_its_end() -> None:
    text = "\n".join(f"line {i}" for i in range(TRACEBACK_LINES_MAX + 3))
    lines = child_lines({**CHILD, "exits": [{**RAISED, "traceback": text}]})
    assert "    (3 lines before it)" in lines
    assert lines[-1] == f"    line {TRACEBACK_LINES_MAX + 2}"


def test_it_says_why_it_waits_and_until_when() -> None:
    heading, reason, *_ = child_lines(CHILD)
    assert heading == "BTC-USDT  engine, given up"
    assert reason.endswith("the last: exit 1; next try in 4m 01s")
    row = status_lines({"children": [CHILD]}, coloured=False)[-1]
    assert row.endswith("next try in 4m 01s")


def test_a_running_process_shows_its_life() -> None:
    up = {
        **CHILD,
        "state": "up",
        "pid": 71,
        "uptime_s": 65.0,
        "heard_s": 0.25,
        "score_age_s": 0.5,
        "seq": 9,
        "status": "live",
        "pss_bytes": 7_100_000,
        "cpu_s": 0.65,
        "cpu_share": None,
        "reason": "",
        "next_s": None,
    }
    (child,) = with_ages_now({"children": [up]})["children"]
    text = "\n".join(child_lines(child))
    assert "process  71, up 1m 05s" in text
    assert "score    0.8s ago, seq 9" in text, "its age grew since the last heartbeat"
    assert "memory   7.1 MB" in text
    assert "cpu      1.0%" in text, "since its start, for the first who asks"
    assert "reason" not in text


def test_one_that_never_ended_says_so() -> None:
    assert child_lines({"name": "A", "state": "up"})[-1] == "  never ended"


def test_one_that_was_stopped_says_by_whom() -> None:
    assert child_lines({"name": "A", "state": "down", "wanted": "down"})[0].endswith(
        "down, stopped by request"
    )


def test_a_strategy_that_fails_is_told_of_the_aggregator() -> None:
    told = ["mine fails, 3 in a row: KeyError: 'mid'"]
    child = {"name": "aggregator", "role": "aggregator", "state": "up", "failing": told}
    assert f"  strategy {told[0]}" in child_lines(child)
    assert status_lines({"children": [child]}, coloured=False)[-1].endswith(told[0])
    assert not [line for line in child_lines({**child, "failing": []}) if "strategy" in line]


HEALTH = {
    "trades": {"age_ms": 7_100, "venue_age_ms": 7_130, "limit_ms": 4_800, "gaps": 1, "snapshots": 0},
    "quotes": {"age_ms": 100, "venue_age_ms": None, "limit_ms": None, "gaps": 0, "snapshots": 2},
    "connection": 3,
    "clock_ms": -20,
    "reason": "trades silent for 7.1 s, over 4.8",
}


def test_a_live_markets_channels_are_shown_and_why_its_data_is_stale() -> None:
    child = {"name": "BTC-USD", "state": "up", "status": "stale", "health": HEALTH}
    lines = child_lines(child)
    at = lines.index("  data     stale: trades silent for 7.1 s, over 4.8")
    assert lines[at + 1 : at + 4] == [
        "  trades   7.1s ago, at most 4.8s; 1 gap",
        "  quotes   0.1s ago; 2 snapshots",
        "  venue    connection 3; events come -20 ms after its time",
    ]
    assert status_lines({"children": [child]}, coloured=False)[-1].endswith(str(HEALTH["reason"]))
