"""What holds for every test, wherever it runs."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.effort import LONG, WIDE
from tests.forked import begin_for_all

# A second thread of BLAS mostly waits for the first, and keeps a core busy with it. Set before numpy is
# loaded, and for all that tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["tests.workers"]

# Whatever hypothesis draws is the same on each run, and no question of a busy machine: as it does by itself
# where the environment says CI.
repeatable = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("repeatable", repeatable, max_examples=50)
settings.register_profile(WIDE, repeatable, max_examples=50)
settings.register_profile(LONG, repeatable, max_examples=3_000)
settings.load_profile("repeatable")

# Whole files go to whoever is free; these take longest, and the last one to end would be alone.
LONGEST = (
    "test_on_hosts.py",
    "test_readme.py",
    "test_systemd.py",
    "test_live_laws.py",
    "test_gateway.py",
    "test_compiled.py",
)

# Objects made before garbage is looked for: Python's own 700 cost the suite a twentieth.
GARBAGE_MIN = 50_000


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Thousands of tests are made and none let go of: to look for garbage meanwhile takes a fifth longer."""
    gc.disable()
    try:
        if session.config.args == session.config.getini("testpaths"):
            if "PYTEST_XDIST_WORKER" not in os.environ:
                _compile_meanwhile()
            if session.config.getoption("workers"):
                begin_for_all()  # or every worker would load it by itself
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(GARBAGE_MIN)
        gc.enable()


def _compile_meanwhile() -> None:
    """Where the kernel is not compiled yet: the first tests of each worker would all wait for that."""
    from signalnode.compiled import loader

    if not loader.is_cached():
        program = "from signalnode.compiled.loader import compile_missing; compile_missing(lambda _: None)"
        os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; and what mostly waits for real processes is spread evenly among what computes, or
    at first every worker would wait, and later all would want a core.
    """
    files = list(dict.fromkeys(item.path for item in items))
    places: dict[Path, float] = {}
    for waits in (False, True):
        group = [path for path in files if ("processes" in path.parts) == waits]
        places |= {path: number / len(group) for number, path in enumerate(group)}
    places |= {path: LONGEST.index(path.name) - len(LONGEST) for path in files if path.name in LONGEST}
    items.sort(key=lambda item: places[item.path])


# A shell without job control lets what it starts in the background ignore Ctrl-C; the programs that tests
# send it to would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
