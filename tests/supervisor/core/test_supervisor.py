"""Single claims about the core; what holds in every order of things is in tests/simulation."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.liveness import ChildMessage
from signalnode_supervisor.core.messages import (
    Asked,
    Begin,
    Command,
    Ended,
    Halt,
    Reply,
    Said,
    Send,
    Spawn,
    Started,
    Tick,
)
from signalnode_supervisor.core.supervisor import Supervisor
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.settings import Settings
from signalnode_supervisor.spec import ChildSpec

HERE = Path("unused")


class Desk:
    """A core, and the time."""

    def __init__(self, *specs: ChildSpec, **settings: Any) -> None:
        self.core = Supervisor(Settings(runtime_dir=HERE, state_dir=HERE, **settings), random.Random(1))
        self.now_ns = 0
        self.pids = 0
        self.out = self.step(Begin(specs))

    def step(self, event: Any, after_s: float = 0.0) -> list[Command]:
        self.now_ns += int(after_s * NS_PER_S)
        self.out = self.core.step(event, self.now_ns)
        return self.out

    def spawned(self) -> list[str]:
        return [command.spec.name for command in self.out if isinstance(command, Spawn)]

    def bring_up(self, name: str) -> int:
        self.pids += 1
        self.step(Started(name, self.pids))
        self.say(name, "ready")
        return self.pids

    def say(self, name: str, kind: str = "beat", after_s: float = 0.0, **facts: Any) -> None:
        pid = self.core.children[name].pid
        assert pid is not None
        self.now_ns += int(after_s * NS_PER_S)
        self.step(Said(name, pid, ChildMessage(kind, self.now_ns, facts)))

    def state(self, name: str) -> str:
        return str(self.core.children[name].state)

    def sent(self) -> list[tuple[str, int]]:
        return [(command.name, command.signal) for command in self.out if isinstance(command, Send)]


def spec(name: str = "a", **more: Any) -> ChildSpec:
    return ChildSpec(name=name, target="x:y", **more)


def test_a_few_start_at_once_and_the_next_when_one_is_up() -> None:
    desk = Desk(spec("a"), spec("b"), spec("c"), starts_at_once_max=2)
    assert desk.spawned() == ["a", "b"]
    desk.bring_up("a")
    assert desk.spawned() == ["c"]


def test_a_slow_starter_gives_its_place_away() -> None:
    desk = Desk(spec("a"), spec("b"), starts_at_once_max=1, start_slot_s=0.5)
    desk.step(Started("a", 1))
    assert desk.core.next_deadline_ns(desk.now_ns) == NS_PER_S // 2
    desk.step(Tick(), after_s=0.5)
    assert desk.spawned() == ["b"]


def test_a_higher_order_waits_for_a_lower_one_but_not_for_ever() -> None:
    desk = Desk(spec("late", order=1), spec("early", order=0), order_wait_s=10.0)
    assert desk.spawned() == ["early"]
    desk.step(Tick(), after_s=10.0)
    assert desk.spawned() == ["late"]


def test_a_restart_waits_for_no_lower_order() -> None:
    desk = Desk(spec("late", order=1), spec("early", order=0), order_wait_s=10.0)
    desk.bring_up("early")
    pid = desk.bring_up("late")
    early = desk.core.children["early"].pid
    assert early is not None
    desk.step(Ended("early", early, Exit(code=1)))
    desk.step(Tick())
    desk.step(Ended("late", pid, Exit(code=1)))
    desk.step(Tick())
    assert desk.spawned() == ["late"]


def test_silence_for_three_heartbeats_is_a_hang_and_not_a_moment_earlier() -> None:
    desk = Desk(spec(heartbeat_interval_s=1.0, heartbeats_missed_max=3))
    desk.bring_up("a")
    desk.say("a", after_s=0.7)
    assert desk.core.next_deadline_ns(desk.now_ns) == desk.now_ns + 3 * NS_PER_S
    desk.step(Tick(), after_s=2.99)
    assert desk.state("a") == "up"
    desk.step(Tick(), after_s=0.01)
    assert desk.sent() == [("a", signal.SIGABRT)]


def test_a_supervisor_that_slept_blames_nobody_for_silence() -> None:
    desk = Desk(spec(heartbeat_interval_s=1.0))
    desk.bring_up("a")
    desk.step(Tick(), after_s=60.0)
    assert desk.state("a") == "up"
    desk.step(Tick(), after_s=3.0)
    assert desk.state("a") == "stopping"


def test_a_hang_that_outlives_its_abort_is_killed_with_its_descent() -> None:
    desk = Desk(spec(heartbeat_interval_s=1.0))
    pid = desk.bring_up("a")
    desk.step(Tick(), after_s=3.0)
    desk.step(Tick(), after_s=0.5)
    assert Send("a", pid, signal.SIGKILL, descendants=True) in desk.out


def test_a_heartbeat_of_an_earlier_process_counts_for_nothing() -> None:
    desk = Desk(spec())
    desk.bring_up("a")
    desk.step(Said("a", 99, ChildMessage("beat", desk.now_ns, {"seq": 5})))
    assert desk.core.children["a"].running.facts == {}


def test_a_child_that_lies_about_its_time_gains_nothing() -> None:
    desk = Desk(spec(heartbeat_interval_s=1.0))
    pid = desk.bring_up("a")
    desk.step(Said("a", pid, ChildMessage("beat", desk.now_ns + 10**15, {})))
    assert desk.core.next_deadline_ns(desk.now_ns) == desk.now_ns + 3 * NS_PER_S


def test_a_clean_end_that_is_to_be_repeated_uses_up_budget_too() -> None:
    desk = Desk(spec(intensity=1, restart="always"))
    for _ in range(2):
        pid = desk.bring_up("a")
        desk.step(Ended("a", pid, Exit(code=0)))
        if desk.state("a") == "backing_off":
            desk.step(Tick())
    assert desk.state("a") == "given_up"


def test_start_forgives_what_failed_before() -> None:
    desk = Desk(spec(intensity=0))
    pid = desk.bring_up("a")
    desk.step(Ended("a", pid, Exit(code=1)))
    assert desk.state("a") == "given_up"
    desk.step(Asked(1, "start", ("a",)))
    assert desk.spawned() == ["a"]
    assert desk.core.children["a"].history.failures_ns == ()


def test_a_reload_signals_a_child_that_asked_for_it_and_is_left_alone() -> None:
    desk = Desk(spec("a", reload_signal=signal.SIGHUP), spec("b"))
    desk.bring_up("a")
    desk.bring_up("b")
    desk.step(Asked(1, "reload", (), (spec("a", reload_signal=signal.SIGHUP), spec("b"))))
    assert desk.sent() == [("a", signal.SIGHUP)]
    desk.step(Asked(2, "reload", (), (spec("a", reload_signal=signal.SIGHUP, fingerprint="2"), spec("b"))))
    assert desk.sent() == [("a", signal.SIGTERM)]


def test_a_start_of_a_new_name_is_told_to_those_that_asked_for_it() -> None:
    told, deaf, new = spec("a", reload_signal=signal.SIGHUP), spec("b"), spec("new")
    desk = Desk(told, deaf)
    desk.bring_up("a")
    pid = desk.bring_up("b")
    desk.step(Asked(1, "start", ("new",), (told, deaf, new)))
    assert (desk.sent(), desk.spawned()) == ([("a", signal.SIGHUP)], ["new"])
    desk.step(Asked(2, "stop", ("b",)))
    desk.step(Ended("b", pid, Exit(code=0)))
    desk.step(Asked(3, "start", ("b",), (told, deaf, new)))
    assert (desk.sent(), desk.spawned()) == ([], ["b"]), "one that was there before is no news"


def test_what_changes_while_a_child_starts_it_is_told_when_it_is_up_and_once() -> None:
    told, new = spec("a", reload_signal=signal.SIGHUP), spec("new")
    desk = Desk(told)
    desk.step(Started("a", 1))
    desk.step(Asked(1, "start", ("new",), (told, new)))
    assert desk.sent() == []
    desk.say("a", "ready")
    assert desk.sent() == [("a", signal.SIGHUP)]
    desk.step(Ended("a", 1, Exit(code=1)))
    desk.step(Tick())
    desk.bring_up("a")
    assert desk.sent() == [], "a new process has read it all"


def test_while_stopping_every_request_is_answered_with_a_refusal() -> None:
    desk = Desk(spec())
    desk.bring_up("a")
    desk.step(Halt())
    (reply,) = desk.step(Asked(1, "start", ("a",)))
    assert isinstance(reply, Reply)
    assert reply.payload == {"ok": False, "error": "the supervisor is stopping"}


def test_who_ends_with_all_is_not_stopped_by_request() -> None:
    desk = Desk(spec("a"), spec("b"))
    for name in ("a", "b"):
        desk.bring_up(name)
    desk.step(Asked(1, "stop", ("b",)))
    assert desk.core.stopped == {"b"}
    desk.step(Halt())
    assert not desk.core.children["a"].wanted
    assert desk.core.stopped == {"b"}, "else what is put back on the disk keeps a down at the next start"


def test_requests_under_way_when_the_end_comes_are_answered() -> None:
    desk = Desk(spec(stop_grace_s=5.0))
    pid = desk.bring_up("a")
    desk.step(Asked(7, "restart", ("a",)))
    desk.step(Halt())
    desk.step(Ended("a", pid, Exit(code=0)))
    assert [command.request for command in desk.out if isinstance(command, Reply)] == [7]
    assert desk.core.finished


def test_a_given_up_child_gets_one_slow_try_and_no_new_budget() -> None:
    desk = Desk(spec(intensity=3, retry_s=300.0, backoff_first_s=0.0, backoff_base_s=0.0))
    for _ in range(4):
        pid = desk.bring_up("a")
        desk.step(Ended("a", pid, Exit(code=1)))
        if desk.state("a") == "backing_off":
            desk.step(Tick())
    assert desk.state("a") == "given_up"
    desk.step(Tick(), after_s=331.0)
    assert desk.spawned() == ["a"]
    pid = desk.bring_up("a")
    desk.step(Ended("a", pid, Exit(code=1)))
    assert desk.state("a") == "given_up"


def test_the_end_goes_from_the_highest_order_down_and_nobody_is_told_early() -> None:
    desk = Desk(spec("board", order=0, stop_grace_s=5.0), spec("engine", order=1, stop_grace_s=5.0))
    desk.bring_up("board")
    pid = desk.bring_up("engine")
    desk.step(Halt())
    assert desk.sent() == [("engine", signal.SIGTERM)]
    desk.step(Ended("engine", pid, Exit(code=0)), after_s=1.0)
    assert desk.sent() == [("board", signal.SIGTERM)]


def test_a_slow_end_does_not_cost_the_lower_order_its_say() -> None:
    desk = Desk(spec("board", order=0, stop_grace_s=5.0), spec("engine", order=1, stop_grace_s=5.0))
    desk.bring_up("board")
    desk.bring_up("engine")
    desk.step(Halt())
    desk.step(Tick(), after_s=4.0)
    assert desk.sent() == [("board", signal.SIGTERM)]
    desk.step(Tick(), after_s=1.0)
    assert set(desk.sent()) == {("engine", signal.SIGKILL), ("board", signal.SIGKILL)}


def test_a_sigterm_that_nobody_asked_for_is_mended_and_one_asked_for_is_not_a_failure() -> None:
    desk = Desk(spec(restart="on-failure"))
    ending = Exit(signal=signal.SIGTERM)
    desk.step(Ended("a", desk.bring_up("a"), ending))
    assert desk.state("a") == "backing_off"
    desk.step(Tick())
    pid = desk.bring_up("a")
    desk.step(Asked(1, "stop", ("a",)))
    desk.step(Ended("a", pid, ending, traceback="of something long ago"))
    last = desk.core.children["a"].last_exit
    assert desk.state("a") == "down"
    assert last is not None
    assert (last["exit"], last["expected"], last["traceback"]) == ("SIGTERM", True, "")


def test_an_end_before_anything_began_waits_for_nothing() -> None:
    desk = Desk(*(spec(name, order=order) for order, name in enumerate("abc")))
    desk.step(Halt())
    assert desk.core.finished


def test_the_exit_that_a_spec_excuses_is_not_held_against_its_child() -> None:
    desk = Desk(spec(intensity=1, excused_statuses=(14,), backoff_base_s=0.0))
    for _ in range(10):
        desk.step(Ended("a", desk.bring_up("a"), Exit(code=14)))
        assert desk.state("a") == "backing_off"
        desk.step(Tick())


def relieved(desk: Desk) -> tuple[int, int]:
    """Child "a" is asked for another process, which has begun: the pids of both."""
    elder = desk.bring_up("a")
    desk.step(Asked(1, "restart", ("a",), (desk.core.children["a"].spec,)))
    assert (desk.sent(), desk.spawned()) == ([], ["a"])
    desk.step(Started("a", 99))
    return elder, 99


def test_a_child_that_hands_over_ends_when_the_process_that_relieves_it_is_up() -> None:
    desk = Desk(spec(hands_over=True, stop_grace_s=5.0))
    elder, heir = relieved(desk)
    assert f"process {elder} goes on" in desk.core.children["a"].reason
    desk.say("a", "ready")
    assert desk.out[0] == Send("a", elder, signal.SIGTERM)
    assert any(isinstance(command, Reply) and command.payload["ok"] for command in desk.out)
    desk.step(Ended("a", elder, Exit(code=0)))
    assert (desk.state("a"), desk.core.children["a"].pid, desk.core.children["a"].restarts) == ("up", heir, 0)


def test_an_elder_that_does_not_end_is_killed_after_its_grace() -> None:
    desk = Desk(spec(hands_over=True, stop_grace_s=5.0, heartbeat_interval_s=0))
    elder, _ = relieved(desk)
    desk.say("a", "ready")
    assert desk.core.next_deadline_ns(desk.now_ns) == 5 * NS_PER_S
    assert desk.step(Tick(), after_s=5.0) == [Send("a", elder, signal.SIGKILL, descendants=True)]
    desk.step(Ended("a", elder, Exit(signal=9)))
    assert desk.core.next_deadline_ns(desk.now_ns) is None


def test_an_elder_goes_on_while_what_is_to_relieve_it_fails() -> None:
    desk = Desk(spec(hands_over=True, backoff_first_s=1.0))
    _, heir = relieved(desk)
    desk.step(Ended("a", heir, Exit(code=1)))
    assert (desk.state("a"), desk.sent()) == ("backing_off", [])
    desk.step(Tick(), after_s=1.0)
    assert desk.spawned() == ["a"]
    desk.step(Started("a", 100))
    desk.say("a", "ready")
    assert desk.sent() == [("a", signal.SIGTERM)]


def test_an_elder_that_dies_is_no_failure_of_what_comes() -> None:
    desk = Desk(spec(hands_over=True))
    elder, heir = relieved(desk)
    desk.step(Ended("a", elder, Exit(signal=9)))
    assert (desk.state("a"), desk.core.children["a"].pid, desk.spawned()) == ("starting", heir, [])
    desk.say("a", "ready")
    assert (desk.state("a"), desk.sent()) == ("up", [])


def test_a_stop_during_a_handover_ends_both_and_is_answered_when_both_are_gone() -> None:
    desk = Desk(spec(hands_over=True))
    elder, heir = relieved(desk)
    desk.step(Asked(2, "stop", ("a",)))
    assert sorted(command.pid for command in desk.out if isinstance(command, Send)) == [elder, heir]
    desk.step(Ended("a", heir, Exit(code=0)))
    assert not any(isinstance(command, Reply) and command.request == 2 for command in desk.out)
    desk.step(Ended("a", elder, Exit(code=0)))
    assert any(isinstance(command, Reply) and command.request == 2 for command in desk.out)
    assert desk.state("a") == "down"


def test_the_end_of_the_node_waits_for_elders() -> None:
    desk = Desk(spec(hands_over=True))
    elder, heir = relieved(desk)
    desk.step(Halt())
    desk.step(Ended("a", heir, Exit(code=0)))
    assert not desk.core.finished
    desk.step(Ended("a", elder, Exit(code=0)))
    assert desk.core.finished


def test_what_hangs_or_hands_over_already_is_restarted_as_any_other() -> None:
    desk = Desk(spec(hands_over=True))
    relieved(desk)
    desk.step(Asked(2, "restart", ("a",), (spec(hands_over=True),)))
    assert desk.sent() == [("a", signal.SIGTERM)], "the one that had begun; the elder goes on"
