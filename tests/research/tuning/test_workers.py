"""Trials in processes: each task answered once, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from signalnode.errors import DataError
from signalnode.research.tuning.workers import Workers


def squaring(offset: int) -> Callable[[int], tuple[int, int]]:
    """Squares and the process that made them; raises for one, is killed by another."""

    def work(task: int) -> tuple[int, int]:
        if task == -1:
            raise DataError("no such file")
        if task == -2:
            os.kill(os.getpid(), signal.SIGKILL)
        return task * task + offset, os.getpid()

    return work


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
