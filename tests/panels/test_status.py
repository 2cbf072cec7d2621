"""The table of `status`: a row a process, whatever the supervisor leaves out."""

from __future__ import annotations

import pytest

from signalnode.panels.child import child_lines
from signalnode.panels.status import duration, status_lines, tried, with_doubts

ANSWER = {
    "supervisor": {"pid": 7, "uptime_s": 3_725.0},
    "children": [
        {"name": "aggregator", "role": "aggregator", "state": "up", "pid": 8, "uptime_s": 5.0, "restarts": 0},
        {
            "name": "BTC-USDT",
            "role": "engine",
            "state": "backing_off",
            "status": "live",
            "pid": None,
            "restarts": 3,
            "pss_bytes": 7_100_000,
            "last_exit": {"exit": "SIGKILL", "expected": False},
            "reason": "again in 2 s",
        },
    ],
}


def test_each_process_has_a_row_under_one_heading() -> None:
    node, empty, heading, aggregator, engine = status_lines(ANSWER, coloured=False)
    assert node == "node 7 up 1h 02m, 1 of 2 processes up"
    assert empty == ""
    assert heading.split()[:5] == ["name", "state", "data", "pid", "uptime"]
    assert aggregator.split()[:5] == ["aggregator", "up", "-", "8", "5.0s"]
    assert engine.startswith("BTC-USDT    backing off  live    -")
    assert engine.endswith("SIGKILL    again in 2 s")
    assert "7.1 MB" in engine


def test_a_gateway_says_how_many_of_its_markets_are_heard_and_why_not_all() -> None:
    said = {
        "name": "gateway.dydx",
        "role": "gateway",
        "state": "up",
        "markets": 2,
        "heard": 0,
        "frames": 1_234,
    }
    told = {**said, "outage": "BTC-USD, and 1 more: lost: connection refused"}
    line = status_lines({"children": [told]}, coloured=False)[-1]
    assert line.startswith("gateway.dydx  up     0 of 2 heard  ")
    assert line.endswith("-          BTC-USD, and 1 more: lost: connection refused")
    lines = child_lines(told)
    assert "  data     0 of 2 heard: BTC-USD, and 1 more: lost: connection refused" in lines
    assert "  frames   1,234" in lines
    assert child_lines({**said, "heard": 2})[1:3] == ["  data     2 of 2 heard", "  frames   1,234"]


def test_a_gateway_that_waits_says_since_when_and_for_what() -> None:
    told = {"outage": "all 3: lost: connection refused", "outage_s": 41.2, "tries": 6, "next_try_s": 12.0}
    line = status_lines({"children": [{"name": "gateway.dydx", "heard": 0, **told}]}, coloured=False)[-1]
    assert line.endswith("all 3: lost: connection refused; for 41s, 6 tries, the next in 12s")
    assert tried(41.2, 6, 0.0) == "for 41s, 6 tries", "the next is under way"


def test_an_answer_that_lacks_everything_is_still_a_table() -> None:
    assert len(status_lines({"children": [{}]}, coloured=False)) == 4


def test_what_was_asked_for_does_not_look_like_a_crash() -> None:
    child = {"name": "A", "state": "down", "last_exit": {"exit": "exit 0", "expected": True}}
    assert status_lines({"children": [child]}, coloured=False)[-1].endswith("exit 0 as asked")


def test_a_node_that_still_loads_says_so() -> None:
    lines = status_lines({"supervisor": {"state": "preloading"}, "children": []}, coloured=False)
    assert "preloading (the first start compiles the kernel" in lines[0]


def test_a_terminal_gets_colours_and_a_pipe_none() -> None:
    assert "\033" in "".join(status_lines(ANSWER, coloured=True))
    assert "\033" not in "".join(status_lines(ANSWER, coloured=False))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-1.0, "0.0s"), (0.44, "0.4s"), (12.9, "12s"), (185.0, "3m 05s"), (100_000.0, "1d 03h")],
)
def test_a_duration_reads_at_a_glance(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_an_engine_of_which_layer_5_says_so_is_settling_and_one_with_a_fault_keeps_its_own_word() -> None:
    engines = [
        {"name": name, "status": status} for name, status in (("A", "live"), ("B", "stale"), ("C", "live"))
    ]
    whole = {"children": [*engines, {"name": "aggregator", "settling": ["A", "B"]}]}
    told = with_doubts({"children": engines}, whole)
    assert [child["status"] for child in told["children"]] == ["settling", "stale", "live"]


def test_a_layer_5_that_does_not_keep_up_says_so_and_of_which_markets() -> None:
    engines = [{"name": name, "status": "live"} for name in ("A", "B", "C")]
    layer5 = {"name": "aggregator", "role": "aggregator", "behind": ["A", "B"], "behind_markets": 2}
    answer = {"children": [*engines, layer5]}
    told = with_doubts(answer, answer)
    assert [child.get("status") for child in told["children"]] == ["behind", "behind", "live", None]
    shown = status_lines(told, coloured=False)
    assert any("2 markets behind" in line for line in shown if line.startswith("aggregator"))
    assert "2 markets behind" in "\n".join(child_lines(told["children"][-1]))
