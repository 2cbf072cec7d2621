"""Three real nodes, two below and one above that hears their digests: each of them is killed, and it heals.

Whatever is killed, no message of an older epoch is passed on, no market is shown fresh that nobody hears, and
nothing is decided or learnt twice.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from signalnode.aggregator.journal import read_journal
from signalnode.aggregator.kept import load
from signalnode.bus.curve import mark_as_node, new_keys, own_keys, secure_client
from signalnode.bus.sockets import receive
from signalnode.bus.topics import DECISION, HEARTBEAT, SCORE, VIEW
from signalnode.bus.wire import DecisionMessage, Heartbeat, MarketState, Score, ViewMessage, decode
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, pause
from tests.effort import PATIENCE_S
from tests.processes.test_node import SYNTHETIC, Node

GRANT = 1_764_230_400
STEP_MS = 250
SILENT_AFTER_S = 2.0
ONCE = """
from signalnode.strategies import Decision

class Once:
    def __init__(self):
        self.held = set()

    def state(self):
        return sorted(self.held)

    def restore(self, state, time_ns):
        self.held = set(state)

    def evaluate_opportunities(self, view):
        new = [market for market in view if market not in self.held]
        self.held.update(new)
        return [
            Decision(action="enter", markets=(m,), direction="long", strength=1.0, reasons=()) for m in new
        ]
"""


class Level(Node):
    """A node as a cluster makes them: of a shard, with CURVE and with few markets or none."""

    def __init__(
        self, folder: Path, keys: Path, shard: str, markets: tuple[str, ...] = (), extra: str = ""
    ) -> None:
        self._names = markets
        more = (
            f'keys_dir = "{keys}"\nsilent_after_s = {SILENT_AFTER_S}\nmeasure_step_ms = {STEP_MS}\n{extra}\n'
        )
        super().__init__(folder, extra=f'{more}[shard]\nname = "{shard}"\ngrant = {GRANT}\n')

    def write_market(self, name: str, seed: int) -> None:
        """Its own in the place of one of those that `Node` writes."""
        for own in self._names[seed : seed + 1]:
            path = self.config.parent / "markets" / f"{own}.toml"
            path.write_text(f"grant = {GRANT + 1}\n" + SYNTHETIC.format(name=own, seed=len(name)))

    def kill(self, name: str) -> None:
        os.kill(self.children()[name]["pid"], signal.SIGKILL)


class Ear:
    """Hears what leaves the upper one as it is, and holds each message against those before it."""

    def __init__(self, endpoint: str, keys: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        secure_client(self._socket, keys)
        for topic in (SCORE, HEARTBEAT, VIEW, DECISION):
            self._socket.subscribe(topic)
        self._socket.connect(endpoint)
        # The newest heard: of each market, of views (""), and of each market in them (behind a dot), which go
        # by digests, four a second, and so come a little after the streams.
        self.epochs: dict[str, int] = {}
        self.decided: list[str] = []
        self._moved: dict[str, tuple[tuple[int, int], int]] = {}  # where a market stood, and since when

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def until(self, holds: Callable[[ViewMessage], bool], what: str) -> ViewMessage:
        """The first view that holds; everything heard up to then is as it has to be."""
        until_ns = monotonic_ns() + int(PATIENCE_S * NS_PER_S)
        while monotonic_ns() < until_ns:
            if not self._socket.poll(100):
                continue
            message: Any = decode(receive(self._socket))
            if isinstance(message, DecisionMessage):
                self.decided += message.markets
            elif isinstance(message, Score | Heartbeat):
                self._newer(message.market, message.epoch)
            elif isinstance(message, ViewMessage):
                self._newer("", message.epoch)
                for name, market in message.markets.items():
                    self._looked(name, market, message.time_published_ns)
                if holds(message):
                    return message
        raise AssertionError(f"never: {what}")

    def _newer(self, market: str, epoch: int) -> None:
        assert epoch >= self.epochs.get(market, 0), f"an older epoch of {market or 'views'} was passed on"
        self.epochs[market] = epoch

    def _looked(self, name: str, market: MarketState, time_ns: int) -> None:
        """A fresh market was heard lately: its place in the stream has moved."""
        self._newer(f".{name}", market.epoch)
        place, since_ns = self._moved.get(name, ((-1, -1), 0))
        if (market.epoch, market.seq) != place:
            self._moved[name] = (market.epoch, market.seq), time_ns
        elif market.state == "fresh":  # a digest may be late by as much as the market, once more
            assert time_ns - since_ns < 2 * SILENT_AFTER_S * NS_PER_S, f"{name} is shown fresh, and is not"


class Levels:
    """The three, and who listens above."""

    def __init__(self, folder: Path) -> None:
        keys = folder / "keys"
        new_keys(keys)
        mark_as_node(keys)
        self.a = Level(self._folder(folder, "a"), keys, "shard-0001", ("ALPHA-USD",))
        self.b = Level(self._folder(folder, "b"), keys, "shard-0002", ("BETA-USD",))
        key, above = own_keys(keys)[0].decode(), self._folder(folder, "top")
        (above / "config").mkdir()
        (above / "config" / "mine.py").write_text(ONCE)
        (above / "config").rename(above / "mine")  # `Node` makes its own
        sources = ", ".join(f'"{each.endpoint} {key}"' for each in (self.a, self.b))
        strategy = f'[strategies.once]\nkind = "{above}/mine/mine.py:Once"'
        self.top = Level(above, keys, "layer5", (), f"sources = [{sources}]\n{strategy}")
        self.began_ns = monotonic_ns()
        self.ear = Ear(self.top.endpoint, keys)

    @staticmethod
    def _folder(folder: Path, name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    def both_fresh(self) -> ViewMessage:
        return self.ear.until(lambda view: states(view) == ["fresh", "fresh"], "both markets are fresh")

    def clear(self) -> None:
        self.ear.close()
        for each in (self.top, self.a, self.b):
            each.clear()


def states(view: ViewMessage) -> list[str]:
    return [each.state for _, each in sorted(view.markets.items())]


@contextlib.contextmanager
def kept_down(level: Level, name: str) -> Iterator[None]:
    """Kill a process of it, and hold its supervisor, so that nobody starts it again."""
    pid = level.children()[name]["pid"]
    level.process.send_signal(signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        yield
    finally:
        level.process.send_signal(signal.SIGCONT)


@pytest.fixture
def levels(tmp_path: Path) -> Iterator[Levels]:
    made = Levels(tmp_path)
    try:
        for each in (made.a, made.b, made.top):
            until_ns = monotonic_ns() + int(PATIENCE_S * NS_PER_S)
            while not each.is_answering():
                assert monotonic_ns() < until_ns, "a node never answered"
                pause(50 * NS_PER_MS)
        made.both_fresh()
        yield made
    finally:
        made.clear()


def test_whichever_of_three_is_killed_the_board_heals_and_nothing_is_told_twice(levels: Levels) -> None:
    ear = levels.ear

    with kept_down(levels.a, "aggregator"):  # a lower one: its markets run on, and nobody hears them
        ear.until(lambda view: states(view) == ["silent", "fresh"], "its market alone is shown silent")
    healed = levels.both_fresh()
    assert healed.markets["ALPHA-USD"].epoch == ear.epochs["ALPHA-USD"]  # none of it was started again

    with kept_down(levels.b, "BETA-USD"):  # an engine
        ear.until(lambda view: states(view)[1] in ("silent", "down"), "it is shown silent")
    before = ear.epochs["BETA-USD"]
    ear.until(lambda view: view.markets["BETA-USD"].epoch > before, "its next epoch")
    levels.both_fresh()

    before = ear.epochs[""]
    levels.top.kill("aggregator")  # the upper one
    ear.until(lambda view: view.epoch > before, "views of the next epoch")
    levels.both_fresh()

    assert sorted(ear.decided) == ["ALPHA-USD", "BETA-USD"]
    assert levels.top.end()[0] == 0
    directory = levels.top.folder / "state" / "aggregator"
    decided = [each.decision.markets for each in read_journal(directory)]
    assert sorted(decided) == [["ALPHA-USD"], ["BETA-USD"]]
    kept = load(directory / "outcomes.msgpack")
    assert kept is not None
    steps = (monotonic_ns() - levels.began_ns) / (STEP_MS * NS_PER_MS)
    for market, outcomes in kept.tables().items():
        seen = sum(each.seen for each in outcomes.deciles("momentum_long"))
        assert 0 < seen <= steps, f"{market}: {seen} outcomes in {steps} steps"
