"""A real supervisor with real children, for tests: started, asked, killed, and swept away afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from signalnode_supervisor.control import request
from signalnode_supervisor.linux.procfs import kill_marked, pids_marked
from tests.effort import PATIENCE_S
from tests.forked import Forked
from tests.supervisor.forking import SO

# What a SIGKILL is called: kills for want of memory count for the whole machine, and another test has one.
KILLED = ("SIGKILL", "SIGKILL, as memory ran out")
PROGRAM = "import sys; from tests.supervisor.node import main; sys.exit(main())"


def spec(name: str, target: str = "steady", **more: Any) -> dict[str, Any]:
    """A child of `tests.supervisor.targets`, with quick timers; a busy machine is not to look like a hang."""
    quick = {"heartbeat_interval_s": 0.2, "heartbeats_missed_max": 100}
    return {"name": name, "target": f"tests.supervisor.targets:{target}", **quick, **more}


class Node:
    """One runtime directory and the supervisors that run on it, one after the other."""

    def __init__(self, *specs: dict[str, Any], **settings: Any) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="sv"))  # short: a socket's path has at most 107 bytes
        self.runtime_dir, self.state_dir = self.home / "run", self.home / "state"
        self.specs = list(specs)
        self.settings = {"preload": ["tests.supervisor.targets"], **settings}
        self.events: list[dict[str, Any]] = []
        # In an interpreter of its own, as a node is, and its fork server as well; forked, both are up sooner.
        self.from_nothing = self.serves_from_nothing = False
        self.process: Forked | subprocess.Popen[str] | None = None
        self._started: list[Forked | subprocess.Popen[str]] = []
        self._rest = b""

    # running it

    def write(self, **more: Any) -> Path:
        """Write the config that the node reads at its start and at each reload."""
        settings = {"runtime_dir": str(self.runtime_dir), "state_dir": str(self.state_dir), **self.settings}
        path = self.home / "config.json"
        path.write_text(json.dumps({"settings": settings, "specs": self.specs, **more}))
        return path

    def start(self, **environment: str) -> Node:
        path = {"PYTHONPATH": os.pathsep.join(sys.path)}
        words, variables = [str(self.write())], {**os.environ, **path, **environment}
        if self.from_nothing:
            command, pipe = [sys.executable, "-c", PROGRAM, *words], subprocess.PIPE
            self.process = subprocess.Popen(command, env=variables, stdout=pipe, stderr=pipe, text=True)
        else:
            program = PROGRAM if self.serves_from_nothing else SO + PROGRAM
            self.process = Forked(program, words, variables, small=True)
        self._started.append(self.process)
        self._rest = b""
        return self

    def executing(self) -> Node:
        """Have its fork servers executed."""
        self.serves_from_nothing = True
        return self

    def up(self) -> Node:
        """Start, and wait until every child has been up."""
        self.start()
        self.all_up(*(s["name"] for s in self.specs))
        return self

    def all_up(self, *names: str) -> None:
        """Wait until each of these has come up, in whatever order."""
        missing = set(names)
        while missing:
            missing.discard(self.until("up")["child"])

    def kill(self) -> None:
        """SIGKILL, as fate does it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def kill_softly(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def sweep(self) -> None:
        """Leave nothing of this test behind, whatever happened in it."""
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                pipe.close()
        kill_marked(self.place)
        shutil.rmtree(self.home, ignore_errors=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """It stands still meanwhile, so that what is done to its files one by one happens to it at once."""
        assert self.process is not None
        pid = self.process.pid
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: state_of(pid) == b"T", "it stands still")
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    # looking at it

    @property
    def place(self) -> str:
        """What the marks of all its processes begin with."""
        return hashlib.sha256(str(self.runtime_dir).encode()).hexdigest()[:8] + "-"

    def left(self) -> list[int]:
        """Pids of everything that was ever forked for it and still lives."""
        return pids_marked(self.place)

    def until(self, event: str, child: str | None = None, **fields: Any) -> dict[str, Any]:
        """The next event of this kind, waited for."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            for seen in self._more(deadline_s):
                wanted = {"event": event, **({"child": child} if child else {}), **fields}
                if all(seen.get(key) == value for key, value in wanted.items()):
                    return seen
        raise AssertionError(f"no {event!r} of {child or 'anybody'}; the last seen: {self.events[-5:]}")

    def _more(self, deadline_s: float) -> list[dict[str, Any]]:
        """Events one at a time, so that none is passed over."""
        assert self.process is not None
        file = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([file], [], [], max(0.0, deadline_s - time.monotonic()))
            data = os.read(file, 65_536) if ready else b""
            if not data:
                raise AssertionError(f"the node fell silent; the last seen: {self.events[-5:]}")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        self.events.append(json.loads(line))
        return self.events[-1:]

    def errors(self) -> str:
        assert self.process is not None
        return self.process.stderr.read()

    def ask(self, verb: str, *names: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        return request(self.runtime_dir / "control.sock", verb, names, timeout_s)

    def child(self, name: str) -> dict[str, Any]:
        """What `status` says of one child."""
        shown: dict[str, Any] = self.ask("status", name)["children"][0]
        return shown

    def pid(self, name: str) -> int:
        return int(self.child(name)["pid"])


def eventually(claim: Callable[[], bool], what: str) -> None:
    """Wait for something that the kernel does in its own time and no event tells."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline_s, f"never: {what}"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    return state_of(pid) not in (b"", b"Z", b"X")


def state_of(pid: int) -> bytes:
    """Its letter, as proc_pid_stat(5) has it; none of a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0]
    except OSError:
        return b""
