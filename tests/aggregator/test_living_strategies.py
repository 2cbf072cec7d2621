"""What a real aggregator's strategies remember over `reload` and `kill -9`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from signalnode.bus.subscriber import Subscription
from signalnode.bus.wire import DecisionMessage, Message, ViewMessage
from tests.aggregator.conftest import DEADLINE_S, THRESHOLD, Scene, stderr_of
from tests.bus.messages import send

ONCE = """
from signalnode.strategies import Decision

class Once:
    def __init__(self, level=90.0):
        self.level, self.held = level, set()

    def evaluate_opportunities(self, view):
        new = [m for m, s in view.items() if s["momentum_long"] >= self.level and m not in self.held]
        self.held.update(new)
        return [
            Decision(action="enter", markets=(m,), direction="long", strength=1.0, reasons=()) for m in new
        ]
"""


class Play:
    """Two markets at `levels`, and what one strategy decided on them."""

    def __init__(self, scene: Scene, heard: Subscription, strategy: str) -> None:
        self.levels = {"A": 95.0, "B": 5.0}
        self.decided: list[tuple[str, str]] = []
        self._publishers = {market: scene.publisher(market) for market in "AB"}
        self._heard, self._strategy = heard, strategy

    def until(self, wanted: Callable[[Message], bool]) -> None:
        """Go on until a message is `wanted`."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            for market, publisher in self._publishers.items():
                send(publisher, scores={"momentum_long": self.levels[market], "momentum_short": 0.0})
            message = self._heard.receive(0.05)
            if isinstance(message, DecisionMessage) and message.strategy == self._strategy:
                self.decided.append((message.action, message.markets[0]))
            if message is not None and wanted(message):
                return
        raise AssertionError("it never came")

    def until_decided(self, market: str) -> None:
        """Go on until the strategy decides on `market`."""
        seen = len(self.decided)
        self.until(lambda _: market in [each for _, each in self.decided[seen:]])


def test_kill_9_of_the_aggregator_leaves_its_strategies_where_they_were(scene: Scene) -> None:
    scene.configure("A", "B", strategies=THRESHOLD)
    process = scene.start()
    with scene.subscribe(kinds=("decision", "view")) as heard:
        play = Play(scene, heard, "threshold")
        play.until_decided("A")
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE_S)
        scene.start()
        play.until(lambda m: isinstance(m, ViewMessage) and m.seq >= 4 and m.markets["A"].state == "fresh")
        play.levels["B"] = 95.0
        play.until_decided("B")
        play.levels["A"] = 5.0
        play.until_decided("A")
    assert play.decided == [("enter", "A"), ("enter", "B"), ("exit", "A")]


def test_a_strategy_without_state_enters_once_over_reloads_and_its_fresh_start_is_told(scene: Scene) -> None:
    mine = '[strategies.once]\nkind = "mine.py:Once"\n'
    (scene.directory / "mine.py").write_text(ONCE)
    scene.configure("A", "B", strategies=mine)
    process = scene.start()
    with scene.subscribe(kinds=("decision", "view")) as heard:
        play = Play(scene, heard, "once")
        play.until_decided("A")
        for code, other in ((ONCE, "ranking"), (f"# a word\n{ONCE}", "sniper")):
            (scene.directory / "mine.py").write_text(code)
            scene.configure("A", "B", strategies=f"{mine}[strategies.{other}]")
            process.send_signal(signal.SIGHUP)
            play.until(partial(is_asked, other))
        play.levels["B"] = 95.0
        play.until_decided("B")
    assert play.decided == [("enter", "A"), ("enter", "B")]
    process.send_signal(signal.SIGKILL)
    assert told(process) == []
    again = scene.start()
    again.send_signal(signal.SIGTERM)
    assert told(again) == [["once"]]


def is_asked(strategy: str, message: Message) -> bool:
    """Whether it is a view that `strategy` is asked at."""
    return isinstance(message, ViewMessage) and strategy in message.strategies


def told(process: Any) -> list[list[str]]:
    """The strategies of each line that says they begin anew; when the process has ended."""
    lines = stderr_of(process)
    return [line["strategies"] for line in lines if line["event"] == "strategies start afresh"]
