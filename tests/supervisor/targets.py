"""Small programs for supervised children: each `function(link, args) -> int`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from signalnode_supervisor.inside.link import Link

Args = Mapping[str, Any]


def _on_request() -> threading.Event:
    """Set by SIGTERM; to be there before anybody is told that the child is up."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    return stopped


def _until(stopped: threading.Event, link: Link, turn_s: float = 0.05) -> int:
    """Beat until then, and end with status 0."""
    count = 0
    while not stopped.is_set():
        count += 1
        link.beat(seq=count)
        signal.sigtimedwait([signal.SIGUSR1], turn_s)
    return 0


def steady(link: Link, args: Args) -> int:
    """Ready at once, beats, ends when asked."""
    stopped = _on_request()
    link.ready(epoch=args.get("epoch", 1))
    return _until(stopped, link)


def relieves(link: Link, args: Args) -> int:
    """Says whose place it takes, and whether that one lives."""
    stopped = _on_request()
    lives = link.relieves is not None and os.path.exists(f"/proc/{link.relieves}")
    link.ready(relieves=link.relieves, beside=lives)
    return _until(stopped, link)


def exits(link: Link, args: Args) -> int:
    """Ends at once with the given status, ready before or not, having said something or not."""
    if args.get("ready"):
        link.ready()
    print(args.get("say", ""), flush=True)
    return int(args["status"])


def raises(link: Link, args: Args) -> int:
    raise ValueError("the till is empty")


def never_ready(link: Link, args: Args) -> int:
    return _until(_on_request(), link)


def prepares(link: Link, args: Args) -> int:
    """Comes a little further in each beat, without an end, until SIGUSR1: then it is ready."""
    stopped, count = _on_request(), 0
    told = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: told.set())
    while not told.is_set() and not stopped.is_set():
        count += 1
        link.beat(progress=1.0 - 1.0 / count)
        told.wait(0.02)
    link.ready()
    return _until(stopped, link)


def stands_still(link: Link, args: Args) -> int:
    """Prepares, and comes no further than two fifths."""
    stopped = _on_request()
    while not stopped.is_set():
        link.beat(progress=0.4)
        stopped.wait(0.02)
    return 0


def stuck(link: Link, args: Args) -> int:
    """Says that it is ready, then loops for ever without a word."""
    link.ready()
    while True:
        time.monotonic_ns()


def deaf(link: Link, args: Args) -> int:
    """Ignores SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link.ready()
    while True:
        link.beat()
        time.sleep(0.02)


def talks_without_end(link: Link, args: Args) -> int:
    """Prints as fast as it can, and still beats."""
    stopped = _on_request()
    link.ready()
    count = 0
    while not stopped.is_set():
        count += 1
        print(f"line {count} " + "x" * 200)
        link.beat(seq=count)
    return 0


def says(link: Link, args: Args) -> int:
    """Prints what it is given, then waits."""
    for line in args["lines"]:
        print(line, flush=True)
    stopped = _on_request()
    link.ready()
    return _until(stopped, link)


def fills_memory(link: Link, args: Args) -> int:
    link.ready()
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))
        link.beat(mb=len(hoard))


def with_descent(link: Link, args: Args) -> int:
    """Leaves two grandchildren in sessions of their own, one executed and one forked twice."""
    program = "import time; time.sleep(600)"
    executed = subprocess.Popen([sys.executable, "-S", "-c", program], start_new_session=True)
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(writer, str(pid).encode())
            os._exit(0)
        time.sleep(600)
        os._exit(0)
    os.waitpid(between, 0)
    forked = int(os.read(reader, 16))
    stopped = _on_request()
    link.ready(grandchildren=[executed.pid, forked])
    return _until(stopped, link)


def tells_limits(link: Link, args: Args) -> int:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    stopped = _on_request()
    link.ready(nice=os.nice(0), cpus=sorted(os.sched_getaffinity(0)), files=files)
    return _until(stopped, link)


def prints_on_request(link: Link, args: Args) -> int:
    signal.signal(signal.SIGUSR2, lambda *_: print("as you wish", flush=True))
    stopped = _on_request()
    link.ready()
    return _until(stopped, link)


def labours(link: Link, args: Args) -> int:
    """Uses up whatever its processor gives; beats after each `beat_s` of that."""
    stopped = _on_request()
    link.ready()
    beaten_s = time.thread_time()
    while not stopped.is_set():
        if time.thread_time() - beaten_s > args["beat_s"]:
            beaten_s = time.thread_time()
            link.beat()
    return 0


def grows(link: Link, args: Args) -> int:
    """Takes memory without an end, once it gets SIGUSR1."""
    told = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: told.set())
    stopped = _on_request()
    link.ready()
    taken = []
    while not stopped.is_set():
        if told.wait(0.0 if taken else 0.02):
            taken.append(b"x" * 1_000_000)
    return len(taken)
