"""The coordinator's shell: what waits its turn counts as of when it came."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signalnode import logs
from signalnode.clock import NS_PER_S
from signalnode.cluster import head as module
from signalnode.cluster.config import ClusterConfig
from signalnode.cluster.coordinator import Coordinator
from signalnode.cluster.head import Beginning, Head, policy_of
from signalnode.cluster.messages import Assign, Fence, Record, Report, Standing
from signalnode.errors import ClusterError
from signalnode.settings import ClusterSettings, FeedSettings, MarketSettings, NodeSettings
from signalnode.settings.cluster import GRANT_MIN

SETTINGS = ClusterSettings(head="10.0.0.1:6379", checkpoints="memory://x", standby_shards=0)
MARKET = MarketSettings(market="A-USD", feed=FeedSettings(kind="synthetic"))
CONFIG = ClusterConfig(NodeSettings(markets={"A-USD": MARKET}, cluster=SETTINGS), "1.0")
HANG_S = 5.0  # of a store, three times `lost_after_s`
SHARDS = {"shard-0001": "host-a", "shard-0002": "host-b"}


class Ways:
    """Two hosts with a shard each, whose reports come on while a grant is waited for."""

    def __init__(self, clock: Callable[[float], None]) -> None:
        self._pass_s = clock
        self.head: Head
        self.grant = GRANT_MIN + 100
        self.held: dict[str, dict[str, Standing]] = {name: {} for name in SHARDS}
        self.orders: list[Assign | Fence] = []
        self.finished = ""

    def hosts(self) -> dict[str, str]:
        self._pass_s(0.3)
        self.report()
        return {host: f"ip-{host}" for host in SHARDS.values()}

    def report(self) -> None:
        for name, host in SHARDS.items():
            told = [each for each in self.orders if isinstance(each, Assign) and each.shard == name]
            revision = told[-1].revision if told else Report(name, 1, host).revision
            self.head.put(Report(name, GRANT_MIN, host, CONFIG.build, revision, self.held[name]))

    def take_grant(self) -> int:
        for _ in range(int(HANG_S / 0.5)):
            self._pass_s(0.5)
            self.report()
        self.grant += 1
        return self.grant

    def remember(self, record: Record) -> None: ...

    def order(self, order: Assign | Fence) -> None:
        self.orders.append(order)
        if isinstance(order, Assign):
            self.held[order.shard] = {n: Standing(h.grant, True) for n, h in order.markets.items()}
            if order.markets:
                raise Done

    def start_shard(self, shard: str, near: str) -> None: ...

    def end_shard(self, shard: str) -> None: ...

    def finish(self, reason: str) -> None:
        self.finished = reason


class Done(Exception):  # noqa: N818  # no error: the market was handed over
    pass


def test_nobody_is_lost_while_a_grant_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = [10**12]

    def passes(seconds: float) -> None:
        now_ns[0] += int(seconds * NS_PER_S)

    def looked_at() -> int:
        passes(0.01)
        return now_ns[0]

    monkeypatch.setattr(module, "monotonic_ns", looked_at)
    monkeypatch.setattr(module, "HOSTS_S", 0.01)  # the wait itself is by the real clock
    ways = Ways(passes)
    ways.head = Head(Coordinator(policy_of(CONFIG)), ways, logs.logger())
    with pytest.raises(Done):
        ways.head.run(Beginning(GRANT_MIN + 50, CONFIG, Record()))
    assert {row.state for row in ways.head.status().shards} == {"up"}


def test_what_has_no_cluster_has_no_policy() -> None:
    with pytest.raises(ClusterError, match="has no \\[cluster\\]"):
        policy_of(ClusterConfig(NodeSettings(), "1.0"))
