"""What every engine needs, loaded once in the fork server: the compiled kernel above all.

The first start on a machine compiles it and says so; later starts find it compiled.
"""

from __future__ import annotations

import signalnode.engine.process  # noqa: F401
from signalnode import clock, feeds
from signalnode.compiled import CACHE_DIR, is_cached
from signalnode.engine.core import SignalEngine


def preload() -> None:
    """Compile, or load what is compiled, by running it on a second of a synthetic market."""
    cold = not is_cached()
    if cold:
        print("compiling the kernel, once for this version: about ten seconds", flush=True)
    started_ns = clock.monotonic_ns()
    feeds.warm_up()
    events = feeds.synthetic_events(seed=1, count=100)
    engine = SignalEngine("preload")
    engine.replay(events[:50])
    engine.ingest(events[50:])
    engine.scores_at(engine.time_ns)
    if cold:
        seconds = (clock.monotonic_ns() - started_ns) / clock.NS_PER_S
        print(f"compiled in {seconds:.1f} s, kept in {CACHE_DIR}", flush=True)
