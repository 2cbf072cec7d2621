"""A child that waits for a processor is not one that hangs."""

from __future__ import annotations

import signal
from typing import Any

from signalnode_supervisor.core.messages import Log, Started, Tick
from signalnode_supervisor.core.starvation import NOTE_NS, CpuTime, Starved
from signalnode_supervisor.core.supervisor import TOO_SMALL
from signalnode_supervisor.durations import NS_PER_S
from tests.supervisor.core.test_supervisor import Desk, spec

PRESSED = 0.9


class Machine(Desk):
    """A core whose child `a`, up and silent, gets a share of a processor."""

    def __init__(self, **more: Any) -> None:
        super().__init__(spec(heartbeat_interval_s=1.0, heartbeats_missed_max=3, **more))
        self.ran_s = self.waited_s = 0.0
        self.said: list[str] = []

    def silence(
        self, length_s: float, *, share: float, wants: float = 1.0, pressure: float = PRESSED
    ) -> float:
        """Let so much time pass, with a tick at each deadline; for how long the child was left alone.

        It runs in `share` of the time, and waits in the rest of what it `wants`.
        """
        passed_s = 0.0
        while passed_s < length_s and not self.sent():
            due_ns = self.core.next_deadline_ns(self.now_ns)
            assert due_ns is not None
            step_s = (due_ns - self.now_ns) / NS_PER_S
            passed_s += step_s
            self.ran_s += share * step_s
            self.waited_s += max(0.0, wants - share) * step_s
            time = CpuTime(int(self.ran_s * NS_PER_S), int(self.waited_s * NS_PER_S), wants > 0)
            out = self.step(Tick({"a": time}, pressure), after_s=step_s)
            self.said += [
                one.fields["waiting"] for one in out if isinstance(one, Log) and one.event == TOO_SMALL
            ]
        return passed_s


def test_silence_on_a_machine_at_rest_is_a_hang_at_once() -> None:
    machine = Machine()
    machine.bring_up("a")
    assert machine.silence(60.0, share=0.0, wants=0.0, pressure=0.0) == 3.0
    assert machine.sent() == [("a", signal.SIGABRT)]


def test_one_that_sleeps_on_a_pressed_machine_is_found_after_one_more_look() -> None:
    machine = Machine()
    machine.bring_up("a")
    assert machine.silence(60.0, share=0.0, wants=0.0) == 6.0


def test_one_that_waits_for_a_processor_is_left_alone_and_the_node_says_so() -> None:
    machine = Machine()
    machine.bring_up("a")
    while machine.now_ns < 60 * NS_PER_S:
        machine.silence(1.0, share=0.01)
    assert machine.state("a") == "up"
    assert machine.said == ["a"]
    machine.say("a")
    assert machine.core.next_deadline_ns(machine.now_ns) == machine.now_ns + 3 * NS_PER_S


def test_one_whose_wait_the_kernel_has_not_added_up_yet_is_left_alone() -> None:
    machine = Machine()
    machine.bring_up("a")
    for _ in range(10):
        machine.step(Tick({"a": CpuTime(0, 0, runnable=True)}, PRESSED), after_s=3.0)
    assert machine.state("a") == "up"


def test_one_that_runs_for_ever_is_found_when_it_had_its_time_on_a_processor() -> None:
    machine = Machine()
    machine.bring_up("a")
    found_s = machine.silence(600.0, share=0.2)
    assert machine.sent() == [("a", signal.SIGABRT)]
    assert 3.0 / 0.2 * 0.8 < found_s < 3.0 / 0.2 * 1.5


def test_a_wait_without_an_end_ends_in_ten_minutes() -> None:
    machine = Machine()
    machine.bring_up("a")
    assert 600.0 < machine.silence(3600.0, share=0.0) < 1300.0


def test_a_start_that_waits_for_a_processor_is_not_late() -> None:
    machine = Machine(start_timeout_s=10.0)
    machine.step(Started("a", 1))
    assert machine.silence(25.0, share=0.01) >= 25.0
    assert machine.state("a") == "starting"


def test_the_starved_of_the_last_minute_are_told_once_a_minute() -> None:
    starved = Starved()
    for number in range(12):
        starved.add(f"m{number:02d}", 0)
    assert starved.note(1).endswith("m09 and 2 more")
    assert starved.note(2) == ""
    starved.add("late", NOTE_NS)
    assert starved.note(NOTE_NS + 1) == "late"
