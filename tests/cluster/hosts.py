"""Hosts of a cluster on one machine: each a namespace for network, processes and mounts, on one switch.

A host loses its power at once with all that runs on it, and nobody hears it go.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, pause
from tests.effort import PATIENCE_S

ROOT = Path(__file__).parents[2]
NETWORK = "10.79.0"
PORT = 6379
RAY = Path("/tmp/ray")  # where Ray has its sockets; each host sees one of its own there
_MOUNTED = 'mount --bind "$0" /tmp/ray && exec "$@"'


def why_not() -> str:
    """Why there can be no hosts here; "" where there can."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return "hosts of one's own want root, iproute2 and util-linux"
    name = f"signalnode-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True, text=True)
    if tried.returncode:
        return f"no network namespaces here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


def run(*words: str) -> None:
    """A command that has to succeed."""
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_S)


class Host:
    """One machine. `name` is its namespace's; `directory` is its disk."""

    def __init__(self, number: int, directory: Path, switch: str) -> None:
        self.name, self.address = f"sn{os.getpid()}-{number}", f"{NETWORK}.{number}"
        self.directory, self._switch = directory, switch
        self._wire = f"snw{os.getpid() % 10_000}-{number}"
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "ray").mkdir(parents=True)
        RAY.mkdir(exist_ok=True)
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run(
            "ip",
            "-n",
            switch,
            "link",
            "add",
            self._wire,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.name,
        )
        run("ip", "-n", switch, "link", "set", self._wire, "master", "switch", "up")
        run("ip", "-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")

    def begin(self, *words: str) -> None:
        """Switch it on, to run `signalnode cluster` with these words."""
        run("ip", "-n", self._switch, "link", "set", self._wire, "up")
        entered = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        mounted = ["sh", "-c", _MOUNTED, str(self.directory / "ray")]
        with (self.directory / "out").open("ab") as out:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *entered, *mounted, *self._command(words)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.directory,
                env=_environment(self.directory),
            )

    def ask(self, *words: str, wait_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """`signalnode cluster` with these words, on that host."""
        return subprocess.run(
            ["nsenter", "-t", str(self._first()), "-n", "-m", "-p", *self._command(words)],
            check=False,
            capture_output=True,
            text=True,
            timeout=wait_s,
            cwd=self.directory,
            env=_environment(self.directory),
        )

    def _command(self, words: tuple[str, ...]) -> list[str]:
        place = str(self.directory / "place")
        return [sys.executable, "-m", "signalnode", "cluster", *words, "--dir", place]

    def watch(self, hosts: Path, pattern: str, into: str) -> subprocess.Popen[str]:
        """`tests.cluster.watching` on that host, which may be one that runs nothing else."""
        watching = [sys.executable, "-m", "tests.cluster.watching", str(hosts), pattern]
        with (self.directory / into).open("wb") as heard:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, *watching],
                stdin=subprocess.DEVNULL,
                stdout=heard,
                cwd=ROOT,
                env=_environment(self.directory),
                text=True,
            )

    def status(self) -> dict[str, Any]:
        """`cluster status --json`; empty where it fails."""
        answer = self.ask("status", "--json")
        found: dict[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 else {}
        return found

    def end(self) -> None:
        """Shut it down in order."""
        if self._process is not None and self._process.poll() is None:
            subprocess.run(["kill", "-TERM", str(self._first())], check=False)
            self._process.wait(PATIENCE_S)

    def lose_power(self) -> None:
        """All at once, and not a word of it on the wire."""
        self.cut()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def cut(self) -> None:
        """Pull its cable."""
        run("ip", "-n", self._switch, "link", "set", self._wire, "down")

    def heal(self) -> None:
        """Put the cable back."""
        run("ip", "-n", self._switch, "link", "set", self._wire, "up")

    def said(self) -> str:
        """What its command printed."""
        return (self.directory / "out").read_text("utf-8", "replace")

    def clear(self) -> None:
        """Leave nothing of it."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.lose_power()
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def _first(self) -> int:
        """The first process of its own namespace of processes."""
        assert self._process is not None
        number = self._process.pid
        until_ns = monotonic_ns() + int(PATIENCE_S * NS_PER_S)
        while monotonic_ns() < until_ns:
            children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
            if children:
                return int(children[0])
            pause(10 * NS_PER_MS)
        raise AssertionError(f"{self.name} never began: {self.said()}")


class Hosts:
    """`count` machines on a switch; number 1 is the head's."""

    def __init__(self, directory: Path, count: int) -> None:
        self._switch = f"sn{os.getpid()}-switch"
        run("ip", "netns", "add", self._switch)
        run("ip", "-n", self._switch, "link", "add", "switch", "type", "bridge")
        run("ip", "-n", self._switch, "link", "set", "switch", "up")
        run("ip", "-n", self._switch, "link", "set", "lo", "up")
        self.directory = directory
        self.hosts = [
            Host(number, directory / f"host-{number}", self._switch) for number in range(1, count + 1)
        ]

    @property
    def head(self) -> Host:
        """Where the coordinator is."""
        return self.hosts[0]

    def clear(self) -> None:
        """Leave nothing of them."""
        for host in self.hosts:
            host.clear()
        subprocess.run(["ip", "netns", "del", self._switch], check=False, capture_output=True)


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "XDG_CACHE_HOME", "LANG")}
    kept.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))  # one kernel for all of them
    paths = os.pathsep.join((str(ROOT), str(ROOT / "supervisor")))
    return kept | {"HOME": str(directory), "PYTHONPATH": paths}
