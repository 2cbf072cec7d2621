"""What lasts: a market that stands still, a score that never comes, a clock that was set."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from signalnode.aggregator.journal import read_journal
from signalnode.bus.wire import DecisionMessage, ViewMessage
from signalnode.files import replace_file
from tests.aggregator.conftest import DEADLINE_S, THRESHOLD, Scene, joined, stderr_of, until
from tests.bus.messages import now_moment, send

S = 1_000_000_000


def test_after_kill_9_of_the_aggregator_a_market_that_stands_still_is_fresh_again(scene: Scene) -> None:
    scene.configure("A")
    process = scene.start()
    publisher = scene.publisher("A")
    send(publisher)  # to nobody: heard when it is sent again
    with scene.subscribe(kinds=("score", "view")) as heard:
        for _ in range(2):

            def is_fresh(message: Any) -> bool:
                publisher.heartbeat(**now_moment())
                return isinstance(message, ViewMessage) and message.markets["A"].state == "fresh"

            view = until(heard, is_fresh)
            assert view.markets["A"].seq == publisher.seq == 1
            process.send_signal(signal.SIGKILL)
            process.wait(DEADLINE_S)
            process = scene.start()


def test_a_market_whose_newest_score_never_comes_is_named(scene: Scene) -> None:
    scene.configure("A", aggregator="silent_after_s = 0.5\nmessage_bytes_max = 1024\nview_interval_ms = 50")
    process = scene.start(sound_out_s=0.2)
    publisher = scene.publisher("A")
    send(publisher, scores={f"signal_{number:02d}": 50.0 for number in range(50)})
    with scene.subscribe(kinds=("view",)) as heard:

        def is_behind_for_long(message: Any) -> bool:
            publisher.heartbeat(**now_moment())
            return bool(message.markets["A"].state == "behind" and message.seq > 30)

        until(heard, is_behind_for_long)
    while "do not come" not in (line := process.stderr.readline()):  # type: ignore[union-attr]
        pass
    assert json.loads(line)["reason"] == "behind A"


def test_a_clock_that_is_set_changes_the_stamps_of_decisions_and_nothing_else(
    scene: Scene, tmp_path: Path
) -> None:
    wall = tmp_path / "wall"
    wall.write_text("0")
    scene.configure("A", aggregator="view_interval_ms = 20", strategies=THRESHOLD)
    process = scene.start(30.0, wall)
    publisher = scene.publisher("A")
    with scene.subscribe(kinds=("score", "decision", "view")) as heard:
        joined(heard, publisher)

        def is_fresh(message: Any) -> bool:
            send(publisher)
            return isinstance(message, ViewMessage) and message.markets["A"].state == "fresh"

        until(heard, is_fresh)  # the views before are of a market that was not heard yet
        level = 5.0
        for set_by_s in (0, 3_600, -3_600, 0):
            replace_file(wall, str(set_by_s).encode())  # the process never reads it half written
            level = 100.0 - level

            def is_of_the_new_time(message: Any, by_s: int = set_by_s, level: float = level) -> bool:
                send(publisher, scores={"momentum_long": level, "momentum_short": 0.0})
                if isinstance(message, ViewMessage):
                    assert message.markets["A"].state == "fresh"
                is_decision = isinstance(message, DecisionMessage)
                return is_decision and abs(message.time_published_ns - time.time_ns() - by_s * S) < 60 * S

            decision = until(heard, is_of_the_new_time)
            assert decision.action == ("enter" if level > 50 else "exit")
            (kept,) = list(read_journal(scene.directory / "state" / "aggregator"))[-1:]
            assert kept.decision == decision
            assert kept.view.time_published_ns == decision.time_published_ns
    process.send_signal(signal.SIGTERM)
    steps = [line["by_s"] for line in stderr_of(process) if line["event"].startswith("the clock was set")]
    assert [round(step) for step in steps] == [3_600, -7_200, 3_600]
