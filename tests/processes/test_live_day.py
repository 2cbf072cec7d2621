"""A market at 50 times its usual speed through real processes, with what happens on a day: neither gateway
nor engine grows.

`python -m tests.processes.test_live_day [MINUTES]`: what both hold, each half minute; 29 minutes are a day.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.effort import only_long
from tests.processes.test_node import SOON_S, Node
from tests.venues.server import Running, Server

MARKET, GATEWAY = "ALPHA-USD", "gateway.dydx"
SPEED = 50
STEPS_PER_S = 4.0 * SPEED  # of its book, with a trade in two of five
CLOSES_S = 3_600.0 / SPEED  # between two closes by the venue
WARM_S, DAY_S, EVERY_S = 90.0, 86_400.0 / SPEED, 30.0
GROWTH_BYTES_MAX = 2_000_000
CONFIG = 'market = "{name}"\n[feed]\nkind = "live"\nvenue = "dydx"\n'


class OneMarket(Node):
    """A node with one live market."""

    def write_market(self, name: str, seed: int) -> None:  # noqa: ARG002 - others' are made up
        if name == MARKET:
            (self.config.parent / "markets" / f"{name}.toml").write_text(CONFIG.format(name=name))


def held_bytes(pid: int) -> int:
    """What a process holds of its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1_024 for line in lines if line.startswith("Private_Dirty"))


def weights(folder: Path, seconds: float) -> Iterator[dict[str, int]]:
    """What each holds, from WARM_S on each EVERY_S, and how often each was started again."""
    server = Server("dydx", steps_per_s=STEPS_PER_S, symbols=(MARKET,))
    with Running(server) as running:
        urls = f'[venues.dydx]\nws_url = "{server.ws_url}"\nrest_url = "{server.rest_url}"'
        node = OneMarket(folder, extra=urls)
        try:
            _until_live(node)
            begun = time.monotonic()
            closed, told = begun, begun + WARM_S - EVERY_S
            while time.monotonic() < begun + seconds:
                time.sleep(1.0)
                if time.monotonic() >= closed + CLOSES_S:
                    closed += CLOSES_S
                    running.do(lambda: server.venue.close_all(1012))
                if time.monotonic() >= told + EVERY_S:
                    told += EVERY_S
                    children = node.children()
                    yield {
                        "frames": server.venue.sent.get(MARKET, 0),
                        "restarts": sum(children[name]["restarts"] for name in (MARKET, GATEWAY)),
                        **{name: held_bytes(children[name]["pid"]) for name in (MARKET, GATEWAY)},
                    }
            assert not server.venue.broken_rules
            node.end()
        finally:
            node.clear()


def _until_live(node: Node) -> None:
    for _ in range(round(SOON_S * 10)):
        if node.is_answering() and node.children().get(MARKET, {}).get("outage") == "":
            return
        time.sleep(0.1)
    raise AssertionError("the market was never heard")


@only_long("ten minutes, which are a third of a day")
def test_a_third_of_a_day_costs_neither_process_memory(tmp_path: Path) -> None:
    told = list(weights(tmp_path, 600.0))
    assert told[-1]["restarts"] == 0
    assert told[-1]["frames"] > told[0]["frames"]
    for name in (MARKET, GATEWAY):
        assert told[-1][name] - told[0][name] < GROWTH_BYTES_MAX


def _main(minutes: float = DAY_S / 60) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for each in weights(Path(folder), minutes * 60):
            print(each, flush=True)


if __name__ == "__main__":
    _main(*map(float, sys.argv[1:]))
