"""The other processes of the bus benchmarks: who sends, who relays, who receives.

Every one prints a line when it is ready and goes on when it reads one, or ends when its input ends.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import zmq

from signalnode.bus.wire import SCORE_NAMES, Score, encode
from signalnode.names import scores_endpoint

DRAIN_MAX = 2_000


class Link:
    """A supervisor's link that nobody listens to."""

    def ready(self, **_facts: Any) -> None: ...

    def beat(self, **_facts: Any) -> None: ...


def markets(count: int) -> list[str]:
    """Names of that many markets."""
    return [f"M{number:03d}-USDT" for number in range(count)]


def score_of(market: str, seq: int, mid: float, values: Iterable[float], now_ns: int) -> Score:
    """A score of that market, with these values."""
    return Score(
        v=1,
        market=market,
        epoch=1,
        seq=seq,
        time_event_ns=now_ns,
        time_received_ns=now_ns,
        time_published_ns=now_ns,
        mid=mid,
        warm=1.0,
        status="live",
        scores=dict(zip(SCORE_NAMES, map(float, values), strict=True)),
    )


def configure(directory: Path, count: int, aggregator: str = "") -> Path:
    """A config with that many markets in `directory`; returns its path."""
    (directory / "markets").mkdir(exist_ok=True)
    for market in markets(count):
        text = f'market = "{market}"\n[feed]\nkind = "synthetic"\n'
        (directory / "markets" / f"{market}.toml").write_text(text)
    config = directory / "signalnode.toml"
    endpoint = f'endpoint = "ipc://{directory}/out"'
    config.write_text(f'runtime_dir = "."\nstate_dir = "state"\n[aggregator]\n{endpoint}\n{aggregator}\n')
    return config


def send(directory: Path, count: int, per_market: int, rate_hz: float) -> None:
    """Publish `per_market` scores on each of `count` sockets, at `rate_hz` in all.

    0 is as fast as possible.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 4_096)
    sockets = []
    for market in markets(count):
        socket = context.socket(zmq.PUB)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.bind(scores_endpoint(directory, market))
        sockets.append((market, socket))
    if rate_hz == 0:
        ready = [(socket, _score(m, seq)) for seq in range(1, per_market + 1) for m, socket in sockets]
        _ready()
        for socket, frames in ready:
            socket.send_multipart(frames)
    else:
        _ready()
        started, number = time.perf_counter(), 0
        for seq in range(1, per_market + 1):
            for market, socket in sockets:
                number += 1
                wait_s = started + number / rate_hz - time.perf_counter()
                if wait_s > 0:
                    time.sleep(wait_s)
                socket.send_multipart(_score(market, seq))
    _ready()
    for _, socket in sockets:
        socket.close(linger=0)
    context.term()


def receive_bare(directory: Path, count: int, total: int) -> None:
    """Receive and do nothing else; prints messages a second."""
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.RCVHWM, 0)
        sub.subscribe(b"")
        for market in markets(count):
            sub.connect(scores_endpoint(directory, market))
        poller = zmq.Poller()
        poller.register(sub, zmq.POLLIN)
        got = 0

        def turn() -> int:
            nonlocal got
            poller.poll(1_000)
            for _ in range(DRAIN_MAX):
                try:
                    sub.recv_multipart(1)
                except zmq.Again:
                    break
                got += 1
            return got

        _print_rate(turn, total)


def receive_full(directory: Path, count: int, total: int) -> None:
    """The aggregator itself, turn by turn; prints messages a second."""
    from signalnode import logs
    from signalnode.aggregator.process import Process
    from signalnode.settings import load_node

    config = configure(directory, count, "receive_queue_max = 1000000")
    logs.configure(io.StringIO())
    link = Link()
    with Process(load_node(config), config, logs.logger()) as process:

        def turn() -> int:
            process.turn(link)
            return process.core.taken

        _print_rate(turn, total)
        assert process.core.missed == 0


def relay_bare(directory: Path, count: int) -> None:
    """What goes in goes out, in plain pyzmq, until the input ends."""
    with zmq.Context() as context, context.socket(zmq.SUB) as sub, context.socket(zmq.XPUB) as xpub:
        sub.subscribe(b"")
        for market in markets(count):
            sub.connect(scores_endpoint(directory, market))
        xpub.bind(f"ipc://{directory}/out")
        poller = zmq.Poller()
        for each in (sub, xpub, sys.stdin.fileno()):
            poller.register(each, zmq.POLLIN)
        print("ready", flush=True)
        while True:
            ready = dict(poller.poll())
            if sys.stdin.fileno() in ready:
                return
            if xpub in ready:
                xpub.recv()
            while sub.poll(0):
                xpub.send_multipart(sub.recv_multipart())


def _score(market: str, seq: int) -> list[bytes]:
    values = (40.0 + (seq + place) % 13 for place in range(len(SCORE_NAMES)))
    return encode(score_of(market, seq, 100.0 + seq % 7 / 100, values, time.time_ns()))


def _print_rate(turn: Callable[[], int], total: int) -> None:
    print("ready", flush=True)
    while turn() == 0:
        pass
    first = turn()
    started = time.perf_counter()
    while (got := turn()) < total:
        pass
    print(json.dumps((got - first) / (time.perf_counter() - started)), flush=True)


def _ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    verb, where, *numbers = sys.argv[1:]
    {"send": send, "bare": receive_bare, "full": receive_full, "relay": relay_bare}[verb](
        Path(where), *(float(n) if "." in n else int(n) for n in numbers)
    )
