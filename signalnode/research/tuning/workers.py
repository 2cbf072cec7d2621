"""Processes that try: as many as there are cores, each at its next trial the moment it is done with one.

One that dies costs its trial a repetition; its neighbours do not notice. Which process had a trial, and when
it came back, is in no result.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Hashable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, Generic, TypeVar

from signalnode.errors import DataError, SignalnodeError

AHEAD = 2  # trials that a process has before it: it begins the next without asking
DEATHS_MAX = 3  # in a row, nothing found between them: then it is no accident

Task = TypeVar("Task", bound=Hashable)
Answer = TypeVar("Answer")
Work = Callable[[Any], Any]
Prepare = Callable[[Any], Work]  # what is set up once in each process; picklable, as its argument is


def cores() -> int:
    """Of this machine, those that this process may run on."""
    return len(os.sched_getaffinity(0))


class _Worker:
    def __init__(self, prepare: Prepare, setup: Any) -> None:
        # Forked from one process that has imported what all of them need: half a second for each otherwise.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([prepare.__module__])
        self.connection, theirs = context.Pipe()
        self.process: ForkServerProcess = context.Process(
            target=_serve, args=(theirs, prepare, setup), daemon=True
        )
        self.process.start()
        theirs.close()
        self.given: list[Any] = []

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class Workers(Generic[Task, Answer]):
    """`count` processes in which `prepare(setup)` gives what a task is put through."""

    def __init__(self, count: int, prepare: Prepare, setup: Any) -> None:
        self._count, self._prepare, self._setup = count, prepare, setup
        self._workers: list[_Worker] = []

    def __enter__(self) -> Workers[Task, Answer]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are now."""
        return [worker.process.pid for worker in self._workers if worker.process.pid]

    def done(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
        """Each task with its answer, in the order in which they are done. Tasks are taken as they are needed.

        Raises what a task raised, where that is a user's fault, and DataError where processes keep dying.
        """
        again: list[Task] = []
        waiting, deaths = iter(tasks), 0
        while True:
            self._hand_out(waiting, again)
            busy = [worker for worker in self._workers if worker.given]
            if not busy:
                return
            heard = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection not in heard:
                    continue
                try:
                    task, answer = worker.given[0], worker.connection.recv()
                except (EOFError, OSError):
                    deaths += 1
                    again += self._lost(worker, deaths)
                    continue
                if isinstance(answer, SignalnodeError):
                    raise answer
                worker.given.pop(0)
                deaths = 0
                yield task, answer

    def _hand_out(self, waiting: Iterator[Task], again: list[Task]) -> None:
        while len(self._workers) < self._count:
            self._workers.append(_Worker(self._prepare, self._setup))
        for ahead in range(AHEAD):
            for worker in self._workers:
                if len(worker.given) > ahead:
                    continue
                task = again.pop(0) if again else next(waiting, None)
                if task is None:
                    return
                worker.given.append(task)
                with contextlib.suppress(OSError):  # it is dead, which is heard at its other end
                    worker.connection.send(task)

    def _lost(self, worker: _Worker, deaths: int) -> list[Any]:
        """What a dead process had before it. Raises DataError for one death too many."""
        worker.end()
        self._workers.remove(worker)
        if deaths > DEATHS_MAX:
            status = worker.process.exitcode
            raise DataError(
                f"processes that try end at once (status {status}), {deaths} in a row: is there enough "
                "memory? Take fewer with --jobs"
            )
        return worker.given


def _serve(connection: Connection, prepare: Prepare, setup: Any) -> None:
    """A process: set up, then answer tasks until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; one decides
    with contextlib.suppress(EOFError, OSError, BrokenPipeError):
        try:
            work = prepare(setup)
            while True:
                connection.send(work(connection.recv()))
        except SignalnodeError as error:
            connection.send(error)
