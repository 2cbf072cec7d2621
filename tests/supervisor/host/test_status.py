from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import Any

import pytest

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.messages import Adopted, Begin, Ended, Started, Tick
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.host import status
from signalnode_supervisor.host.status import ROUND_NS, Sample, Samples, describe
from signalnode_supervisor.linux.procfs import pss_bytes
from tests.supervisor.core.test_supervisor import Desk, spec


def shown(desk: Desk) -> dict[str, Any]:
    return describe(desk.core.children["a"], Sample(0), desk.now_ns)


def test_nothing_of_an_earlier_process_is_shown_of_the_next() -> None:
    desk = Desk(spec())
    pid = desk.bring_up("a")
    desk.say("a", epoch=7, seq=3)
    desk.step(Ended("a", pid, Exit(code=1)), after_s=100.0)
    desk.step(Tick())
    desk.step(Started("a", 2))
    desk.step(Tick(), after_s=1.0)
    entry = shown(desk)
    assert (entry["uptime_s"], entry["heard_s"], entry["epoch"]) == (1.0, None, None)
    assert "seq" not in entry
    desk.say("a", after_s=0.5)
    assert shown(desk)["heard_s"] == 0.0


def test_while_nothing_runs_the_latest_epoch_is_shown_and_nothing_else_of_it() -> None:
    desk = Desk(spec(intensity=0))
    pid = desk.bring_up("a")
    desk.say("a", epoch=7, seq=3)
    desk.step(Ended("a", pid, Exit(code=1)))
    entry = shown(desk)
    assert (entry["state"], entry["pid"], entry["epoch"]) == ("given_up", None, 7)
    assert (entry["uptime_s"], entry["heard_s"], entry["adopted"]) == (None, None, False)
    assert "seq" not in entry


def test_an_adopted_process_shows_what_it_said_to_the_supervisor_before() -> None:
    desk = Desk()
    found = Adopted("a", 7, spec().digest(), True, started_ns=0, heard_ns=5 * NS_PER_S, facts={"epoch": 3})
    desk.now_ns = 5 * NS_PER_S
    desk.step(Begin((spec(),), adopted=(found,)))
    entry = shown(desk)
    assert (entry["state"], entry["pid"], entry["adopted"], entry["epoch"]) == ("up", 7, True, 3)
    assert (entry["uptime_s"], entry["heard_s"]) == (5.0, 0.0)


def test_on_a_busy_machine_processes_are_looked_at_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the supervisor waits for a processor is no cost of a sample."""
    desk = Desk(spec())
    desk.step(Started("a", os.getpid()))
    waits = itertools.count(0, NS_PER_S)
    monkeypatch.setattr(status, "monotonic_ns", lambda: next(waits))
    samples = Samples()
    samples.tick(desk.core.children, 0)
    assert samples.next_ns < 2 * ROUND_NS


def test_what_a_process_uses_is_there_before_anybody_asks_with_its_age() -> None:
    desk = Desk(spec())
    desk.step(Started("a", os.getpid()))
    samples, begun_ns = Samples(), monotonic_ns()
    running = desk.core.children["a"].running
    assert running is not None
    running.started_ns = begun_ns - NS_PER_S
    samples.tick(desk.core.children, begun_ns)
    took_s = (monotonic_ns() - begun_ns) / NS_PER_S
    entry = describe(desk.core.children["a"], samples.of("a"), begun_ns + 60 * NS_PER_S)
    assert entry["pss_bytes"] > 0
    assert entry["cpu_share"] > 0
    assert 59.9 - took_s < entry["sampled_s"] <= 60.0
    assert samples.next_ns >= begun_ns + ROUND_NS


def test_what_a_process_has_begun_itself_counts_with_it() -> None:
    inner = "import subprocess, sys; print(flush=True); sys.stdin.read()"
    outer = (
        "import subprocess, sys\n"
        "with subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE) as begun:\n"
        "    begun.stdout.readline()\n"
        "    print(begun.pid, flush=True)\n"
    )
    desk = Desk(spec())
    with subprocess.Popen(  # and not this one, which shares its pages with whatever it forked
        [sys.executable, "-c", outer, inner], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        own, sample = pss_bytes(int(process.stdout.readline())), Samples()
        desk.step(Started("a", process.pid))
        sample.renew(desk.core.children)
        alone, both = pss_bytes(process.pid), sample.of("a").pss_bytes
        process.communicate()
    assert own is not None
    assert alone is not None
    assert both is not None
    assert both - alone > own // 2
