"""A reference: children of multiprocessing's fork server that do nothing but import numpy, zmq and numba.

A script of its own, as anybody would write it: the children's parent has loaded nothing else, and what
multiprocessing does in each child (it runs the main script again) is part of such a child. Prints one line of
JSON: PSS of an idle child in MB, median of N; kill -9 to its successor's word in ms, median of as many kills;
and what it took, in s, to start all N and to end them.

    python bare_child.py N
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path


def idle(line: Connection) -> None:
    """What a child does."""
    import numba  # noqa: F401
    import numpy  # noqa: F401
    import zmq  # noqa: F401

    line.send_bytes(b"up")
    while True:
        time.sleep(3600)


def start(context: ForkServerContext) -> BaseProcess:
    """A child that has said that it is up."""
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=idle, args=(theirs,))
    child.start()
    ours.recv_bytes()
    return child


def pss_mb(pid: int) -> float:
    """Proportional set size of one process, in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no Pss for {pid}")


def bare_children(count: int) -> dict[str, float]:
    """What this script prints, run in a process of its own."""
    out = subprocess.run([sys.executable, __file__, str(count)], check=True, capture_output=True).stdout
    facts: dict[str, float] = json.loads(out)
    return facts


def main(count: int) -> None:
    """Start `count` of them, weigh them, then kill and replace as many."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numpy", "zmq", "numba"])
    started = time.perf_counter()
    children = [start(context) for _ in range(count)]
    start_s = time.perf_counter() - started
    weight_mb = statistics.median(pss_mb(child.pid or 0) for child in children)
    times_ms = []
    for _ in range(count):
        victim = children.pop(0)
        started = time.perf_counter()
        os.kill(victim.pid or 0, signal.SIGKILL)
        wait([victim.sentinel])
        children.append(start(context))
        times_ms.append((time.perf_counter() - started) * 1e3)
        victim.join()
    started = time.perf_counter()
    for child in children:
        child.terminate()
    for child in children:
        child.join()
    facts = {"start_s": start_s, "stop_s": time.perf_counter() - started}
    print(json.dumps({"pss_mb": weight_mb, "respawn_ms": statistics.median(times_ms), **facts}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
