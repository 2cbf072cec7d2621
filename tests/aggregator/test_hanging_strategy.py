"""A strategy that does not come back, in a real aggregator process."""

from __future__ import annotations

import signal

from signalnode.bus.wire import DecisionMessage, ViewMessage
from tests.aggregator.conftest import DEADLINE_S, THRESHOLD, Scene, joined, stderr_of, until
from tests.bus.messages import send

STUCK = """
class Stuck:
    def evaluate_opportunities(self, view):
        while True:
            pass
"""

ALARMED = """
import os, signal, sys

class Alarmed:
    def evaluate_opportunities(self, view):
        reaction = signal.getsignal(signal.SIGTERM).__code__

        def wait_for_the_alarm(frame, event, _arg):
            while event == "call" and frame.f_code is reaction:
                pass

        sys.setprofile(wait_for_the_alarm)
        os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_strategy_that_hangs_is_reported_and_harms_neither_board_nor_neighbours(scene: Scene) -> None:
    (scene.directory / "stuck.py").write_text(STUCK)
    own = f'[strategies.stuck]\nkind = "stuck.py:Stuck"\n{THRESHOLD}'
    scene.configure("A", aggregator="strategy_budget_ms = 20.0", strategies=own)
    process = scene.start()
    publisher = scene.publisher("A")
    with scene.subscribe(kinds=("score", "decision", "view")) as heard:
        joined(heard, publisher)
        send(publisher, scores={"momentum_long": 99.0})
        until(heard, lambda m: isinstance(m, DecisionMessage))
        view = until(heard, lambda m: isinstance(m, ViewMessage))
    assert "longer than its budget" in view.strategies["stuck"]["error"]
    process.send_signal(signal.SIGTERM)
    process.wait(DEADLINE_S)
    reports = [line for line in stderr_of(process) if line.get("strategy") == "stuck"]
    assert reports[0]["event"] == "strategy lost its turn"
    assert "while True" in reports[0]["trace"]


def test_a_stop_is_not_lost_when_a_strategys_alarm_interrupts_the_reaction_to_it(scene: Scene) -> None:
    (scene.directory / "alarmed.py").write_text(ALARMED)
    own = '[strategies.alarmed]\nkind = "alarmed.py:Alarmed"\n'
    scene.configure("A", aggregator="strategy_budget_ms = 20.0", strategies=own)
    assert scene.start().wait(DEADLINE_S) == 0
