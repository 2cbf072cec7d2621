"""Grants rise whatever clocks and disks do, and what a shard let go it never runs again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.bus.epoch import RESTARTS_MAX, epoch_of, grant_of, restarts_of
from signalnode.clock import NS_PER_S
from signalnode.cluster import fencing
from signalnode.cluster.fencing import Fencing, Orders, is_taken, outdated, proposal
from signalnode.cluster.messages import Assign, Handed, Revision
from signalnode.errors import ClusterError
from signalnode.settings.cluster import GRANT_MAX, GRANT_MIN

GRANTS = st.integers(GRANT_MIN, GRANT_MAX)
RESTARTS = st.integers(0, RESTARTS_MAX)
SECONDS = st.integers(0, 2**33 - 1)  # until 2242


@given(GRANTS, RESTARTS, GRANTS, RESTARTS)
def test_epochs_order_as_grants_and_then_as_restarts(a: int, i: int, b: int, j: int) -> None:
    first, second = epoch_of(a, i), epoch_of(b, j)
    assert (first < second) == ((a, i) < (b, j))
    assert (grant_of(first), restarts_of(first)) == (a, i)
    assert first < 2**53  # exact in every reader that has doubles alone


@given(SECONDS, GRANTS)
def test_every_epoch_of_a_cluster_is_above_those_of_single_machines(wall_s: int, grant: int) -> None:
    assert epoch_of(grant, 0) > wall_s
    assert (grant_of(wall_s), restarts_of(wall_s)) == (0, 0)


@given(st.sets(GRANTS, max_size=5), st.sets(GRANTS, max_size=5), SECONDS)
def test_a_grant_is_above_all_that_are_known_and_at_least_this_second(
    taken: set[int], shipped: set[int], wall_s: int
) -> None:
    if GRANT_MAX in taken | shipped:
        with pytest.raises(ClusterError, match="far in the future"):
            proposal(taken, shipped, wall_s * NS_PER_S)
        return
    grant = proposal(taken, shipped, wall_s * NS_PER_S)
    assert grant > max(taken | shipped, default=0)
    assert grant >= wall_s


@pytest.mark.parametrize("seed", range(20))
def test_takers_that_are_slow_and_removals_give_no_grant_twice(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads, puts, reads again and removes, in any order with the others."""
    monkeypatch.setattr(fencing, "GRANTS_KEPT", 3)
    rng = random.Random(seed)
    store: set[int] = set()
    given: list[int] = []

    def taker() -> object:
        clock_s = rng.randrange(2**31)
        while True:
            seen = set(store)
            yield
            grant = proposal(seen, (), clock_s * NS_PER_S)
            if grant in store:
                continue
            store.add(grant)
            yield
            if is_taken(grant, store):
                break
        given.append(grant)
        yield
        store.difference_update(outdated(store))

    takers: list[object] = [taker() for _ in range(60)]
    while takers:
        turn = rng.choice(takers)
        if next(turn, "done") == "done":  # type: ignore[call-overload]
            takers.remove(turn)
    assert len(given) == len(set(given)) == 60


def assign(number: int, **grants: int) -> Assign:
    markets = {name: Handed(grant, "a") for name, grant in grants.items()}
    return Assign("shard-1", 5, Revision(1, number), markets)


def shard() -> Fencing:
    return Fencing("shard-1", 5)


def test_an_assign_is_the_whole_set() -> None:
    fence = shard()
    assert fence.take(assign(1, A=10, B=10)) == Orders({"A": Handed(10, "a"), "B": Handed(10, "a")})
    assert fence.take(assign(2, B=10, C=11)) == Orders({"C": Handed(11, "a")}, ("A",))


def test_another_config_starts_a_market_again_and_another_origin_does_not() -> None:
    fence = shard()
    fence.take(assign(1, A=10, B=10))
    again = Assign("shard-1", 5, Revision(1, 2), {"A": Handed(10, "b"), "B": Handed(10, "a")})
    assert fence.take(again) == Orders({"A": Handed(10, "b")})


def test_late_and_foreign_words_are_not_obeyed() -> None:
    fence = shard()
    assert fence.take(assign(2, A=10)) is not None
    assert fence.take(assign(1, B=10)) is None
    assert fence.take(assign(2, B=10)) is None
    assert fence.take(Assign("shard-1", 6, Revision(9, 9), {})) is None
    assert fence.take(Assign("shard-2", 5, Revision(9, 9), {})) is None


def test_what_was_let_go_never_runs_again_under_that_grant() -> None:
    fence = shard()
    fence.take(assign(1, A=10))
    assert fence.take(assign(2)) == Orders(remove=("A",))
    again = Fencing.decoded(fence.encoded())
    assert again.take(assign(3, A=10)) == Orders()
    assert again.take(assign(4, A=11)) == Orders({"A": Handed(11, "a")})


def test_an_older_grant_of_a_running_market_is_not_gone_back_to() -> None:
    fence = shard()
    fence.take(assign(1, A=10))
    fence.take(assign(2, A=12))
    assert fence.take(assign(3, A=10)) == Orders(remove=("A",))


def test_a_fenced_start_runs_nothing_any_more() -> None:
    fence = shard()
    fence.take(assign(1, A=10))
    assert fence.fence() == Orders(remove=("A",))
    assert Fencing.decoded(fence.encoded()).take(assign(9, A=99)) is None


def test_a_file_that_is_none_of_ours_starts_nothing() -> None:
    for content in (b"", b"{}", b"\xff", b'{"shard": 1}'):
        with pytest.raises(ClusterError, match="start it anew"):
            Fencing.decoded(content)
