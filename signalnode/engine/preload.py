"""What every engine needs, loaded and rehearsed once in the fork server: the compiled kernel above all.

The first start on a machine compiles it and says so; later starts find it compiled. What has run here once, a
child finds ready in memory that it shares: neither its first score nor its size pays for it again.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from signalnode import clock, feeds, logs
from signalnode.bus import wire
from signalnode.bus.epoch import next_epoch
from signalnode.compiled.loader import compile_missing, is_cached, object_path
from signalnode.engine import process
from signalnode.engine.checkpoint import CheckpointFile
from signalnode.engine.core import SignalEngine
from signalnode.engine.message import pieces_of
from signalnode.engine.work import Work
from signalnode.feeds import ChannelHealth
from signalnode.files import hold_lock
from signalnode.settings import FeedSettings, MarketSettings, NodeSettings, engine_args, node_of

TURNS = 200  # enough that the interpreter has specialised the code of a turn
AGAIN = 10  # turns, with nothing else in the interpreter's cache of attributes


def preload() -> None:
    """Compile, or load what is compiled, and run an engine of a synthetic market in a temporary directory."""
    if not is_cached():
        started_ns = clock.monotonic_ns()
        compile_missing(partial(print, flush=True))
        seconds = (clock.monotonic_ns() - started_ns) / clock.NS_PER_S
        print(f"compiled in {seconds:.1f} s, kept as {object_path()}", flush=True)
    feeds.rehearse()
    for turns in (TURNS, AGAIN):
        with tempfile.TemporaryDirectory() as directory:
            _rehearse(Path(directory), turns)
        # It holds names of whatever was looked up so far, and a child that puts others in their place writes
        # to where the old names are. What the second time looks up it keeps.
        if turns == TURNS:
            sys._clear_type_cache()


def _rehearse(directory: Path, turns: int) -> None:
    """All that an engine process does, but for its sockets: no thread and no socket may outlive this."""
    logs.configure(io.StringIO())
    log = logs.logger(market="rehearsal")
    feed_settings = FeedSettings(kind="synthetic", events_per_s=1000.0)
    wanted = NodeSettings(
        runtime_dir=directory,
        state_dir=directory,
        markets_dir=directory,
        markets={"rehearsal": MarketSettings(market="rehearsal", feed=feed_settings)},
    )
    node = node_of(json.loads(json.dumps(engine_args(wanted, "rehearsal"))))
    market = node.markets["rehearsal"]
    hold_lock(node.lock_path_of(market.market)).release()
    engine, health = SignalEngine(market.market, market), ChannelHealth()
    engine.replay(feeds.synthetic_events(seed=1, count=100))
    engine = SignalEngine(market.market, market)
    feed = feeds.open_feed(market, directory)
    for _ in range(2):  # there is none to be read before
        next_epoch(directory, clock.NS_PER_S)
    file = CheckpointFile(directory, process.identity(engine, health))
    work = Work(engine, feed, health, node.engine, speed=1.0)
    work.start(0)
    for i in range(turns):
        turn = work.turn(i * 10 * clock.NS_PER_MS)
        # Either way of a message, at each turn: what is not specialised here each child would specialise.
        made: dict[str, Any] = {"v": wire.VERSION, "epoch": 1, "seq": i, "time_published_ns": 1}
        scores, standing = work.scores(), work.standing()
        made |= {"market": market.market, "scores": scores, "unknown": scores.unknown}
        message = wire.Score(**made, **standing._asdict())
        pieces_of(message)
        wire.encode(message)
        if turn.scores and not work.written(i, 1):
            work.learn(message)
        log.info("turn", status=standing.status)
    file.save(engine.state(), health.state.tobytes(), feed.position)
    checkpoint = file.load()
    if checkpoint is not None:
        feed.seek(checkpoint.position)
        engine.restore(checkpoint.state)
        health.restore(checkpoint.health)
    feed.close()
