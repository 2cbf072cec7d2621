"""Work for `Workers`. Each process imports where it stands, and a file of tests would bring pytest along."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from signalnode.errors import DataError


def squaring(offset: int) -> Callable[[int], tuple[int, int]]:
    """Squares and the process that made them; raises for one, is killed by another."""

    def work(task: int) -> tuple[int, int]:
        if task == -1:
            raise DataError("no such file")
        if task == -2:
            os.kill(os.getpid(), signal.SIGKILL)
        return task * task + offset, os.getpid()

    return work
