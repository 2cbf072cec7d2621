"""One start of a shard: what it is told it runs, what it let go it never runs again, what it has it ships."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signalnode import logs
from signalnode.bus.epoch import epoch_of
from signalnode.cluster.agent import Agent, Host, Ways
from signalnode.cluster.config import ClusterConfig, Home
from signalnode.cluster.encoding import decoded, encoded
from signalnode.cluster.keys import cluster_keys
from signalnode.cluster.messages import Assign, Fence, Handed, Origin, Report, Revision, Standing
from signalnode.cluster.shipping import Bundle, Packed, Shipment, packed, shipment_of, unpacked
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.settings import ClusterSettings, FeedSettings, MarketSettings, NodeSettings
from signalnode.settings.cluster import GRANT_MIN

MARKETS = ("A-USD", "B-USD")
START, GRANT = GRANT_MIN + 10, GRANT_MIN + 20
SHARD = "shard-0001"


class FakeNode:
    """Says what it is told to say."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.reloads = 0
        self.has_ended = False
        self.fault = ""

    def start(self) -> None:
        """It is up at once."""

    def children(self) -> list[dict[str, Any]]:
        return self.said

    def reload(self) -> None:
        self.reloads += 1
        if self.fault:
            raise ClusterError(self.fault)

    def end(self) -> None:
        self.has_ended = True


class Start:
    """An agent in a directory of its own, turned by hand."""

    def __init__(self, directory: Path) -> None:
        self.keys = cluster_keys(directory / "keys")
        cluster = ClusterSettings(head="10.0.0.1:6379", checkpoints=f"file://{directory}/store")
        feed = FeedSettings(kind="synthetic")
        markets = {name: MarketSettings(market=name, feed=feed) for name in MARKETS}
        self.config = ClusterConfig(NodeSettings(markets=markets, cluster=cluster), "1.0", self.keys)
        self.home = Home(directory / "shards", SHARD, START)
        self.store = CheckpointStore(cluster.checkpoints)
        self.node = FakeNode()
        self.reports: list[Report] = []
        self.gave_up: list[str] = []
        self.agent = Agent(
            self.home,
            Host("host-a", "10.0.0.2", "tcp://10.0.0.2:7450"),
            Ways(lambda: self.config, self.reports.append, self.gave_up.append),
            lambda _: self.node,
            store=self.store,
            log=logs.logger(),
        )
        self.number = 0

    def hand(self, **grants: int) -> None:
        """Assign these markets, and obey."""
        self.number += 1
        wanted = self.config.wanted()
        handed = {
            (name := f"{letter}-USD"): Handed(grant, wanted[name].digest, Origin("shard-0009", GRANT_MIN))
            for letter, grant in grants.items()
        }
        self.agent._obey(Assign(SHARD, START, Revision(1, self.number), handed))

    def running(self) -> dict[str, int]:
        """Grants by market, as the node would read them."""
        table = json.loads(self.home.config.read_bytes())["markets"]
        return {name: each[1]["grant"] for name, each in table.items()}

    def slot(self, market: str) -> Path:
        return self.home.root / "state" / market / "checkpoint.0"

    def told(self) -> Report:
        """What it reports once."""
        self.agent._began.set()
        self.agent._ways.report(self.agent._report(self.agent._obeyed, {}))
        return self.reports[-1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made = Start(tmp_path)
    made.agent._begin()
    yield made
    made.agent.end()


def test_a_start_begins_empty_whatever_earlier_ones_left(tmp_path: Path) -> None:
    made = Start(tmp_path)
    left = made.home.root.parent / "1" / "node.json"
    left.parent.mkdir(parents=True)
    left.write_text("{}")
    made.agent._begin()
    assert not left.exists()
    assert made.running() == {}


def test_what_is_assigned_runs_under_its_grant_and_what_is_not_is_let_go(start: Start) -> None:
    start.hand(A=GRANT, B=GRANT)
    assert start.running() == {"A-USD": GRANT, "B-USD": GRANT}
    start.hand(B=GRANT)
    assert start.running() == {"B-USD": GRANT}
    start.hand(A=GRANT, B=GRANT)  # late, or mistaken: that grant is over here
    assert start.running() == {"B-USD": GRANT}
    assert start.node.reloads == 2


def test_an_order_counts_as_obeyed_when_it_is_carried_out_and_why_not_is_told(start: Start) -> None:
    start.node.fault = "the disk is full"
    start.hand(A=GRANT)
    assert (start.told().fault, start.told().revision) == ("the disk is full", Revision(1, 1))
    start.node.fault = ""
    start.hand(A=GRANT, B=GRANT)
    assert start.told().fault == ""


@pytest.mark.parametrize(
    ("child", "is_ready"),
    [
        ({"state": "up", "epoch": epoch_of(GRANT, 3), "score_age_s": 0.1}, True),
        ({"state": "up", "epoch": epoch_of(GRANT - 1, 3), "score_age_s": 0.1}, False),  # the one before
        ({"state": "up", "epoch": epoch_of(GRANT, 3), "uptime_s": 1.0}, False),
        ({"state": "up", "epoch": epoch_of(GRANT, 3), "uptime_s": 60.0}, True),  # shut: none will come
        ({"state": "starting"}, False),
        ({"state": "given_up"}, True),
    ],
)
def test_a_market_is_ready_when_its_own_start_gave_a_score_or_none_is_to_be_waited_for(
    start: Start, child: dict[str, Any], is_ready: bool
) -> None:
    from signalnode.cluster.agent import _standing

    said = [{"name": "A-USD", "role": "engine"} | child, {"name": "aggregator", "role": "aggregator"}]
    restarts = 3 if child.get("epoch") == epoch_of(GRANT, 3) else 0
    assert _standing(said, {"A-USD": Handed(GRANT, "d")}) == {"A-USD": Standing(GRANT, is_ready, restarts)}


def test_what_it_has_is_shipped_and_the_next_one_goes_on_from_it(start: Start, tmp_path: Path) -> None:
    bundle = Bundle("shard-0009", GRANT_MIN, 4, 0, {"A-USD": Packed(GRANT - 1, {"checkpoint.0": b"warm"})})
    start.store.write(Shipment("shard-0009", GRANT_MIN, 4).name, packed(bundle))
    start.hand(A=GRANT)
    assert start.slot("A-USD").read_bytes() == b"warm"
    start.slot("A-USD").write_bytes(b"warmer")
    start.agent._ship()
    (ours,) = [name for name in start.store.names() if name.startswith(SHARD)]
    shipment = shipment_of(ours)
    assert shipment is not None
    assert shipment.start == START
    assert unpacked(start.store.read(ours)).markets == {"A-USD": Packed(GRANT, {"checkpoint.0": b"warmer"})}


def test_a_bundle_of_a_later_grant_is_not_gone_on_from(start: Start) -> None:
    bundle = Bundle("shard-0009", GRANT_MIN, 4, 0, {"A-USD": Packed(GRANT, {"checkpoint.0": b"his"})})
    start.store.write(Shipment("shard-0009", GRANT_MIN, 4).name, packed(bundle))
    start.hand(A=GRANT)
    assert not start.slot("A-USD").exists()


def test_where_the_store_is_away_markets_run_on_and_it_is_told_until_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("no directory")
    start.hand(A=GRANT)
    assert start.running() == {"A-USD": GRANT}
    start.slot("A-USD").parent.mkdir(parents=True)
    start.slot("A-USD").write_bytes(b"warm")
    start.agent._ship()
    assert "cannot be written" in start.told().unshipped
    (tmp_path / "store").unlink()
    start.agent._ship()
    assert start.told().unshipped == ""


def test_where_it_is_heard_is_told_once_its_aggregator_is_up_and_for_good(start: Start) -> None:
    def told(*said: dict[str, Any]) -> str:
        start.node.said = list(said)
        start.agent._ended.clear()
        start.agent._began.set()

        def once(report: Report) -> None:
            start.reports.append(report)
            start.agent._ended.set()

        start.agent._ways = dataclasses.replace(start.agent._ways, report=once)
        start.agent._changed.set()
        start.agent.tell()
        return start.reports[-1].endpoint

    aggregator = {"name": "aggregator", "role": "aggregator"}
    assert told() == ""
    assert told(aggregator | {"state": "starting"}) == ""  # a first start compiles
    assert told(aggregator | {"state": "up"}).startswith("tcp://10.0.0.2:7450 ")
    assert told(aggregator | {"state": "backing_off"}).startswith("tcp://10.0.0.2:7450 ")


def test_a_fenced_start_ends(start: Start) -> None:
    start.agent._obey(Fence(SHARD, START - 1))  # meant for another start of it
    assert not start.gave_up
    start.agent._obey(Fence(SHARD, START))
    assert start.gave_up == ["another start of this shard came up"]
    start.hand(A=GRANT)
    assert start.node.reloads == 0


MESSAGES: list[Any] = [
    Report(
        SHARD, START, "host-a", "1.0+x", Revision(1, 2), {"A-USD": Standing(GRANT, True, 3)}, "f", "u", "e"
    ),
    Assign(SHARD, START, Revision(1, 2), {"A-USD": Handed(GRANT, "d", Origin("s", 1))}),
    Fence(SHARD, START),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: type(each).__name__)
def test_a_message_is_read_as_it_was_written(message: Any) -> None:
    kind: Callable[..., Any] = type(message)
    assert decoded(encoded(message), kind) == message


@pytest.mark.parametrize("content", [b"", b"\xc1", encoded({"shard": 3}), bytes(5_000_000)])
def test_what_is_no_message_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ClusterError, match=r"^a "):
        decoded(content, Report)
