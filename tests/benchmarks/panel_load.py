"""The other processes of the panel's benchmark: a made-up node, the panel, browsers' ends, and what the page
would cost if each score went to each browser.

Every one prints a line when it is ready, and ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import struct
import sys
import threading
import time
from typing import Any

import msgpack
import zmq

from signalnode.bus.wire import SCORE_NAMES, MarketState, ProcessState, Score, ViewMessage, encode
from signalnode.panels.web.board import BOARD
from tests.benchmarks.bus_load import Link, markets, score_of

VIEWS_HZ, SCORES_HZ = 4, 10
DRAIN_MAX = 100  # so that browsers get their turn on a busy machine
UP = ProcessState(state="up", restarts=0, why="")


def made_view(seq: int, count: int) -> ViewMessage:
    """A view of that many markets, whose scores change from one to the next."""
    names = markets(count)
    return ViewMessage(
        v=1,
        epoch=1,
        seq=seq,
        time_published_ns=time.time_ns(),
        markets={
            name: MarketState(
                state="fresh",
                age_s=0.1,
                epoch=1,
                seq=seq,
                mid=100.0 + (seq * 7 + place) % 13,
                warm=1.0,
                scores={
                    each: float((seq * 11 + 31 * place + 17 * at) % 101)
                    for at, each in enumerate(SCORE_NAMES)
                },
                process=UP,
            )
            for place, name in enumerate(names)
        },
        regime={"trending": 40.0, "mean_reverting": 30.0, "turbulent": 20.0, "quiet": 10.0},
        measures={},
        relations=[],
        strategies={},
    )


def node(endpoint: str, count: int) -> None:
    """Publish views and every market's scores, as the aggregator does."""
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(endpoint)
        _ready()
        began, views, scores = time.monotonic(), 0, 0
        while not _over():
            elapsed = time.monotonic() - began
            if elapsed * VIEWS_HZ >= views:
                views += 1
                socket.send_multipart(encode(made_view(views, count)))
            if elapsed * SCORES_HZ >= scores:
                scores += 1
                for name in markets(count):
                    socket.send_multipart(encode(_score(name, scores)))
            time.sleep(0.005)


def _score(market: str, seq: int) -> Score:
    values = ((seq * 11 + 17 * at) % 101 for at in range(len(SCORE_NAMES)))
    return score_of(market, seq, 100.0, values, time.time_ns())


def panel(args: str) -> None:
    """The panel's own process."""
    from signalnode.panels.web.process import main

    class Ready(Link):
        def ready(self, **_facts: Any) -> None:
            _ready()

    sys.exit(main(Ready(), json.loads(args), list))


def forwarding(endpoint: str, port: int) -> None:
    """What hears every score and sends each to every browser, as text."""
    import uvloop

    uvloop.run(_forwarding(endpoint, port))


async def _forwarding(endpoint: str, port: int) -> None:
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.subscribe(b"score.")
    socket.connect(endpoint)
    clients: set[ServerConnection] = set()

    async def serve_client(connection: ServerConnection) -> None:
        clients.add(connection)
        await connection.wait_closed()
        clients.discard(connection)

    async with serve(serve_client, "127.0.0.1", port, compression=None):
        _ready()
        while True:
            await asyncio.sleep(0.01)
            for _ in range(DRAIN_MAX):
                if not socket.poll(0):
                    break
                message = msgpack.unpackb(socket.recv_multipart()[1])
                broadcast(clients, json.dumps(message))


def browsers(url: str, count: int) -> None:
    """Connections that read all that they are sent; prints of one of them frames and bytes a second, and how
    long after its view a frame came, but for one in twenty.
    """
    asyncio.run(_browsers(url, count))


async def _browsers(url: str, count: int) -> None:
    from websockets.asyncio.client import ClientConnection, connect

    read_bytes = [0] * count
    read_frames = [0] * count
    late_ms: list[float] = []

    async def read(connection: ClientConnection, place: int) -> None:
        seen = 0
        async for message in connection:
            read_bytes[place] += len(message)
            read_frames[place] += 1
            if not isinstance(message, bytes) or message[0] != BOARD:
                continue
            seen += 1
            await connection.send(json.dumps({"seen": seen}))  # as the page does
            if place == 0:
                late_ms.append(time.time() * 1e3 - struct.unpack_from("<d", message, 8)[0])

    connections = [await connect(url, compression=None, max_size=None) for _ in range(count)]
    tasks = [asyncio.create_task(read(each, place)) for place, each in enumerate(connections)]
    _ready()
    began = time.monotonic()
    await asyncio.to_thread(_ended.wait)
    seconds = time.monotonic() - began
    told = {
        "frames_per_s": read_frames[0] / seconds,
        "bytes_per_s": read_bytes[0] / seconds,
        "late_ms_95": statistics.quantiles(late_ms, n=20)[-1],
    }
    print(json.dumps(told), flush=True)
    for task in tasks:
        task.cancel()


_ended = threading.Event()


def _ready() -> None:
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), _ended.set()), daemon=True).start()


def _over() -> bool:
    return _ended.is_set()


if __name__ == "__main__":
    role, *given = sys.argv[1:]
    {
        "node": lambda: node(given[0], int(given[1])),
        "panel": lambda: panel(given[0]),
        "forwarding": lambda: forwarding(given[0], int(given[1])),
        "browsers": lambda: browsers(given[0], int(given[1])),
    }[role]()
