"""What `status` answers: the core's view of every child, with what the kernel knows of its process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalnode_supervisor.clock import monotonic_ns, spent_ns
from signalnode_supervisor.core.child import Child, Running
from signalnode_supervisor.core.lifecycle import Event
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.linux.procfs import children_of, pss_bytes, read_stat

SAMPLE_BUDGET_NS = 15 * 1_000_000  # of one answer: reading the memory of 200 processes takes longer than that
ROUND_NS = 10 * NS_PER_S  # unasked, each process is looked at this often
COST_SHARE = 0.005  # of a processor for that, at most: 500 processes of 2 ms have a round of 200 s
SAMPLE_FRESH_NS = 2 * NS_PER_S  # a younger sample is not taken again


@dataclass(slots=True)
class Sample:
    """Memory and processor use, at one time, of one process with those that it has begun."""

    pid: int
    at_ns: int = 0
    pss_bytes: int | None = None
    cpu_s: float | None = None
    cpu_share: float | None = None


class Samples:
    """The latest sample of each child, renewed oldest first within a budget of time."""

    def __init__(self) -> None:
        self.next_ns = 0
        self._by_name: dict[str, Sample] = {}

    def renew(
        self,
        children: Mapping[str, Child],
        *,
        budget_ns: int = SAMPLE_BUDGET_NS,
        fresh_ns: int = SAMPLE_FRESH_NS,
    ) -> None:
        """Take as many samples as fit into the budget, one at least; forget those of ended processes."""
        running = {name: child.pid for name, child in children.items() if child.pid is not None}
        self._by_name = {n: s for n, s in self._by_name.items() if running.get(n) == s.pid}
        for name, pid in running.items():
            self._by_name.setdefault(name, Sample(pid))
        begun_ns = now_ns = monotonic_ns()
        for sample in sorted(self._by_name.values(), key=lambda sample: sample.at_ns):
            if now_ns - begun_ns > budget_ns or (sample.at_ns and now_ns - sample.at_ns < fresh_ns):
                break
            _sample(sample, now_ns)
            now_ns = monotonic_ns()

    def tick(self, children: Mapping[str, Child], now_ns: int) -> None:
        """Take the one sample that is oldest, when it is time for it: each child's turn comes every ROUND_NS,
        or as often as COST_SHARE of a processor allows, on a busy machine too.
        """
        if now_ns < self.next_ns:
            return
        begun_ns = spent_ns()
        self.renew(children, budget_ns=0, fresh_ns=ROUND_NS // 2)
        cost_ns = spent_ns() - begun_ns
        self.next_ns = now_ns + max(ROUND_NS // max(1, len(children)), int(cost_ns / COST_SHARE))

    def of(self, name: str) -> Sample:
        return self._by_name.get(name) or Sample(0)


def _sample(sample: Sample, now_ns: int) -> None:
    """Of the process and those that it has begun itself: the aggregator's relates its markets."""
    seen = read_stat(sample.pid)
    if seen is None:
        return
    begun = children_of(sample.pid)
    cpu_s = seen.cpu_s + sum(each.cpu_s for pid in begun if (each := read_stat(pid)) is not None)
    if sample.cpu_s is not None and now_ns > sample.at_ns:  # one that has ended takes what it used with it
        sample.cpu_share = round(max(cpu_s - sample.cpu_s, 0.0) * NS_PER_S / (now_ns - sample.at_ns), 4)
    own = pss_bytes(sample.pid)
    sample.at_ns, sample.cpu_s = now_ns, cpu_s
    sample.pss_bytes = None if own is None else own + sum(pss_bytes(pid) or 0 for pid in begun)


def describe(child: Child, sample: Sample, now_ns: int) -> dict[str, Any]:
    """One child as `status` shows it. Times are seconds before now; facts the child tells are merged in."""
    running = child.running
    latest = running or child.previous
    own: dict[str, Any] = {
        "name": child.name,
        "role": child.spec.role,
        "state": str(child.state),
        "pid": child.pid,
        "epoch": latest.facts.get("epoch") if latest else None,
        "wanted": "up" if child.wanted else "down",
        "uptime_s": _seconds(now_ns - running.started_ns) if running else None,
        "heard_s": _seconds(now_ns - running.heard_ns) if running and running.heard_ns else None,
        "restarts": child.restarts,
        "pss_bytes": sample.pss_bytes if running else None,
        "cpu_s": sample.cpu_s if running else None,
        "cpu_share": _share(sample, running) if running else None,
        "sampled_s": _seconds(now_ns - sample.at_ns) if running and sample.at_ns else None,
        "progress": running.progress if running else None,
        "reason": child.reason,
        "next_s": _seconds(child.deadline_ns - now_ns) if _waits(child) and child.deadline_ns else None,
        "adopted": running is not None and running.adopted,
        "last_exit": child.last_exit,
    }
    facts = {key: value for key, value in running.facts.items() if key not in own} if running else {}
    return {**own, **facts}


def _share(sample: Sample, running: Running) -> float | None:
    """Between the last two samples; after the first since the start."""
    lived_ns = sample.at_ns - running.started_ns
    if sample.cpu_share is not None or sample.cpu_s is None or lived_ns <= 0:
        return sample.cpu_share
    return round(sample.cpu_s * NS_PER_S / lived_ns, 4)


def _waits(child: Child) -> bool:
    return child.deadline_event is Event.DUE and child.deadline_ns is not None


def own_facts(started_ns: int, now_ns: int, **more: Any) -> dict[str, Any]:
    """The supervisor's own part of the answer."""
    me = os.getpid()
    seen = read_stat(me)
    return {
        "pid": me,
        "uptime_s": _seconds(now_ns - started_ns),
        "pss_bytes": pss_bytes(me),
        "cpu_s": seen.cpu_s if seen is not None else None,
        **more,
    }


def _seconds(span_ns: int) -> float:
    return round(span_ns / NS_PER_S, 3)
