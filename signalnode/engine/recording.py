"""What an engine process needs to record: its tape, where the settings ask for one, and how that begins."""

from __future__ import annotations

import hashlib

from signalnode.engine.core import SignalEngine
from signalnode.feeds.base import Feed
from signalnode.feeds.recorded.tape import Label, Tape
from signalnode.settings import MarketSettings, NodeSettings

LINEAGE_DIGITS = 8  # as `marks.lineage_key` keeps


def tape_of(node: NodeSettings, market: MarketSettings) -> Tape | None:
    """The tape of a market; None where nothing of it is recorded."""
    kinds = node.recorded_kinds(market.market)
    if not kinds:
        return None
    feed, symbol = market.feed, market.feed.symbol or market.market
    is_live = feed.kind == "live"
    if is_live and not feed.symbol:
        from signalnode.feeds.live.sessions import venue_of

        symbol = venue_of(feed.venue).symbol(market.market)
    label = Label(market.market, feed.venue, symbol, kinds, is_live)
    return Tape(node.market_state_dir(market.market), label, node.record.pipe_bytes_max)


def begin_tape(tape: Tape, engine: SignalEngine, feed: Feed, epoch: int) -> None:
    """Before the first turn, where the engine has its state and the feed its place."""
    position = feed.position
    if feed.live is not None:
        tape.begin(engine, epoch=epoch, floor_ns=int(position["time_ns"]))
        return
    what = repr(position.get("digest") or position.get("synthetic"))
    lineage = hashlib.sha256(what.encode()).hexdigest()[:LINEAGE_DIGITS]
    tape.begin(engine, epoch=epoch, floor_ns=engine.time_ns, lineage=lineage)
