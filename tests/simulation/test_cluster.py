"""A cluster through any schedule of faults: every market is heard again, by one writer, and rests."""

from __future__ import annotations

import pickle
from collections import Counter
from functools import cache
from random import Random

import pytest

from signalnode.cluster import messages as m
from tests.effort import drawn
from tests.simulation.cluster import POLICY, World

SETTLED_S = 25.0
LOST_PROMISE_S = 6.0
CUT_PROMISE_S = 15.0


def world_of(seed: int, hosts: int = 4, markets: int = 9) -> World:
    """One that has come to rest, of the caller's own."""
    world: World = pickle.loads(settled(seed, hosts, markets))
    return world


@cache
def settled(seed: int, hosts: int, markets: int) -> bytes:
    random = Random(seed)
    wanted = {
        f"M-{i}": m.Wanted("a", random.choice(["", "", "kraken"]), random.random() < 0.2)
        for i in range(markets)
    }
    world = World(seed, hosts, wanted.items())
    world.run(SETTLED_S)
    return pickle.dumps(world)


def hold_together(world: World) -> None:
    """Each wanted market is heard, runs once, and within every bound; nothing else runs."""
    running = world.running()
    assert world.silent_s() < 1.0, {name: len(each) for name, each in running.items()}
    assert running.keys() == world.wanted.keys()
    assert {len(actors) for actors in running.values()} <= {1}
    counts = Counter(actors[0].shard for actors in running.values())
    assert max(counts.values()) <= POLICY.limits.shard_markets_max
    for market, (actor,) in running.items():
        assert actor.epochs[market] == world.heard[market]


def held_by(world: World) -> Counter[str]:
    """How many markets each host has."""
    return Counter(actors[0].host for actors in world.running().values())


def moves_after(world: World, seconds: float) -> list[m.Assign]:
    world.loss = 0.0  # three reports lost in a row are a need
    before = len(world.handed)
    world.run(seconds)
    return [assign for _, assign in world.handed[before:]]


def test_markets_are_spread_over_the_hosts_that_join_and_not_over_the_first_one() -> None:
    world = world_of(1)
    hold_together(world)
    hosts = Counter(actors[0].host for actors in world.running().values())
    assert max(hosts.values()) <= 3


@pytest.mark.parametrize("seed", range(drawn(5, 200)))
def test_a_host_that_joins_late_gets_no_market_until_somebody_evens_them(seed: int) -> None:
    world = world_of(seed, hosts=3, markets=6)
    late = world.join()
    before = held_by(world)
    moves_after(world, SETTLED_S)
    assert held_by(world) == before
    world.give(m.RebalanceAsked())
    world.run(SETTLED_S)
    hold_together(world)
    counts = held_by(world)
    assert counts[late.name] >= 1
    assert max(counts.values()) - min(counts[host.name] for host in world.hosts) <= 1


def test_until_as_many_hosts_as_wanted_have_joined_no_market_is_placed_and_that_is_told() -> None:
    world = world_of(1, hosts=1, markets=6)
    assert world.coordinator is not None
    assert (world.running(), world.coordinator.status(world.now_ns).hosts_wanted) == ({}, POLICY.hosts_min)
    world.join()
    world.run(SETTLED_S)
    assert world.coordinator.status(world.now_ns).hosts_wanted == 0
    assert sorted(held_by(world).values()) == [3, 3]


@pytest.mark.parametrize("seed", range(drawn(5, 200)))
def test_a_lost_hosts_markets_are_heard_again_within_the_promise_and_no_other_moves(seed: int) -> None:
    world = world_of(seed)
    lost = world.random.choice(world.hosts)
    theirs = {name for name, actors in world.running().items() if actors[0].host == lost.name}
    others = {name: world.heard[name] for name in world.wanted.keys() - theirs}
    world.lose(lost)
    world.run(LOST_PROMISE_S)
    assert world.silent_s() < 1.0
    world.run(SETTLED_S)
    hold_together(world)
    assert {name: world.heard[name] for name in others} == others


@pytest.mark.parametrize("seed", range(drawn(5, 200)))
def test_behind_a_cut_both_may_write_and_one_is_heard(seed: int) -> None:
    world = world_of(seed)
    cut = world.random.choice(world.hosts)
    theirs = [name for name, actors in world.running().items() if actors[0].host == cut.name]
    before = {name: world.heard[name] for name in theirs}
    world.cut(cut)
    world.run(CUT_PROMISE_S)
    assert all(world.heard[name] > before[name] for name in theirs)
    world.heal(cut)
    world.run(SETTLED_S)
    hold_together(world)


def test_while_the_head_is_down_everything_runs_on_and_a_lost_host_is_made_good_after_it() -> None:
    world = world_of(3)
    before = dict(world.heard)
    world.stop_head()
    world.run(95.0)
    assert (world.heard, world.silent_s() < 0.5) == (before, True)
    world.lose(world.hosts[0])
    world.run(10.0)
    world.start_head()
    world.run(15.0)
    assert world.silent_s() < 1.0
    world.run(SETTLED_S)
    hold_together(world)


def test_a_head_whose_disk_was_lost_takes_over_what_runs_and_moves_nothing() -> None:
    world = world_of(4)
    before = dict(world.heard)
    world.stop_head()
    world.record, world.grants = m.Record(), []
    world.start_head()
    world.run(SETTLED_S)
    hold_together(world)
    assert world.heard == before


def test_a_drained_host_is_emptied_without_a_hole_and_its_machine_may_come_back() -> None:
    world = world_of(5)
    drained = world.hosts[1].name
    world.give(m.DrainAsked(drained))
    for _ in range(100):
        world.run(0.2)
        assert world.silent_s() < 0.3
    hold_together(world)
    assert drained not in {actors[0].host for actors in world.running().values()}


def test_an_upgrade_goes_through_shard_by_shard_and_nobody_notices() -> None:
    world = world_of(6)
    world.version = "2"
    world.give(m.WantedChanged(dict(world.wanted), "2"))
    for _ in range(600):
        world.run(0.2)
        assert world.silent_s() < 0.3
    hold_together(world)
    assert {actor.version for actor in world.actors} == {"2"}


def test_a_changed_config_moves_only_what_changed() -> None:
    world = world_of(7)
    before = dict(world.heard)
    gone = sorted(world.wanted)[0]
    del world.wanted[gone]
    world.wanted |= {"NEW": m.Wanted("a")}
    world.give(m.WantedChanged(dict(world.wanted), "1"))
    world.run(SETTLED_S)
    hold_together(world)
    assert {name: world.heard[name] for name in before if name != gone} == {
        name: epoch for name, epoch in before.items() if name != gone
    }


def test_down_ends_every_shard_and_then_the_coordinator() -> None:
    world = world_of(8)
    world.give(m.DownAsked())
    world.run(SETTLED_S)
    assert (world.actors, world.finished) == ([], "down")


@pytest.mark.parametrize("block", range(drawn(1, 20)))
def test_after_any_schedule_of_faults_every_market_is_heard_by_one_writer_and_rests(block: int) -> None:
    for seed in range(500 * block, 500 * block + drawn(8, 500)):
        world = world_of(seed, hosts=3 + seed % 3, markets=4 + seed % 6)
        suffer(world)
        try:
            hold_together(world)
            assert moves_after(world, 10.0) == []
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


def suffer(world: World) -> None:
    """Up to eight faults at random, and then time with everything in order."""
    random = world.random
    for _ in range(random.randint(1, 8)):
        host = random.choice(world.hosts)
        match random.randint(0, 8):
            case 0:
                world.lose(host)
            case 1:
                world.cut(host)
            case 2 | 3:
                world.heal(host)
            case 4:
                world.stop_head()
            case 5:
                if world.coordinator is None:
                    world.start_head()
            case 6:
                world.is_store_up = not world.is_store_up
            case 7:
                world.wall_skew_ns = random.randint(-3_600, 3_600) * 10**9
            case 8:
                world.give(random.choice([m.RebalanceAsked(), m.DrainAsked(host.name)]))
        world.run(random.random() * 8.0)
    world.is_store_up = True
    for host in world.hosts:
        world.heal(host)
    if world.coordinator is None:
        world.start_head()
    world.run(2 * SETTLED_S)
