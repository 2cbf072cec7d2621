"""The one place that starts, signals and waits for children. It decides nothing, and says what it saw."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace

from signalnode_supervisor.clock import monotonic_ns, pause, wall_ns
from signalnode_supervisor.core.child import Exit
from signalnode_supervisor.core.liveness import decode, merged
from signalnode_supervisor.core.messages import Adopted, Ended, Input, Said, Started
from signalnode_supervisor.core.starvation import CpuTime
from signalnode_supervisor.durations import ns
from signalnode_supervisor.host.adoption import end_strays, find
from signalnode_supervisor.host.flow import LineFlow
from signalnode_supervisor.host.logbook import Logbook
from signalnode_supervisor.host.memory import Memory
from signalnode_supervisor.host.openfiles import FilesLeft
from signalnode_supervisor.host.output import Output
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.host.process import Family, Process
from signalnode_supervisor.host.spares import ForkServer, Spare
from signalnode_supervisor.linux import kernel
from signalnode_supervisor.linux.cgroup import Groups
from signalnode_supervisor.linux.oom import OomKills
from signalnode_supervisor.linux.procfs import (
    kill_marked,
    kill_orphans,
    make_mark,
    mark_of,
    own_children,
    read_stat,
    run_and_wait_ns,
    send_signal,
)
from signalnode_supervisor.settings import Settings
from signalnode_supervisor.spec import ChildSpec

BEAT_BYTES_MAX = 65_536  # a pipe's capacity: one read empties it
LAST_WORDS_READS_MAX = 4  # reads of the output pipe when a child has ended
STRANGER_WAITS_MAX = 20  # looks, 1 ms apart, for the exit status of a process that init reaps
FORK_SERVER = "forkserver"  # its name in the log


class Processes:
    """All processes. `emit` takes what happened; nothing here calls back into the core."""

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        memory: Memory,
        logbook: Logbook,
        *,
        groups: Groups,
        emit: Callable[[Input], None],
        run: str,
        on_fault: Callable[[str], None],
    ) -> None:
        self.family = Family()
        self._groups = groups
        self._settings = settings
        self._poller = poller
        self._memory, self._logbook = memory, logbook
        self._emit, self._run = emit, run
        self._keep = settings.on_supervisor_death == "keep"
        self._queue: list[ChildSpec] = []
        self._files = FilesLeft(logbook.note)
        self._oom_kills = OomKills()
        self._not_ours = frozenset(own_children())  # had before: somebody else waits for them
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._outputs: list[Output] = []
        self._fork_server_said: Output | None = None
        setup = {
            "preload": list(settings.preload),
            "keep": self._keep,
            "mark": run,
            "supervisor_pid": os.getpid(),
        }
        self.fork_server = ForkServer(poller, setup, self._assign, on_fault, self._fork_server_output)

    # what the core asks for

    def spawn(self, spec: ChildSpec) -> None:
        """Give it a process as soon as there is one; `Started` says so."""
        self._queue.append(spec)
        self._assign()

    def withdraw(self, name: str) -> None:
        self._queue = [spec for spec in self._queue if spec.name != name]
        self.fork_server.want(len(self._queue))

    def send(self, name: str, pid: int, number: int, *, descendants: bool) -> None:
        """Send a signal. A stopped process is woken, so that it gets what it is sent."""
        process = self.family.find(name, pid)
        if process is None:
            if descendants and mark_of(pid).partition("/")[0] == self._run:
                send_signal(pid, number)
            return
        try:
            process.killed |= number == signal.SIGKILL
            signal.pidfd_send_signal(process.pidfd, number)
            if number != signal.SIGKILL:
                signal.pidfd_send_signal(process.pidfd, signal.SIGCONT)
        except ProcessLookupError:
            return  # its end is already on its way to us
        if descendants:
            self._groups.kill(process.place)  # without groups they are ended when its own end is seen

    # what time and files bring

    def next_deadline_ns(self) -> int | None:
        times = [output.resume_ns for output in self._outputs if output.resume_ns is not None]
        later = (self.fork_server.next_deadline_ns(), self._files.look_ns)
        return min([*times, *(at_ns for at_ns in later if at_ns is not None)], default=None)

    def tick(self, now_ns: int) -> None:
        """Resume what was paused, restart a fork server that is due, end one that is stuck."""
        self._oom_kills.look(now_ns)  # after the deaths that this turn has seen
        for output in self._outputs:
            output.resume(now_ns)
        if self._files.look_ns is not None and self._files.look_ns <= now_ns:
            self._files.look_ns = None
            self._assign()
        done = self.fork_server.tick(now_ns)
        if done:
            self._logbook.note("warning", done)

    def read_beats(self) -> None:
        """Read all heartbeat pipes; of children that are up no heartbeat wakes the loop."""
        for process in self.family.all():
            self._read_beat(process)

    def cpu_times(self, names: Iterable[str]) -> dict[str, CpuTime]:
        """What these had of the processors so far, where the kernel counts it."""
        times = {}
        for name in names:
            process = self.family.newest.get(name)
            seen = read_stat(process.pid) if process is not None else None
            spent = run_and_wait_ns(seen.pid) if seen is not None else None
            if seen is not None and spent is not None:
                times[name] = CpuTime(*spent, runnable=seen.runnable)
        return times

    def reap(self) -> None:
        """A SIGCHLD came: wait for what is no child of the core's, and end what a dead child left behind."""
        known = {process.pid for process in self.family.all()} | self._not_ours
        for pid in own_children():
            if pid in known:
                continue
            try:
                reaped, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
            if reaped and pid == self.fork_server.pid:
                self._logbook.note("debug", "fork server ended", "", {"exit": str(_exit_of(status))})
            if reaped:
                self.fork_server.reaped(pid)
            elif not reaped and pid not in self.fork_server.pids:
                self._end_stray(pid)

    # adoption

    def adopt(self, specs: Mapping[str, ChildSpec]) -> tuple[Adopted, ...]:
        """Take over the living processes of an earlier supervisor; end what it left that nobody knows.

        Comes before the fork server's start: whatever bears the mark of this place then is a predecessor's.
        """
        found = []
        for name, run in self._memory.runs().items():
            one = find(name, run) if name in specs else None
            if one is None:
                self._memory.forget_run(name)
                continue
            output = self._output(specs[name], one.pid, one.output_file)
            process = Process(
                specs[name],
                one.pid,
                one.mark,
                one.start_ticks,
                one.started_ns,
                one.pidfd,
                one.beat_file,
                output,
                place=str(run.get("place") or name),
                adopted=True,
                ready=one.ready,
                facts=one.facts,
            )
            self._add(process)
            found.append(one.adopted())
        place = self._run.partition("-")[0] + "-"
        strays = end_strays(place, {process.mark: process.pid for process in self.family.all()})
        if strays:
            self._logbook.note(
                "warning", "ended processes that an earlier supervisor left", "", {"count": strays}
            )
        return tuple(found)

    # starting

    def _assign(self) -> None:
        """Give spares to those who wait, oldest first; none as long as files are short."""
        while self._queue and not self._files.are_short(len(self._queue), monotonic_ns()):
            if (spare := self.fork_server.take()) is None:
                break
            if self._make_child(spare, self._queue[0]):
                self._queue.pop(0)
        self.fork_server.want(len(self._queue) if self._files.look_ns is None else 0)

    def _make_child(self, spare: Spare, spec: ChildSpec) -> bool:
        mark = make_mark(self._run, spec.name, spare.pid).decode().rstrip()
        seen = read_stat(spare.pid)
        if seen is None or seen.dead:
            spare.line.close()
            return False
        output, output_far = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        beat, beat_far = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        limits, place, elder = asdict(spec.limits), *self.family.room(spec.name)
        if self._groups.enter(place, spare.pid, spec.limits.memory_max_bytes):
            limits["memory_max_bytes"] = None  # the group caps it, descendants included
        assignment = {
            "name": spec.name,
            "target": spec.target,
            "args": dict(spec.args),
            "heartbeat": [spec.heartbeat_interval_s, spec.heartbeats_missed_max],
            "limits": limits,
            "lock": str(self._memory.lock_path(place)),
            "relieves": elder.pid if elder is not None else None,
        }
        pidfd = os.pidfd_open(spare.pid)
        started_ns, watched = monotonic_ns(), self._output(spec, spare.pid, output)
        process = Process(
            spec, spare.pid, mark, seen.start_ticks, started_ns, pidfd, beat, watched, place=place
        )
        if self._keep:
            self._write_run(process)
        assigned = spare.assign(assignment, [self._null, output_far, beat_far])
        os.close(output_far)
        os.close(beat_far)
        self._add(process)
        self._emit(Started(spec.name, spare.pid))
        if not assigned:
            send_signal(spare.pid, signal.SIGKILL)  # its end is then an exit like any other
        return True

    def put_back(self) -> list[str]:
        """Write down again who runs, where somebody removed what adoption needs; a line on it."""
        gone = [
            p for p in self.family.newest.values() if self._keep and not self._memory.has_run(p.spec.name)
        ]
        for process in gone:
            self._memory.set_run(process.spec.name, process.run())
        return [f"what adoption needs of {len(gone)} children"] if gone else []

    def _write_run(self, process: Process) -> None:
        try:
            self._memory.set_run(process.spec.name, process.run())
        except OSError as error:  # a successor ends what is not written down, and starts it anew
            why = f"{error.strerror}: {error.filename}"
            self._logbook.note("error", "cannot be adopted", process.spec.name, {"reason": why})

    def _add(self, process: Process) -> None:
        self.family.add(process)
        self._poller.watch(process.pidfd, lambda: self._ended(process))
        if not process.ready:
            self._poller.watch(process.beat_file, lambda: self._read_beat(process))

    def _output(self, spec: ChildSpec, pid: int, file: int) -> Output:
        flow = LineFlow(self._settings.log_lines_per_s, self._settings.log_lines_burst_max)
        output = Output(
            self._poller, file, flow, self._logbook, name=spec.name, fields={**spec.labels, "pid": pid}
        )
        self._outputs.append(output)
        return output

    def _fork_server_output(self, file: int) -> None:
        flow = LineFlow(self._settings.log_lines_per_s, self._settings.log_lines_burst_max)
        os.set_blocking(file, False)
        self._outputs = [output for output in self._outputs if not output.closed]  # of earlier fork servers
        self._fork_server_said = Output(self._poller, file, flow, self._logbook, name=FORK_SERVER, fields={})
        self._outputs.append(self._fork_server_said)

    def fork_server_words(self) -> str:
        """What the fork server printed last, before it has loaded all."""
        said = None if self.fork_server.preloaded else self._fork_server_said
        return said.last_words() if said is not None else ""

    # hearing and ending

    def _read_beat(self, process: Process) -> None:
        try:
            data = os.read(process.beat_file, BEAT_BYTES_MAX)
        except BlockingIOError:
            return
        if not data:
            self._poller.unwatch(process.beat_file)  # closed by the child: its end or its silence tells
            return
        messages, process.pending = decode(process.pending, data)
        for message in merged(messages):
            if message.kind == "ready" and not process.ready:
                process.ready, process.facts = True, message.facts
                self._poller.unwatch(process.beat_file)
                if self._keep:
                    self._write_run(process)
            if "epoch" in message.facts:
                process.output.fields["epoch"] = message.facts["epoch"]
            self._emit(Said(process.spec.name, process.pid, message))

    def _ended(self, process: Process) -> None:
        """Its pidfd says that it is gone: hear its last words, reap it, leave none of its descendants."""
        exit_ = self._exit_status(process)
        if exit_ is None:
            return
        exit_ = replace(exit_, time_ns=wall_ns(), why=self._why(process, exit_))
        self._read_beat(process)
        for file in (process.pidfd, process.beat_file):
            self._poller.unwatch(file)
            os.close(file)
        for _ in range(LAST_WORDS_READS_MAX):
            process.output.read(monotonic_ns(), resuming=False)
        process.output.close(monotonic_ns())
        self._outputs = [output for output in self._outputs if output is not process.output]
        if self.family.remove(process) and self._keep:
            self._memory.forget_run(process.spec.name)
        if process.adopted:
            kill_marked(process.mark)  # what it left became init's child, not ours
        self._groups.kill(process.place)
        self._groups.leave(process.place)
        self.reap()
        traceback = "" if exit_.clean else process.output.flow.last_traceback()
        words = "" if exit_.code in (None, 0) or traceback else process.output.last_words()
        self._emit(Ended(process.spec.name, process.pid, exit_, traceback, words))

    def _why(self, process: Process, exit_: Exit) -> str:
        if exit_.signal != signal.SIGKILL:
            return ""
        if self._groups.is_out_of_memory(process.place):
            return "out of memory"
        return "as memory ran out" if not process.killed and self._oom_kills.lately() else ""

    def _exit_status(self, process: Process) -> Exit | None:
        if process.adopted:
            for _ in range(STRANGER_WAITS_MAX):
                status = kernel.wait_status_of_stranger(process.pidfd)
                if status is not None:
                    return _exit_of(status)
                pause(0.001)
            return Exit()
        try:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        except ChildProcessError:
            return Exit()
        if pid == 0:
            return None
        exit_ = _exit_of(status)
        return Exit(
            exit_.code, exit_.signal, usage.ru_maxrss * 1024, round(usage.ru_utime + usage.ru_stime, 3)
        )

    def _end_stray(self, pid: int) -> None:
        """An orphan came to us, the subreaper. It ends, unless the child that brought it forth lives."""
        seen, mark = read_stat(pid), mark_of(pid)
        if seen is None or seen.dead:
            return
        if mark == f"{self._run}/":
            return  # a spare that we have not heard of yet
        for process in self.family.all():
            if mark == process.mark or (not mark and seen.session == process.pid):
                return
        self._logbook.note(
            "warning", "ended a process that a child left behind", "", {"pid": pid, "mark": mark}
        )
        send_signal(pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of everything at the end: the fork server and the spares are gone when it returns."""
        self.fork_server.stop()
        deadline_ns = monotonic_ns() + ns(1.0)
        while self.fork_server.pids and monotonic_ns() < deadline_ns:
            self.reap()
            pause(0.002)
        self.fork_server.kill(signal.SIGKILL)
        while self.fork_server.pids:
            self.reap()
            pause(0.001)
        if not (self._keep and self.family.newest):
            kill_orphans(self._not_ours)
            kill_marked(f"{self._run}/")  # the last strays; the children too, should the loop have failed
        for output in self._outputs:
            output.close(monotonic_ns())
        os.close(self._null)


def _exit_of(status: int) -> Exit:
    if os.WIFSIGNALED(status):
        return Exit(signal=os.WTERMSIG(status))
    return Exit(code=os.WEXITSTATUS(status))
