"""`--workers N`: the tests are collected once, and N processes forked from there run them, a file at a time.

To collect some thousands of tests takes seven seconds of a processor. Under pytest-xdist each of its workers
does it, and sends five messages a test; here a test that passed is one small message. The tests of a file
stay together, for many share a node.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import multiprocessing
import os
import random
import signal
import struct
import tempfile
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

context = multiprocessing.get_context("fork")
NUMBER = struct.Struct("H")  # of a file, in the pipe from which each worker takes its next: all fit in
END_S = 30.0  # for a worker to let its fixtures go where the run is cut off

File = list[tuple[int, pytest.Item]]  # with the place of each test among all


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--workers", type=int, default=0, metavar="N", help="fork N processes that share the test files"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    count = session.config.getoption("workers")
    if not count or session.testsfailed or session.config.getoption("collectonly"):
        return None  # pytest's own
    files: dict[Path, File] = {}
    for place, item in enumerate(session.items):
        files.setdefault(item.path, []).append((place, item))
    todo, given = os.pipe()
    os.write(given, b"".join(map(NUMBER.pack, range(len(files)))))
    os.close(given)
    session.config.get_terminal_writer().flush()  # or each would write it again
    base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    workers: dict[BaseProcess, Connection] = {}
    for number in range(count):
        results, told = context.Pipe(duplex=False)
        work = session, list(files.values()), todo, told, base / f"worker{number}"
        process = context.Process(target=_work, args=work)
        process.start()
        told.close()
        workers[process] = results
    try:
        _hear(session, workers)
    finally:
        os.read(todo, NUMBER.size * len(files))  # nobody begins another file
        for process in workers:
            if process.is_alive():
                os.kill(process.pid or 0, signal.SIGINT)
        for process in workers:
            process.join(END_S)
            process.kill()
        os.close(todo)
    return True


def _hear(session: pytest.Session, workers: dict[BaseProcess, Connection]) -> None:
    """Report what the workers tell until all have ended, and fail what none of them has told of."""
    untold = dict(enumerate(session.items))
    latest: dict[Connection, int] = {}
    ends = {os.pidfd_open(process.pid or 0): process for process in workers}
    pipes = set(workers.values())

    def read(pipe: Connection) -> None:
        try:
            place, told = pipe.recv()
        except EOFError:
            pipes.discard(pipe)
            return
        untold.pop(place, None)
        latest[pipe] = place
        _report(session, session.items[place], told)

    try:
        while ends:
            for ready in wait([*pipes, *ends]):
                if isinstance(ready, Connection):
                    if ready in pipes:  # and is not read to its end with its worker's
                        read(ready)
                    continue
                process = ends.pop(ready)  # type: ignore[arg-type]
                os.close(ready)  # type: ignore[arg-type]
                pipe = workers[process]
                while pipe in pipes and pipe.poll():
                    read(pipe)
                pipes.discard(pipe)
                process.join()
                if process.exitcode:
                    item = session.items[latest.get(pipe, 0)]
                    _report(session, item, f"The worker of this test or the next ended: {process.exitcode}.")
    finally:
        for end in ends:
            os.close(end)
    for item in untold.values():
        _report(session, item, "Not run: its worker ended before.")


def _report(
    session: pytest.Session, item: pytest.Item, told: tuple[float, ...] | dict[str, Any] | str
) -> None:
    """What pytest makes of a test that passed, with its times, of any other report, or of a worker's end."""
    hook = session.config.hook
    report: Any
    if isinstance(told, dict):
        report = hook.pytest_report_from_serializable(config=session.config, data=told)
    elif isinstance(told, str):
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", told, "call")
    else:
        duration, start, stop = told
        report = pytest.TestReport(
            item.nodeid, item.location, {}, "passed", None, "call", (), duration, start, stop
        )
    hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


class _Teller:
    """Sends what becomes of each test; that its fixtures came and went goes without saying."""

    def __init__(self, config: pytest.Config, results: Connection) -> None:
        self.place = 0
        self._config, self._results = config, results

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: object = report.duration, report.start, report.stop
        if not report.passed or hasattr(report, "wasxfail") or report.sections or report.user_properties:
            hook = self._config.hook
            told = hook.pytest_report_to_serializable(config=self._config, report=report)
        elif report.when != "call":
            return
        self._results.send((self.place, told))


def _work(session: pytest.Session, files: list[File], todo: int, results: Connection, base: Path) -> None:
    """One worker's life, with streams that are captured, folders and random numbers of its own."""
    config = session.config
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    base.mkdir()
    config._tmp_path_factory._basetemp = base  # type: ignore[attr-defined]
    _capture_apart(config.pluginmanager.getplugin("capturemanager"))
    config.pluginmanager.unregister(name="terminalreporter")
    teller = _Teller(config, results)
    config.pluginmanager.register(teller)
    try:
        while number := os.read(todo, NUMBER.size):
            file = files[NUMBER.unpack(number)[0]]
            # What comes after a file has only the session in common with it.
            for (teller.place, item), (_, following) in itertools.pairwise([*file, (0, session)]):
                config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.shouldfail or session.shouldstop:
                    return
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    finally:
        session._setupstate.teardown_exact(None)


def _capture_apart(manager: Any) -> None:
    """What tests write is kept in files, which forks would share; modules may hold the streams to them."""
    streams = manager._global_capturing
    for each in (streams.out, streams.err):
        with contextlib.suppress(AttributeError, io.UnsupportedOperation), tempfile.TemporaryFile() as own:
            os.dup2(own.fileno(), each.tmpfile.fileno(), inheritable=False)
