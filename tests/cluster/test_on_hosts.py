"""A cluster of real hosts: each fault is made, every market is heard again, warm, from one writer."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from signalnode.clock import NS_PER_S, monotonic_ns, pause
from tests.cluster.cluster import MARKETS, WAIT_S, Cluster, cluster
from tests.cluster.faults import hit, on
from tests.cluster.hosts import why_not

WARM_LOST_MAX = 0.2  # what two seconds without a checkpoint cost, of a market that has run for half a minute


@pytest.fixture(scope="module")
def made() -> Iterator[Cluster]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("an extra: pip install 'signalnode[cluster]'")
    if reason := why_not():
        pytest.skip(reason)
    with cluster() as up:
        yield up


@pytest.fixture(autouse=True)
def settled(made: Cluster) -> None:
    made.settle()


def test_markets_of_a_host_without_power_go_on_elsewhere_and_warm(made: Cluster) -> None:
    host = made.busiest()
    markets, began_ns = on(made, host), monotonic_ns()
    host.lose_power()
    cost = hit(made, markets, began_ns)
    assert cost.warm > cost.warm_before - WARM_LOST_MAX
    assert host.address not in made.homes().values()
    made.begin_worker(host)


def test_of_two_writers_after_a_cut_the_newer_one_is_heard(made: Cluster) -> None:
    host = made.busiest()
    markets, began_ns = on(made, host), monotonic_ns()
    host.cut()
    hit(made, markets, began_ns)
    host.heal()
    made.until(lambda: any(each.is_old for each in made.heard(began_ns)), "the old writer")
    newest: dict[str, int] = {}
    for each in made.heard():
        if not each.is_old:
            assert each.epoch >= newest.get(each.market, 0)
            newest[each.market] = each.epoch


def test_a_drained_host_gives_its_markets_away_and_nothing_is_missed(made: Cluster) -> None:
    host = made.busiest()
    markets, began_ns = on(made, host), monotonic_ns()
    answer = made.head.ask("drain", host.address, "--config", str(made.config), wait_s=WAIT_S)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    hit(made, markets, began_ns)
    # Both spoke for a while; of a market whose old writer was next due after that it cannot be seen.
    assert {each.market for each in made.heard(began_ns) if each.is_old} & markets
    host.end()
    made.begin_worker(host)


def test_without_a_head_every_market_runs_on(made: Cluster) -> None:
    began_ns = monotonic_ns()
    epochs = {each.market: each.epoch for each in made.heard() if not each.is_old}
    made.head.lose_power()
    pause(5 * NS_PER_S)  # nothing is to happen
    assert all(each.epoch == epochs[each.market] for each in made.heard(began_ns) if not each.is_old)
    made.until(lambda: {each.market for each in made.heard(monotonic_ns() - NS_PER_S)} == set(MARKETS), "all")
    made.begin_head()
