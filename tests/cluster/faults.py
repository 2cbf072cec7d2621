"""The table of a cluster's faults, each made for real, with the seconds that it cost.

`python -m tests.cluster.faults [NAME ...]`, as root. Head and two workers in namespaces of their own, six
markets; a fourth host listens. docs/cluster.md has the figures of one run.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from signalnode.clock import NS_PER_S, monotonic_ns, pause
from tests.cluster.cluster import MARKETS, WAIT_S, Cluster, Heard, cluster
from tests.cluster.hosts import Host, why_not


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fault cost the markets that it hit: `back_s` until the first score of another start, the worst;
    `hole_s` the longest time without a score of any market; `warm` the least of the first
    scores, and the least before.
    """

    markets: int
    back_s: float
    hole_s: float
    warm: float
    warm_before: float

    def __str__(self) -> str:
        warm = f"warm {self.warm:.2f} for {self.warm_before:.2f} before"
        return f"{self.markets} markets: back in {self.back_s:.1f} s, {warm}; hole {self.hole_s:.2f} s"


def hit(made: Cluster, markets: set[str], since_ns: int, wait_s: float = 60.0) -> Cost:
    """Wait until each of these is heard in another epoch than before `since_ns`."""
    earlier = [each for each in made.heard() if each.time_ns < since_ns and not each.is_old]
    before = {each.market: each.epoch for each in earlier}
    warm_before = min({each.market: each.warm for each in earlier if each.market in markets}.values())

    def back() -> dict[str, Heard]:
        first: dict[str, Heard] = {}
        for each in made.heard(since_ns):
            if each.market in markets and each.epoch > before[each.market]:
                first.setdefault(each.market, each)
        return first

    made.until(lambda: back().keys() == markets, f"{sorted(markets)} back", wait_s)
    pause(NS_PER_S)
    found = back()
    slowest_s = max(each.time_ns - since_ns for each in found.values()) / NS_PER_S
    warm = min(each.warm for each in found.values())
    return Cost(len(markets), slowest_s, hole(made, markets, since_ns), warm, warm_before)


def hole(made: Cluster, markets: set[str], since_ns: int) -> float:
    """The longest time without a score of any of them, seconds."""
    worst = 0
    for market in markets:
        times = [
            each.time_ns
            for each in made.heard(since_ns - NS_PER_S)
            if each.market == market and not each.is_old
        ]
        worst = max([worst, *(after - before for before, after in pairwise(times))])
    return worst / NS_PER_S


def on(made: Cluster, host: Host) -> set[str]:
    return {market for market, address in made.homes().items() if address == host.address}


def worker_lost(made: Cluster) -> str:
    """A worker's power fails. Promise: scores again within 6 s, warm."""
    host = made.busiest()
    markets = on(made, host)
    began_ns = monotonic_ns()
    host.lose_power()
    cost = hit(made, markets, began_ns)
    made.begin_worker(host)
    return str(cost)


def partition(made: Cluster) -> str:
    """A worker is cut off for 15 s. Promise: within 15 s, nobody passes on both writers."""
    host = made.busiest()
    markets = on(made, host)
    began_ns = monotonic_ns()
    host.cut()
    cost = hit(made, markets, began_ns)
    pause(max(0, began_ns + 15 * NS_PER_S - monotonic_ns()))
    host.heal()
    pause(20 * NS_PER_S)
    old = [each for each in made.heard(began_ns) if each.is_old]
    two = (max(each.time_ns for each in old) - min(each.time_ns for each in old)) / NS_PER_S if old else 0.0
    return f"{cost}; after the cut was mended {len(old)} old scores were heard for {two:.1f} s and dropped"


def head_down(made: Cluster) -> str:
    """The head's power fails for 20 s. Promise: running markets unaffected."""
    began_ns = monotonic_ns()
    made.head.lose_power()
    pause(20 * NS_PER_S)
    worst = hole(made, set(MARKETS), began_ns)
    made.begin_head()
    return f"longest hole of any market {worst:.2f} s"


def worker_lost_without_head(made: Cluster) -> str:
    """A worker is lost while the head is down. Promise: 15 s after the head is back."""
    host = made.busiest()
    markets = on(made, host)
    made.head.lose_power()
    pause(3 * NS_PER_S)
    began_ns = monotonic_ns()
    host.lose_power()
    pause(5 * NS_PER_S)
    back_ns = monotonic_ns()
    made.begin_head()
    cost = hit(made, markets, began_ns)
    made.begin_worker(host)
    return f"{cost}; {cost.back_s - (back_ns - began_ns) / NS_PER_S:.1f} s after the head was switched on"


def disk_lost(made: Cluster) -> str:
    """The head's disk is lost. Promise: `cluster up` anew, markets warm from checkpoints."""
    began_ns = monotonic_ns()
    made.head.lose_power()
    shutil.rmtree(made.head.directory / "place" / "store")
    made.begin_head()
    up_ns = monotonic_ns()
    made.up()
    cost = hit(made, set(MARKETS), began_ns)
    return f"{cost}; {cost.back_s - (up_ns - began_ns) / NS_PER_S:.1f} s after `cluster up`"


def store_away(made: Cluster) -> str:
    """The store of checkpoints is away. Promise: markets run on, said loudly; moves start cold."""
    away = made.store.with_name("away")
    began_ns = monotonic_ns()
    made.store.rename(away)
    made.store.write_text("no directory")
    pause(4 * NS_PER_S)
    worst = hole(made, set(MARKETS), began_ns)
    said = [line for line in made.ask_quietly("status").splitlines() if "checkpoints" in line]
    made.store.unlink()
    away.rename(made.store)
    return f"longest hole {worst:.2f} s; status says: {said[0][:120] if said else 'NOTHING'}"


def drained(made: Cluster) -> str:
    """A worker is drained. Promise: at most 0.2 s a market."""
    host = made.busiest()
    markets = on(made, host)
    began_ns = monotonic_ns()
    answer = made.head.ask("drain", host.address, "--config", str(made.config), wait_s=WAIT_S)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    cost = hit(made, markets, began_ns)
    host.end()
    made.begin_worker(host)
    return str(cost)


def upgraded(made: Cluster) -> str:
    """A rolling upgrade: the settings of every shard change. Promise: at most 0.2 s a market."""
    made.config.write_text(made.config.read_text() + "view_interval_ms = 300\n")
    began_ns = monotonic_ns()
    made.up()
    return str(hit(made, set(MARKETS), began_ns, 90.0))


def engine_killed(made: Cluster) -> str:
    """An engine dies. Promise: as on one machine."""
    host = made.busiest()
    market = min(on(made, host))
    pids = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/comm")
        if path.read_text().strip() == market
    ]
    began_ns = monotonic_ns()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return f"{len(pids)} killed; {hit(made, {market}, began_ns)}"


def layer5_lost(made: Cluster) -> str:
    """Layer 5's host loses its power. Promise: begun elsewhere, the board whole in one heartbeat, and what it
    has learnt goes on, all but the last minute.
    """
    made.until(lambda: any(made.store.glob("layer5/*/*.bundle")), "outcomes shipped")
    address = made.heard(monotonic_ns() - 5 * NS_PER_S, "above")[-1].address
    host = next(worker for worker in made.workers if worker.address == address)
    began_ns = monotonic_ns()
    host.lose_power()

    def elsewhere() -> dict[str, int]:
        found: dict[str, int] = {}
        for each in made.heard(began_ns, "above"):
            if each.address != address:
                found.setdefault(each.market, each.time_ns)
        return found

    made.until(lambda: elsewhere().keys() == set(MARKETS), "Layer 5 elsewhere")
    times = elsewhere().values()
    before = {market: seen for at_ns, market, seen in made.learnt() if at_ns < began_ns}

    def after() -> dict[str, float]:
        return {market: seen for _, market, seen in reversed(made.learnt(min(times)))}

    made.until(lambda: after().keys() >= before.keys(), "outcomes of all markets")
    share = sum(after().values()) / max(1.0, sum(before.values()))
    made.begin_worker(host)
    first_s, span_s = (min(times) - began_ns) / NS_PER_S, (max(times) - min(times)) / NS_PER_S
    learnt = f"with {share:.0%} of what it had learnt ({sum(before.values()):.0f} moments)"
    return f"the first market through it after {first_s:.1f} s, the last {span_s:.1f} s later, {learnt}"


FAULTS = {
    "engine killed": engine_killed,
    "worker lost": worker_lost,
    "partition": partition,
    "drained": drained,
    "upgraded": upgraded,
    "store away": store_away,
    "head down": head_down,
    "worker lost without head": worker_lost_without_head,
    "disk lost": disk_lost,
    "layer5 lost": layer5_lost,
}


def main(names: list[str]) -> int:
    """Print the table."""
    if reason := why_not():
        print(f"cannot: {reason}", file=sys.stderr)
        return 1
    failed = 0
    with cluster() as made:
        for name in names or FAULTS:
            try:
                made.settle()
                print(f"{name:<26}{FAULTS[name](made)}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"{name:<26}FAILED: {error}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
