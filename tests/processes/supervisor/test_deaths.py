"""Who dies, and what becomes of the others."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signalnode_supervisor.core.starvation import PRESSURE_MIN
from signalnode_supervisor.errors import RequestRefused
from signalnode_supervisor.linux.pressure import CpuPressure
from tests.effort import PATIENCE_S, only_long
from tests.supervisor.harness import KILLED, Node, eventually, is_alive, spec

Make = Callable[..., Node]
NICE_MAX = 19
V1 = V2 = Path("/sys/fs/cgroup")  # where control groups are found


def test_a_killed_child_is_replaced_and_the_others_do_not_notice(node: Make) -> None:
    one = node(spec("a"), spec("b")).up()
    others_pid = one.pid("b")
    os.kill(one.pid("a"), signal.SIGKILL)
    assert one.until("ended", "a")["exit"] in KILLED
    one.until("up", "a")
    assert one.child("a")["restarts"] == 1
    assert one.pid("b") == others_pid


def test_all_killed_at_once_all_return(node: Make) -> None:
    names = [f"c{i}" for i in range(10)]
    one = node(*map(spec, names)).up()
    for name in names:
        os.kill(one.pid(name), signal.SIGKILL)
    one.all_up(*names)


def test_a_child_that_exits_at_once_is_given_up_and_start_gives_it_another_chance(node: Make) -> None:
    bad = spec("bad", "exits", args={"status": 3}, intensity=2, backoff_base_s=0.01, backoff_max_s=0.01)
    one = node(bad, spec("good")).start()
    reason = one.until("gave up", "bad")["reason"]
    assert "3 failures" in reason
    assert "exit 3" in reason
    assert one.child("bad")["state"] == "given_up"
    assert one.child("good")["state"] in ("up", "starting")
    outcome = one.ask("start", "bad")["children"]["bad"]
    assert outcome["state"] == "backing_off"
    assert len(one.child("bad")["exits"]) >= 4


def test_a_child_that_is_never_to_be_restarted_stays_down(node: Make) -> None:
    one = node(spec("once", "exits", args={"status": 1}, restart="never")).start()
    one.until("down", "once")
    assert one.child("once")["state"] == "down"
    assert one.child("once")["last_exit"]["code"] == 1


@pytest.mark.parametrize(
    "say", ["no market", '{"event": "cannot run", "reason": "no market", "level": "error"}']
)
def test_why_a_child_says_it_ends_is_its_reason(node: Make, say: str) -> None:
    one = node(spec("sad", "exits", args={"status": 12, "say": say}, restart="never")).start()
    one.until("down", "sad")
    words = "no market" if say == "no market" else "cannot run: no market"
    assert one.child("sad")["reason"] == f"exit 12: {words}"
    assert one.child("sad")["exits"][-1]["words"] == words


def test_an_exception_leaves_its_traceback_in_the_record(node: Make) -> None:
    one = node(spec("sad", "raises", restart="never")).start()
    one.until("down", "sad")
    record = one.child("sad")["last_exit"]
    assert record["code"] == 1
    assert record["traceback"].startswith("Traceback")
    assert record["traceback"].endswith("ValueError: the till is empty")


def test_a_target_that_does_not_exist_says_so(node: Make) -> None:
    one = node(spec("typo", "stedy", restart="never")).start()
    one.until("down", "typo")
    assert one.child("typo")["last_exit"]["code"] == 70
    assert "stedy" in one.child("typo")["last_exit"]["traceback"]


def test_the_fork_servers_death_is_noticed_and_no_child_is_touched(node: Make) -> None:
    one = node(spec("a")).executing().up()
    server, pid = one.ask("status")["supervisor"]["fork_server"]["pid"], one.pid("a")
    os.kill(server, signal.SIGKILL)
    one.until("fork server ended")
    one.until("starting the fork server")
    for _ in range(4):  # more than there are spares
        os.kill(one.pid("a"), signal.SIGKILL)
        one.until("up", "a")
    assert one.pid("a") != pid
    assert one.ask("status")["supervisor"]["fork_server"]["pid"] not in (None, server)


def test_a_fork_server_that_stands_still_is_replaced_and_no_child_is_touched(node: Make) -> None:
    one = node(*(spec(name) for name in "abcd")).up()
    server, pid = one.ask("status")["supervisor"]["fork_server"]["pid"], one.pid("d")
    os.kill(server, signal.SIGSTOP)
    for name in "abc":  # more than there are spares
        os.kill(one.pid(name), signal.SIGKILL)
    one.all_up("a", "b", "c")
    assert one.pid("d") == pid
    assert one.ask("status")["supervisor"]["fork_server"]["pid"] not in (None, server)


def test_a_dead_spare_is_passed_over(node: Make) -> None:
    one = node(spec("a")).up()
    pid = one.pid("a")
    spares = [p for p in one.left() if p not in (pid, one.ask("status")["supervisor"]["fork_server"]["pid"])]
    for spare in spares:
        with contextlib.suppress(ProcessLookupError):  # the one between two forks comes and goes
            os.kill(spare, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    one.until("ended", "a")
    one.until("up", "a")


def test_a_killed_supervisor_takes_everybody_with_it(node: Make) -> None:
    one = node(spec("a", "with_descent"), spec("b", "deaf")).up()
    assert len(one.left()) >= 5
    one.kill()
    eventually(lambda: one.left() == [], "everything gone")


def test_children_go_with_the_supervisor_even_when_nobody_cleans_up(node: Make) -> None:
    one = node(spec("a"), spec("b", "deaf")).up()
    pids = [one.pid("a"), one.pid("b")]
    os.kill(one.ask("status")["supervisor"]["fork_server"]["pid"], signal.SIGSTOP)
    one.kill()
    eventually(lambda: not any(map(is_alive, pids)), "the children gone")


def test_a_supervisor_killed_during_the_preload_leaves_nobody(node: Make) -> None:
    one = node(spec("a"), preload=["tests.supervisor.slow_preload"]).executing().start()
    one.until("output", line="preloading takes its time")
    one.kill()
    eventually(lambda: one.left() == [], "everything gone")


def test_what_cannot_be_preloaded_ends_the_start_in_one_line(node: Make) -> None:
    one = node(spec("a"), preload=["tests.supervisor.no_such_module"]).start()
    assert one.process is not None
    assert one.process.wait(PATIENCE_S) == 9
    assert one.errors().startswith("PreloadError: cannot preload tests.supervisor.no_such_module")
    assert one.left() == []
    assert list(one.runtime_dir.iterdir()) == []


def test_a_second_supervisor_is_refused_in_one_line(node: Make) -> None:
    one = node(spec("a")).up()
    assert one.process is not None
    first, pid = one.process, one.pid("a")
    one.start()
    assert one.process.wait(PATIENCE_S) == 9
    message = one.errors()
    assert message.count("\n") == 1
    assert f"(pid {first.pid})" in message
    one.process = first
    assert one.pid("a") == pid


def test_a_stopped_child_is_found_dumped_and_replaced(node: Make) -> None:
    one = node(spec("a", heartbeats_missed_max=5)).up()
    os.kill(one.pid("a"), signal.SIGSTOP)
    one.until("hung", "a")
    assert "SIGABRT" in one.until("ended", "a")["exit"]
    one.until("up", "a")
    assert "Fatal Python error: Aborted" in one.child("a")["last_exit"]["traceback"]


@only_long("two busy seconds, beside a stopped child that is dumped")
def test_a_stuck_child_leaves_the_stack_of_all_its_threads(node: Make) -> None:
    one = node(spec("a", "stuck", heartbeats_missed_max=5, restart="never")).up()
    one.until("hung", "a")
    one.until("down", "a")
    traceback = one.child("a")["last_exit"]["traceback"]
    assert "Current thread" in traceback
    assert "in stuck" in traceback


def test_a_child_that_never_gets_ready_is_ended_and_says_why(node: Make) -> None:
    one = node(spec("a", "never_ready", start_timeout_s=0.3, restart="never")).start()
    one.until("start timed out", "a")
    one.until("down", "a")
    assert "not ready in time" in one.child("a")["last_exit"]["exit"]


def test_a_child_that_fills_its_memory_meets_its_own_limit(node: Make) -> None:
    one = node(spec("a", "fills_memory", restart="never", limits={"memory_max_bytes": 50_000_000})).up()
    one.until("down", "a")
    record = one.child("a")["last_exit"]
    assert record["traceback"].endswith("MemoryError")
    assert record["peak_rss_bytes"] < 120_000_000


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group of either version whose processes may use 32 MB."""
    with control_group({V1 / "memory": "memory.limit_in_bytes", V2: "memory.max"}, "32000000") as group:
        if group is None:
            pytest.skip("no control group can be given a limit of memory here")
        yield group


@pytest.fixture
def slow_group() -> Iterator[Path | None]:
    """A control group of either version with a tenth of a processor, or none where there can be none.

    It outlives the node of the test that asks for it before that.
    """
    limits = {V1 / "cpu": "cpu.cfs_quota_us", V2: "cpu.max"}
    with control_group(limits, "10000") as group:  # of each 100,000 microseconds, unless told otherwise
        yield group


@contextlib.contextmanager
def control_group(limits: dict[Path, str], limit: str) -> Iterator[Path | None]:
    """A group with that limit, below the first of these places that has such a file."""
    made = (group for place, name in limits.items() if (group := _limited(place, name, limit)))
    group = next(made, None)
    try:
        yield group
    finally:
        if group is not None:
            eventually(lambda: _removed(group), "the group's processes gone")


def _limited(place: Path, name: str, limit: str) -> Path | None:
    group = place / f"test{os.getpid()}"
    with contextlib.suppress(OSError):
        group.mkdir()
        try:
            with (group / name).open("r+") as file:  # a directory of another kind has no such file
                file.write(limit)
        except OSError:
            group.rmdir()
            raise
        return group
    return None


def _removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def test_a_kill_for_want_of_memory_is_told_from_any_other(node: Make, small_group: Path) -> None:
    one = node(spec("a", "grows"), spec("b")).up()
    (small_group / "cgroup.procs").write_text(str(one.pid("a")))
    os.kill(one.pid("a"), signal.SIGUSR1)
    assert one.until("ended", "a")["exit"] == "SIGKILL, as memory ran out"
    one.until("up", "a")
    assert one.child("a")["last_exit"]["signal"] == signal.SIGKILL


def test_priority_processors_and_files_are_limited_as_asked(node: Make) -> None:
    limits = {"nice": 5, "cpu_affinity": [0], "files_max": 77}
    one = node(spec("a", "tells_limits", limits=limits)).up()
    shown = one.child("a")
    nice = min(os.nice(0) + 5, NICE_MAX)  # the run of these tests may be a polite one
    assert (shown["nice"], shown["cpus"], shown["files"]) == (nice, [0], 77)


def test_whoever_takes_the_name_of_a_living_child_is_turned_away(node: Make) -> None:
    """Two nodes that share their children's directory by mistake: still one process a child."""
    one = node(spec("a")).up()
    other = node(spec("a", restart="never"))
    other.runtime_dir.mkdir()
    (other.runtime_dir / "children").symlink_to(one.runtime_dir / "children")
    other.start()
    other.until("down", "a")
    assert other.child("a")["last_exit"]["code"] == 75
    assert one.child("a")["state"] == "up"


def test_unknown_names_are_refused_with_those_that_there_are(node: Make) -> None:
    one = node(spec("a"), spec("b")).up()
    for verb in ("status", "start", "stop", "restart"):
        with pytest.raises(RequestRefused, match="unknown: zz; known: a, b"):
            one.ask(verb, "zz")


def test_what_a_dead_child_left_behind_is_ended(node: Make) -> None:
    one = node(spec("a", "with_descent", restart="never"), spec("b")).up()
    left = one.child("a")["grandchildren"]
    assert all(map(is_alive, left))
    os.kill(one.pid("a"), signal.SIGKILL)
    one.until("down", "a")
    eventually(lambda: not any(map(is_alive, left)), "the grandchildren gone")
    assert one.child("b")["state"] == "up"


def test_a_child_that_gets_no_processor_is_left_alone_and_the_node_says_that_the_machine_is_too_small(
    slow_group: Path | None, node: Make
) -> None:
    """Each gets a quarter at most of a tenth of a processor, or of a whole one where nothing holds them back,
    whatever its niceness: sessions share by session.
    """
    more: dict[str, Any] = {
        "limits": {"cpu_affinity": [min(os.sched_getaffinity(0))]},
        "args": {"beat_s": 0.2},
    }
    one = node(*(spec(name, "labours", **more) for name in "xyz")).up()
    hold_back(slow_group, *map(one.pid, "xyz"))
    # Of a load that has just come the kernel knows nothing for up to two seconds.
    eventually(lambda: CpuPressure().look(0) > PRESSURE_MIN, "the machine pressed")
    # Silent for less, as long as it has a processor to itself.
    one.specs.append(spec("a", "labours", **more, heartbeat_interval_s=0.1, heartbeats_missed_max=3))
    one.write()
    one.ask("reload")
    pid = one.pid("a")
    hold_back(slow_group, pid)
    assert one.until("the machine is too small: children wait for a processor")["waiting"] == "a"
    assert one.ask("status")["supervisor"]["starved"] == ["a"]
    assert one.pid("a") == pid


def hold_back(group: Path | None, *pids: int) -> None:
    """What they have of the processor is little from here on, and the kernel counts that they want more."""
    for pid in pids if group is not None else ():
        (group / "cgroup.procs").write_text(str(pid))
