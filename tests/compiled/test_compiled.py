"""Compiled code: made once in another process, kept whole, and the same as the Python it was made of."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import signalnode
from signalnode import SignalEngine
from signalnode.compiled import ENTRIES, Entry, entry, loader
from signalnode.errors import CompilationError
from signalnode.events import EVENT
from signalnode.feeds import ChannelHealth, synthetic_events
from signalnode.signals.kernel import ALL_NS, SCORING, consume, score
from tests.compiled.rows import Rows
from tests.effort import drawn
from tests.forked import Forked

COMPILE = """
from signalnode.compiled import loader
place = loader.cache_root() / "kernel-0123456789abcdef.o"  # the package's own would take digests of it
loader.object_path = lambda: place
loader.COMPILER = ("{compiler}",)
loader.compile_missing(lambda line: print(line, flush=True))
"""
# In place of the compiler: it dies with whoever began it, its file all written and not yet in its place.
DYING = """
import os, signal, sys
from pathlib import Path
from signalnode.compiled import loader
def die(*_):
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
def main():
    Path.replace = die
    loader.store(b"all of it", Path(sys.argv[1]))
"""
# The compiler with less to compile: the package takes ten times as long, and every other test needs the
# outcome of that. To load it is most of the work: so the same process tells what it refuses.
SMALL = """
from __future__ import annotations
import sys
import numpy as np
sys.modules["scipy"] = None  # numba would load it, for what nothing here calls
import signalnode.compiled.compiler as compiler
from signalnode.compiled import entry
@entry(x="<f8")
def first(x) -> float:
    return x[0]
@entry(x="<f8")
def second(x) -> float:
    return x[1]
def main():
    compiler.main()
    @entry(x="<f8")
    def raises(x) -> None:
        if x[0] < 0.0:
            raise ValueError("negative")
    @entry(x="<f8")
    def allocates(x) -> None:
        x[0] = np.empty(3)[0]
    with open("refused", "w") as file:
        for each in raises, allocates:
            try:
                compiler.native(each)
            except Exception as fault:
                print(" ".join(f"{each.symbol}: {fault}".split()), file=file)
compiler.ENTRY_MODULES = ()
"""


def started(compiler: str, cache: Path) -> Forked:
    """A process that wants compiled code, with a cache and a compiler of its own."""
    env = {**os.environ, "PYTHONPATH": str(cache), "XDG_CACHE_HOME": str(cache)}
    return Forked(COMPILE.format(compiler=compiler), [], env, folder=cache)


def test_scoring_needs_no_compiler_in_the_process() -> None:
    program = (
        "import sys; from signalnode import SignalEngine; from signalnode.feeds import synthetic_events\n"
        "engine = SignalEngine('A-USD'); engine.replay(synthetic_events(1, 1000))\n"
        "print(sorted({'numba'} & set(sys.modules)))"
    )
    assert Forked(program, [], os.environ).communicate() == ("[]\n", "")


# One runs the command line, one is for those without machine code, two are an extra's.
NOT_IMPORTED = (
    "signalnode.__main__",
    "signalnode.compiled.compiler",
    "signalnode.cluster.actors",
    "signalnode.cluster.ray",
)


def test_every_entry_of_the_package_is_in_the_object_file() -> None:
    for module in pkgutil.walk_packages(signalnode.__path__, "signalnode."):
        if module.name not in NOT_IMPORTED:
            importlib.import_module(module.name)
    ours = [each for each in ENTRIES if each.symbol.startswith("signalnode.")]
    assert len(ours) >= 10
    assert {each.function.__module__ for each in ours} == set(loader.ENTRY_MODULES)
    for each in ours:
        assert callable(loader.function_of(each)), each.symbol


def test_machine_code_computes_what_the_python_it_was_made_of_does() -> None:
    # So many run every line of the package that twice as many do.
    events = synthetic_events(5, drawn(1_500, 10_000), events_per_s=50.0)
    fresh: Any = SignalEngine("A-USD")._scoring  # parameters and shapes as an engine has them
    fast, slow = fresh.copy(), fresh.copy()
    last_ns = int(events["time_received_ns"][-1])
    with np.errstate(all="ignore"):
        assert consume(fast, events, 0, ALL_NS, 0) == len(events)
        assert consume.function(Rows(slow), Rows(events), 0, ALL_NS, 0) == len(events)
        assert score(fast, last_ns) == score.function(Rows(slow), last_ns)
    for record in ("state", "features"):  # but for last bits: an exponential is not rounded in one way alone
        for name in fast[record].dtype.names:
            assert fast[record][name] == pytest.approx(slow[record][name], rel=1e-12, nan_ok=True), name
    assert fast["scores"][0].tolist() == pytest.approx(slow["scores"][0].tolist(), rel=1e-9)


class Compiled(NamedTuple):
    """What became of a compiler that was killed, and of two processes that wanted its work afterwards."""

    of_killed: list[str]  # what was in the cache
    told: list[list[str]]  # by each of the two, in lines
    kept: list[str]  # what is in the cache now
    refused: list[str]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("small")
    (folder / "dying.py").write_text(DYING)
    (folder / "small.py").write_text(SMALL)

    def left() -> list[str]:
        return [path.suffix for path in (folder / "signalnode").glob("kernel-*")]

    killed = started("dying", folder)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    of_killed, both = left(), [started("small", folder) for _ in range(2)]
    told = sorted(each.communicate()[0].splitlines() for each in both)
    return Compiled(of_killed, told, left(), (folder / "refused").read_text().splitlines())


def test_a_compiler_that_is_killed_leaves_nothing_and_of_two_at_once_one_works(small: Compiled) -> None:
    assert small.of_killed == [".partial"]
    counts = [f"compiling the kernel: {number} of 2 functions" for number in (1, 2)]
    assert small.told == [[], [loader.BEGINS, *counts]]
    assert small.kept == [".o"]


@pytest.mark.parametrize("size", [0, 20, 5_000])
def test_a_torn_object_file_counts_as_none(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consume.raw  # noqa: B018 - compiled by now
    whole, torn = loader.object_path().read_bytes(), tmp_path / "kernel-torn.o"
    torn.write_bytes(whole[:size])
    monkeypatch.setattr(loader, "object_path", lambda: torn)
    assert not loader.is_cached()
    loader.store(whole[loader.DIGEST_BYTES :], torn)
    assert loader.is_cached()


def test_a_cache_that_cannot_be_written_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Path("/proc/self/nowhere")
    monkeypatch.setattr(loader, "cache_root", lambda: nowhere)
    monkeypatch.setattr(loader, "object_path", lambda: nowhere / "kernel-0.o")
    with pytest.raises(CompilationError, match=r"^/proc/self/nowhere: No such file"):
        loader.compile_missing(print)


def test_code_that_could_raise_or_allocate_is_refused_by_the_compiler(small: Compiled) -> None:
    raises, allocates = small.refused
    assert "it could raise" in raises
    assert "function empty" in allocates


@entry(rows=EVENT, table=("<f8", 3))
def takes_arrays(rows: Any, table: Any, number: int) -> float:
    """Never compiled: what is refused is refused before."""
    return 0.0


ROWS, TABLE = np.zeros(4, EVENT), np.zeros((4, 3))
WRONG = {
    "no array": ([1, 2], TABLE, "rows must be an array"),
    "another dtype": (np.zeros(4), TABLE, "rows must be an array"),
    "strided": (ROWS[::2], TABLE, "rows must be C-contiguous"),
    "too few columns": (ROWS, TABLE[:, :2].copy(), "table must be an array"),
    "one axis": (ROWS, TABLE[0], "table must be an array"),
    "column by column": (ROWS, np.asfortranarray(TABLE), "table must be C-contiguous"),
}


@pytest.mark.parametrize(("rows", "table", "reason"), WRONG.values(), ids=WRONG)
def test_arrays_that_machine_code_would_misread_are_refused(rows: Any, table: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        takes_arrays(rows, table, 1)


NOT_CALLED: dict[str, tuple[tuple[Any, ...], type[Exception]]] = {
    "none at all": ((), TypeError),
    "one too few": ((0, ALL_NS), TypeError),
    "one too many": ((0, ALL_NS, 0, 0), TypeError),
    "text for a number": ((0, "late", 0), TypeError),
    "a number beyond its 64 bits": ((0, 2**70, 0), OverflowError),
}


@pytest.mark.parametrize(("numbers", "fault"), NOT_CALLED.values(), ids=NOT_CALLED)
def test_machine_code_does_not_run_on_wrong_numbers(numbers: tuple[Any, ...], fault: type[Exception]) -> None:
    scoring: Any = SignalEngine("A-USD")._scoring
    before = scoring.tobytes()
    call: Any = consume.raw
    with pytest.raises(fault):
        call(scoring, synthetic_events(5, 10), *numbers) if numbers else call()
    assert scoring.tobytes() == before


def test_a_call_into_machine_code_keeps_no_reference() -> None:
    events, health = synthetic_events(5, 10), ChannelHealth()
    scoring: Any = SignalEngine("A-USD")._scoring
    before = [sys.getrefcount(each) for each in (events, health.state, scoring)]
    of_none = sys.getrefcount(None)
    for _ in range(1_000):
        assert health.observe(events) is None  # type: ignore[func-returns-value]
        score.raw(scoring, 1_800_000_000_000_000_000)
    assert [sys.getrefcount(each) for each in (events, health.state, scoring)] == before
    assert abs(sys.getrefcount(None) - of_none) < 100


def test_an_entry_of_a_module_the_compiler_was_not_told_of_is_named() -> None:
    unknown: Entry[..., float] = takes_arrays
    with pytest.raises(CompilationError, match="takes_arrays is not in the kernel"):
        unknown.raw(ROWS, TABLE, 1)


def test_the_core_has_one_layout() -> None:
    assert SCORING.isalignedstruct
