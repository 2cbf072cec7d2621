"""A restart that starts the new process before the old one ends."""

from __future__ import annotations

from collections.abc import Callable

from tests.supervisor.harness import Node, spec

Make = Callable[..., Node]


def test_a_child_that_hands_over_is_beside_the_one_it_relieves_as_often_as_it_is_restarted(
    node: Make,
) -> None:
    one = node(spec("a", "relieves", hands_over=True)).up()
    assert one.child("a")["relieves"] is None
    for _ in range(3):  # each has the lock that the one before has not
        before = one.pid("a")
        one.ask("restart", "a")
        after = one.child("a")
        assert (after["relieves"], after["beside"], after["state"]) == (before, True, "up")
        one.until("ended", "a", pid=before, exit="exit 0")
    assert one.child("a")["restarts"] == 0
