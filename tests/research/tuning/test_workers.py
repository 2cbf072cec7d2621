"""Trials in processes: each task answered once, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal

import pytest

from signalnode.errors import DataError
from signalnode.research.tuning.workers import Workers
from tests.research.tuning.squaring import squaring


def test_a_killed_process_costs_no_task_and_no_neighbour() -> None:
    """Every task is answered once, by whom does not matter; the one that is killed is replaced."""
    workers: Workers[int, tuple[int, int]] = Workers(2, squaring, 7)
    found, pids = {}, []
    with workers:
        for task, (square, pid) in workers.done(iter(range(40))):
            assert task not in found
            found[task] = square
            pids.append(pid)
            if len(found) == 5:
                os.kill(pid, signal.SIGKILL)
    assert found == {task: task * task + 7 for task in range(40)}
    assert len(set(pids)) >= 2


def test_a_fault_of_the_users_comes_out_of_the_process_as_it_is() -> None:
    with Workers(1, squaring, 0) as workers, pytest.raises(DataError, match="no such file"):
        list(workers.done([1, -1, 2]))


def test_a_task_that_kills_every_process_is_given_up_and_says_so() -> None:
    with Workers(1, squaring, 0) as workers, pytest.raises(DataError, match="4 in a row: is there enough"):
        list(workers.done([-2]))
