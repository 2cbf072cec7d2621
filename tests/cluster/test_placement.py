"""Where markets go: within every bound, evenly, and nowhere without need."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from signalnode.cluster.messages import Wanted
from signalnode.cluster.placement import Bound, Limits, Place, Plan, plan, shards_wanted
from tests.effort import drawn

LIMITS = Limits(4, {"kraken": Bound(connections_max=2, markets_max=2)})


def places(*hosts: str, closed: str = "") -> dict[str, Place]:
    """A shard on each of these hosts, named by its place in the row."""
    return {f"s-{i}": Place(host, f"ip-{host}", host != closed) for i, host in enumerate(hosts)}


def markets(count: int, venue: str = "") -> dict[str, Wanted]:
    return {f"M-{i:02d}": Wanted("a", venue) for i in range(count)}


def settled(there: dict[str, Place], wanted: dict[str, Wanted], limits: Limits = LIMITS) -> dict[str, str]:
    return {move.market: move.to for move in plan(there, {}, wanted, limits).moves}


def test_new_markets_are_spread_over_hosts_and_then_over_their_shards() -> None:
    held = settled(places("a", "a", "b"), markets(8))
    assert Counter(held.values()) == {"s-0": 2, "s-1": 2, "s-2": 4}


def test_what_has_a_place_stays_there_however_uneven_that_is() -> None:
    held = dict.fromkeys(markets(4), "s-0")
    assert plan(places("a", "b"), held, markets(4), LIMITS) == Plan()


def test_a_lost_shards_markets_alone_move_and_come_from_nowhere() -> None:
    wanted = markets(6)
    held = settled(places("a", "b", "c"), wanted)
    lost = sorted(market for market, shard in held.items() if shard == "s-2")
    moved = plan(places("a", "b"), held, wanted, LIMITS).moves
    assert [move.market for move in moved] == lost
    assert {move.origin for move in moved} == {""}


def test_a_drained_hosts_markets_go_and_those_without_room_elsewhere_stay_and_are_told() -> None:
    wanted = markets(6)
    held = {market: "s-0" if i < 3 else "s-1" for i, market in enumerate(sorted(wanted))}
    drained = plan(places("a", "b", closed="a"), held, wanted, LIMITS)
    assert [(move.to, move.origin) for move in drained.moves] == [("s-1", "s-0")]
    assert set(drained.unplaced.values()) == {"every shard has its 4 markets"}
    assert set(drained.unplaced) == {"M-01", "M-02"}


def test_a_market_that_still_runs_where_it_was_takes_room_there() -> None:
    wanted = markets(4)
    leaving = dict.fromkeys([f"OLD-{i}" for i in range(3)], "s-0")
    assert Counter(settled_with(leaving, wanted).values()) == {"s-0": 1, "s-1": 3}


def settled_with(leaving: dict[str, str], wanted: dict[str, Wanted]) -> dict[str, str]:
    moves = plan(places("a", "b"), {}, wanted, LIMITS, leaving=leaving).moves
    return {move.market: move.to for move in moves}


def test_a_venue_counts_connections_by_address_over_all_shards_there() -> None:
    same = {name: Place("a", "ip") for name in ("s-0", "s-1", "s-2")}
    found = plan(same, {}, markets(6, "kraken"), LIMITS)
    assert len(found.moves) == 4
    assert set(found.unplaced.values()) == {"kraken bears no more connections of any host's address"}
    own = {name: Wanted("a", "kraken", has_own_gateway=True) for name in markets(3)}
    assert len(plan(same, {}, own, LIMITS).moves) == 2


def test_without_a_shard_nothing_is_placed_and_that_is_said() -> None:
    assert plan({}, {}, markets(1), LIMITS).unplaced == {"M-00": "no shard is up"}


def test_a_shard_whose_bound_was_lowered_hands_over_what_is_too_much() -> None:
    held = dict.fromkeys(markets(4), "s-0")
    moves = plan(places("a", "b"), held, markets(4), Limits(3)).moves
    assert [(move.market, move.to, move.origin) for move in moves] == [("M-03", "s-1", "s-0")]


def test_rebalancing_makes_hosts_even_and_then_moves_nothing_more() -> None:
    held, wanted = dict.fromkeys(markets(8), "s-0"), markets(8)
    there, limits = places("a", "b", "c"), Limits(8)
    moves = plan(there, held, wanted, limits, rebalance=True).moves
    held |= {move.market: move.to for move in moves}
    assert sorted(Counter(held.values()).values()) == [2, 3, 3]
    assert plan(there, held, wanted, limits, rebalance=True) == Plan()


@pytest.mark.parametrize(
    ("hosts", "count", "standby", "expected"),
    [(3, 5, 1, 3), (1, 41, 1, 4), (0, 0, 0, 0), (2, 40, 0, 2), (2, 40, 1, 4), (3, 60, 1, 6)],
)
def test_there_are_shards_for_each_host_and_enough_for_all(
    hosts: int, count: int, standby: int, expected: int
) -> None:
    assert shards_wanted(hosts, count, 20, standby) == expected


def connections(
    held: dict[str, str], wanted: dict[str, Wanted], there: dict[str, Place], address: str
) -> int:
    count = 0
    for shard, place in there.items():
        mine = [wanted[market] for market, each in held.items() if each == shard and wanted[market].venue]
        own = sum(each.has_own_gateway for each in mine)
        count += (place.address == address) * (own + -(-(len(mine) - own) // 2))
    return count


@pytest.mark.parametrize("seed", range(drawn(60, 10_000)))
def test_any_plan_is_within_every_bound_and_another_one_after_it_moves_nothing(seed: int) -> None:
    random = Random(seed)
    hosts = [f"h-{i}" for i in range(random.randint(1, 4))]
    there = {
        f"s-{i}": Place(host := random.choice(hosts), f"ip-{host}", random.random() < 0.8)
        for i in range(random.randint(1, 6))
    }
    wanted = {
        f"M-{i:02d}": Wanted("a", random.choice(["", "kraken"]), random.random() < 0.2)
        for i in range(random.randint(0, 24))
    }
    held = settled({**there, "gone": Place("x", "y")}, wanted)
    found = plan(there, held, wanted, LIMITS, rebalance=random.random() < 0.3)
    stayed = {market: shard for market, shard in held.items() if shard in there}
    after = stayed | {move.market: move.to for move in found.moves}
    needed = {market for market in wanted if market not in stayed or not there[stayed[market]].is_open}
    assert all(there[move.to].is_open and move.to != move.origin for move in found.moves)
    assert wanted.keys() - after.keys() <= found.unplaced.keys() <= needed
    assert max(Counter(after.values()).values(), default=0) <= 4
    assert all(connections(after, wanted, there, place.address) <= 2 for place in there.values())
    again = plan(there, after, wanted, LIMITS)
    assert not [move for move in again.moves if move.market not in found.unplaced]
