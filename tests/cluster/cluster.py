"""A cluster of real hosts that is up, and what a subscriber hears of it, for tests to break."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, pause
from tests.cluster.hosts import PORT, Host, Hosts
from tests.processes.test_node import SYNTHETIC

MARKETS = tuple(f"{letter}-USD" for letter in "ABCDEF")
WAIT_S = 310.0  # `cluster up` itself waits 300: a first start compiles, on a slow machine for long
LOOK_NS = 100 * NS_PER_MS
CONFIG = """[cluster]
head = "{head}:{port}"
checkpoints = "file://{store}"
shard_markets_max = 6
hosts_min = 2
ship_interval_s = 1.0

[aggregator]
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """A score, by the monotonic clock."""

    time_ns: int
    market: str
    epoch: int
    warm: float
    endpoint: str
    is_old: bool

    @property
    def address(self) -> str:
        """Of the host that said it."""
        return self.endpoint.removeprefix("tcp://").rpartition(":")[0]


class Cluster:
    """Head, workers and who listens, with the markets up."""

    def __init__(self, directory: Path, workers: int = 2) -> None:
        self.made = Hosts(directory, workers + 2)
        self.head, self.workers, self.ear = self.made.hosts[0], self.made.hosts[1:-1], self.made.hosts[-1]
        self.store = directory / "checkpoints"
        self.config = self.head.directory / "signalnode.toml"
        (self.head.directory / "markets").mkdir()
        text = CONFIG.format(head=self.head.address, port=PORT, store=self.store)
        self.config.write_text(text)
        for number, market in enumerate(MARKETS, 1):
            path = self.head.directory / "markets" / f"{market}.toml"
            path.write_text(SYNTHETIC.format(name=market, seed=number))
        self.listeners = [
            self.ear.watch(directory, pattern, into)
            for pattern, into in (("shard-*", "heard"), ("layer5", "above"))
        ]

    def begin(self) -> None:
        """Everything, until each market is heard."""
        self.begin_head()
        for worker in self.workers:
            self.begin_worker(worker)
        self.up()
        self.until(lambda: {each.market for each in self.heard()} == set(MARKETS), "every market heard")

    def begin_head(self) -> None:
        self.head.begin("head", "--config", str(self.config))
        token = self.head.directory / "place" / "token"
        self.until(token.exists, "a token")
        self.until(self._answers, "the head answers")

    def begin_worker(self, worker: Host) -> None:
        place = worker.directory / "place"
        place.mkdir(exist_ok=True)
        shutil.copy2(self.head.directory / "place" / "token", place / "token")
        worker.begin("join", f"{self.head.address}:{PORT}")

    def up(self) -> str:
        answer = self.head.ask("up", "--config", str(self.config), wait_s=WAIT_S)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def ask_quietly(self, *words: str) -> str:
        answer = self.head.ask(*words, "--config", str(self.config), wait_s=WAIT_S)
        return answer.stdout or answer.stderr

    def _answers(self) -> bool:
        said = self.ask_quietly("status")
        return "nothing is up" in said or said.startswith("cluster ")

    def heard(self, since_ns: int = 0, where: str = "heard") -> list[Heard]:
        """All scores since then that were heard, those dropped as old among them: of shards, or "above"."""
        found = []
        for line in (self.ear.directory / where).read_text().splitlines():
            words = line.split()
            is_old = words[0] == "old"
            if len(words) == 5 + is_old and int(words[is_old]) >= since_ns:
                time_ns, market, epoch, warm, endpoint = words[is_old:]
                found.append(Heard(int(time_ns), market, int(epoch), float(warm), endpoint, is_old))
        return found

    def learnt(self, since_ns: int = 0) -> list[tuple[int, str, float]]:
        """Time, market and moments that Layer 5 has seen of it, as its views told them since then."""
        lines = (line.split() for line in (self.ear.directory / "above").read_text().splitlines())
        told = [
            (int(words[1]), words[2], float(words[3]))
            for words in lines
            if words[0] == "learnt" and len(words) == 4
        ]
        return [each for each in told if each[0] >= since_ns]

    def homes(self) -> dict[str, str]:
        """Where each market was heard last, by address."""
        return {
            each.market: each.address for each in self.heard(monotonic_ns() - 5 * NS_PER_S) if not each.is_old
        }

    def until(self, holds: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
        end_ns = monotonic_ns() + int(wait_s * NS_PER_S)
        while not holds():
            assert monotonic_ns() < end_ns, f"never: {what}\n{self.told()}"
            pause(LOOK_NS)

    def busiest(self) -> Host:
        """The worker with most markets."""
        homes = list(self.homes().values())
        return max(self.workers, key=lambda worker: homes.count(worker.address))

    def settle(self) -> None:
        """Until both workers are there, each market gives scores and its checkpoints are shipped."""
        self.until(self._is_whole, "all is well")
        pause(3 * NS_PER_S)

    def _is_whole(self) -> bool:
        status = json.loads(self.ask_quietly("status", "--json") or "{}")
        hosts = [each for each in status.get("hosts", ()) if each["state"] == "up"]
        are_up = len(hosts) == len(self.workers) and all(each["shards"] for each in hosts)
        are_up = are_up and all(each["state"] == "up" for each in status["shards"])
        return are_up and status["ready"] == len(MARKETS) and not status["moving"] and not status["unplaced"]

    def told(self) -> str:
        """What the head and hosts said last."""
        lines = [self.head.said()[-2_000:]]
        for log in self.made.directory.glob("host-*/place/*.log"):
            lines += [str(log), *log.read_text("utf-8", "replace").splitlines()[-8:]]
        return "\n".join(lines)

    def clear(self) -> None:
        for listener in self.listeners:
            listener.kill()
            listener.wait()
        self.made.clear()


@contextlib.contextmanager
def cluster(workers: int = 2) -> Iterator[Cluster]:
    """One that is up, in a directory of its own."""
    directory = Path(tempfile.mkdtemp(prefix="sncl", dir="/tmp"))
    made = Cluster(directory, workers)
    try:
        made.begin()
        yield made
    finally:
        made.clear()
        shutil.rmtree(directory, ignore_errors=True)
