"""A real aggregator process on a config of its own, and engines that publish to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signalnode.bus.publisher import Publisher
from signalnode.bus.subscriber import Subscription, subscribe
from signalnode.bus.wire import Score
from signalnode.names import scores_endpoint
from tests.bus.messages import send
from tests.effort import PATIENCE_S
from tests.forked import Forked

DEADLINE_S = PATIENCE_S
THRESHOLD = "[strategies.threshold]\nentry = 80\nexit = 40\ndwell_s = 0.0"

CHILD = """
import json, sys
from signalnode.aggregator import process

class Link:
    def ready(self, **facts):
        print(json.dumps({"ready": facts}), flush=True)
    def beat(self, **facts):
        print(json.dumps({"beat": facts}), flush=True)

if len(sys.argv) > 3:  # a file with the seconds by which the wall clock is set
    real_ns = process.wall_ns
    process.wall_ns = lambda: real_ns() + int(open(sys.argv[3]).read() or 0) * 1_000_000_000
process.RECONCILE_S, process.AGGREGATOR_HEARTBEAT_S = float(sys.argv[2]), 0.2
sys.exit(process.main(Link(), {"config": sys.argv[1]}))
"""


class Scene:
    """A directory with a config, the aggregators started on it, and publishers by market."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.endpoint = f"ipc://{directory}/out"
        self.config = directory / "signalnode.toml"
        (directory / "markets").mkdir()
        self.processes: list[Forked] = []
        self.publishers: list[Publisher] = []

    def configure(self, *markets: str, aggregator: str = "", strategies: str = "") -> None:
        """Write the config; the aggregator's endpoint is an ipc path unless `aggregator` names one, and a
        busy machine does not look like a silent market unless it says after how long that is one.
        """
        endpoint = "" if "endpoint" in aggregator else f'endpoint = "{self.endpoint}"\n'
        endpoint += "" if "silent_after_s" in aggregator else f"silent_after_s = {DEADLINE_S}\n"
        self.config.write_text(
            f'runtime_dir = "."\nstate_dir = "state"\n[aggregator]\n{endpoint}{aggregator}\n{strategies}\n'
        )
        for file in (self.directory / "markets").iterdir():
            file.unlink()
        for market in markets:
            text = f'market = "{market}"\n[feed]\nkind = "synthetic"\n'
            (self.directory / "markets" / f"{market}.toml").write_text(text)

    def start(self, sound_out_s: float = 30.0, *wall: Path) -> Forked:
        """Start an aggregator; returns when it is ready, or has ended. What stands in the file `wall`, in
        seconds, is added to its wall clock.
        """
        process = Forked(CHILD, [str(self.config), str(sound_out_s), *map(str, wall)], os.environ)
        self.processes.append(process)
        process.stdout.readline()
        return process

    def beat(self, process: Forked) -> dict[str, Any]:
        """The next heartbeat's facts."""
        facts: dict[str, Any] = json.loads(process.stdout.readline())["beat"]
        return facts

    def publisher(self, market: str, epoch: int = 1) -> Publisher:
        """An engine's publisher in this very process."""
        made = Publisher(scores_endpoint(self.directory, market), market, epoch, queue_max=100_000)
        self.publishers.append(made)
        return made

    def subscribe(self, *markets: str, **options: Any) -> Subscription:
        """A subscription to the aggregator."""
        return subscribe(*markets, **({"endpoint": self.endpoint, "max_age_s": None} | options))

    def close(self) -> None:
        """End everything; an aggregator that still runs must end with status 0."""
        for publisher in self.publishers:
            publisher.close()
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=DEADLINE_S)
            assert process.returncode in (0, 6, 7, -signal.SIGKILL)


def joined(subscription: Subscription, publisher: Publisher) -> list[Any]:
    """Publish scores until the last of them comes through the aggregator; returns those that came.

    The first may be the newest of the ring, which is asked for it at once; from the second on they are those
    of the stream, which misses none any more.
    """
    came: list[Any] = []
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        send(publisher)
        next_s = time.monotonic() + 0.05
        while (left_s := next_s - time.monotonic()) > 0:
            message = subscription.receive(left_s)
            if isinstance(message, Score) and message.market == publisher.market:
                came.append(message)
                if message.seq == publisher.seq:
                    break
        if len(came) > 1 and came[-1].seq == publisher.seq:
            return came
    raise AssertionError("nothing came through")


def stderr_of(process: Forked) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.stderr.read().splitlines()]


def until(subscription: Any, wanted: Any) -> Any:
    """The first message that `wanted` accepts."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        message = subscription.receive(1.0)
        if message is not None and wanted(message):
            return message
    raise AssertionError("it never came")


@pytest.fixture
def scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="sn-") as name:
        made = Scene(Path(name))
        yield made
        made.close()
