"""What a venue bears, counted by address: over gateways, restarts and bans."""

from __future__ import annotations

import json
import os

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.budget import BAN_S, BAN_S_MAX, FULL_NS, Budget, granted
from signalnode.feeds.live.sessions import venue_of


def test_a_budget_of_connects_lets_no_more_through_in_any_period():
    limits = venue_of("dydx").limits
    period_ns, made = int(limits.connects_period_s * NS_PER_S), []
    now_ns, spent = NS_PER_S, []
    while now_ns < 4 * period_ns:
        spent, wait_ns = granted(spent, 1.0, now_ns, limits.connects_max, limits.connects_period_s)
        made += [] if wait_ns else [now_ns]
        now_ns += wait_ns or NS_PER_S // 7
    assert all(
        late - early >= period_ns for early, late in zip(made, made[limits.connects_max :], strict=False)
    )
    assert len(made) > 3 * limits.connects_max


def test_a_budget_counts_by_weight_and_lets_through_what_weighs_more_than_all_of_it():
    spent, wait_ns = granted([(1, 6.0), (2, 3.0)], 4.0, 10, 10.0, 1.0)
    assert wait_ns == 1 + NS_PER_S - 10
    assert spent == [(1, 6.0), (2, 3.0)]
    assert granted(spent, 8.0, 10, 10.0, 1.0)[1] == 2 + NS_PER_S - 10
    assert granted([], 100.0, 10, 10.0, 1.0) == ([(10, 100.0)], 0)


def test_a_budget_is_kept_over_restarts_and_a_broken_file_begins_anew(tmp_path):
    path, limits = tmp_path / "dydx.budget", venue_of("dydx").limits
    path.write_bytes(b"{torn")
    waits_ns = [Budget(path, limits).connect(NS_PER_S + each) for each in range(limits.connects_max + 1)]
    assert waits_ns[:-1] == [0] * limits.connects_max
    assert waits_ns[-1] > 0
    assert Budget(path, limits).request(1.0, NS_PER_S) == 0


@pytest.mark.parametrize("unmade", ["dydx.budget.partial", "dydx.budget-lock"])
def test_on_a_full_disk_a_gateway_connects_within_the_limits_and_writes_it_down_when_there_is_room(
    tmp_path, unmade
):
    path, limits = tmp_path / "dydx.budget", venue_of("dydx").limits
    assert Budget(path, limits).connect(NS_PER_S) == 0
    (tmp_path / unmade).mkdir()  # so it cannot be written
    budget = Budget(path, limits)
    waits_ns = [budget.connect(NS_PER_S + each) for each in range(1, limits.connects_max + 1)]
    assert waits_ns[:-1] == [0] * (limits.connects_max - 1)
    assert waits_ns[-1] > NS_PER_S
    (tmp_path / unmade).rmdir()
    assert budget.request(1.0, 2 * NS_PER_S) == 0
    assert Budget(path, limits).connect(2 * NS_PER_S) > NS_PER_S


def test_a_connection_that_goes_while_the_disk_is_full_is_free_again(tmp_path):
    path, limits = tmp_path / "hyperliquid.budget", venue_of("hyperliquid").limits
    (tmp_path / "hyperliquid.budget.partial").mkdir()
    budget = Budget(path, limits)
    for each in range(limits.connections_max):
        assert budget.connect(NS_PER_S + each) == 0
    assert budget.connect(2 * NS_PER_S) == FULL_NS
    budget.closed()
    assert budget.connect(3 * NS_PER_S) == 0


def test_connections_that_stand_are_counted_over_gateways_and_those_of_the_dead_are_free(tmp_path):
    path, limits = tmp_path / "hyperliquid.budget", venue_of("hyperliquid").limits
    budget, most = Budget(path, limits), limits.connections_max
    path.write_bytes(json.dumps({"standing": {str(os.getppid()): most - 1, str(2**22 + 1): 5}}).encode())
    assert budget.connect(NS_PER_S) == 0
    assert budget.connect(2 * NS_PER_S) == FULL_NS
    budget.closed()
    assert budget.connect(3 * NS_PER_S) == 0
    assert json.loads(path.read_bytes())["standing"] == {str(os.getppid()): most - 1, str(os.getpid()): 1}


def test_a_ban_holds_for_every_gateway_and_everything_that_is_asked(tmp_path):
    one, other = (Budget(tmp_path / "dydx.budget", venue_of("dydx").limits) for _ in range(2))
    one.ban(30.0, NS_PER_S)
    for budget in (one, other):
        assert budget.connect(2 * NS_PER_S) == budget.request(1.0, 2 * NS_PER_S) == 29 * NS_PER_S
    one.ban(0.0, 2 * NS_PER_S)
    assert other.connect(2 * NS_PER_S) == BAN_S * NS_PER_S
    later_ns = NS_PER_S * (3 + int(BAN_S))
    assert other.connect(later_ns) == one.request(1.0, later_ns) == 0


def test_a_ban_of_another_boots_clock_is_none(tmp_path):
    path = tmp_path / "dydx.budget"
    Budget(path, venue_of("dydx").limits).ban(BAN_S_MAX, 1_000_000 * NS_PER_S)
    assert Budget(path, venue_of("dydx").limits).connect(NS_PER_S) == 0
