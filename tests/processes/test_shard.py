"""A shard of a cluster as a real node: it waits without a market, and each gets epochs of its grant."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode.bus.epoch import epoch_of
from signalnode.bus.subscriber import subscribe
from tests.processes.test_node import SYNTHETIC, ForkedNode, until
from tests.processes.test_operations import PROBE_S, PROBES_MAX

GRANT, MARKET = 1_764_230_400, "ALPHA-USD"


class Shard(ForkedNode):
    """A node that begins without a market."""

    def write_market(self, name: str, seed: int) -> None:
        """None yet."""

    def hand_over(self, grant: int) -> None:
        path = self.config.parent / "markets" / f"{MARKET}.toml"
        path.write_text(f"grant = {grant}\n" + SYNTHETIC.format(name=MARKET, seed=1))
        assert self.ask("reload").returncode == 0


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path, extra=f'[shard]\nname = "shard-0001"\ngrant = {GRANT}\n')
    try:
        for _ in range(PROBES_MAX):
            if made.is_answering():
                break
            time.sleep(PROBE_S)
        yield made
    finally:
        made.clear()


def test_a_standby_takes_a_market_and_each_start_of_it_has_the_next_epoch_of_its_grant(shard: Shard) -> None:
    assert shard.children().keys() == {"aggregator"}
    with subscribe(endpoint=shard.endpoint) as scores:
        shard.hand_over(GRANT + 1)
        until(scores, lambda score: score.epoch == epoch_of(GRANT + 1, 0))
        os.kill(shard.children()[MARKET]["pid"], signal.SIGKILL)
        until(scores, lambda score: score.epoch == epoch_of(GRANT + 1, 1))
        shard.hand_over(GRANT + 2)
        until(scores, lambda score: score.epoch == epoch_of(GRANT + 2, 0))
    assert shard.children()["aggregator"]["epoch"] == epoch_of(GRANT, 0)
    assert shard.end()[0] == 0
