"""What children print: tagged, kept, and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from signalnode_supervisor.logs import follow
from tests.supervisor.harness import PATIENCE_S, Node, eventually, spec

Make = Callable[..., Node]


def test_output_is_tagged_and_structured_lines_keep_their_keys(node: Make) -> None:
    lines = ["plain words", json.dumps({"event": "gap", "level": "warning", "venue": "x"})]
    one = node(spec("a", "says", args={"lines": lines}, labels={"market": "a"})).start()
    plain = one.until("output", "a")
    assert (plain["line"], plain["market"], plain["level"]) == ("plain words", "a", "info")
    gap = one.until("gap", "a")
    assert (gap["level"], gap["venue"]) == ("warning", "x")
    one.until("up", "a")
    assert one.stop() == 0
    logged = list(follow(one.state_dir / "logs" / "a.log"))
    assert [e["line"] for e in logged if e["event"] == "output"] == ["plain words"]
    assert all("time" in entry for entry in logged)


def test_a_child_that_prints_without_end_is_bounded_and_goes_on_working(node: Make) -> None:
    one = node(spec("a", "talks_without_end"), spec("b"), log_lines_per_s=20.0, log_lines_burst_max=50).up()
    first = one.child("a").get("seq", 0)  # up, and maybe not heard since
    left_out = one.until("lines left out", "a")
    assert left_out["count"] > 0
    eventually(lambda: one.child("a").get("seq", 0) > first, "heartbeats in spite of the flood")
    lines = sum(e["event"] == "output" and e["child"] == "a" for e in one.events)
    assert lines < 50 + 20.0 * PATIENCE_S
    assert one.child("b")["state"] == "up"


def size_of(path: Path) -> int:
    """Bytes; 0 while it is being changed for a new one."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_a_log_file_is_bounded_and_follow_reads_on_over_the_change(node: Make) -> None:
    one = node(
        spec("a", "talks_without_end"),
        log_file_bytes_max=20_000,
        log_lines_per_s=2000.0,
        log_lines_burst_max=2000,
    ).start()
    log = one.state_dir / "logs" / "a.log"
    eventually(log.exists, "a log")
    entries = list(islice(follow(log, lines_max=5, follow=True), 300))
    assert len(entries) == 300
    older = log.with_suffix(".log.1")
    assert older.exists()
    assert size_of(log) + size_of(older) < 3 * 20_000
