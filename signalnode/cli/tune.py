"""The verb `tune`: a market's parameters tried on its recordings, and what is to be believed of it."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalnode import clock
from signalnode.cli.evaluate import TEXT_COLUMNS, check_out, writing
from signalnode.errors import DataError, OutputError, UsageError
from signalnode.files import ensure_directory, hold_lock, replacing

if TYPE_CHECKING:
    from signalnode.cli.spans import Source
    from signalnode.research.tuning.space import Values
    from signalnode.research.tuning.study import Verdict
    from signalnode.research.tuning.tape import Tape
    from signalnode.research.tuning.targets import Target

UNITS_S = {"s": 1, "m": 60, "h": 3_600}
WORK = ".trials"  # the folder beside the page: its journal, and the events while it works


def tune(arguments: argparse.Namespace) -> int:
    """Try, print what to do with each signal of each market and as a diff, and write the page."""
    check_out(arguments.out)
    budget_s = budget_of(arguments.budget)
    from signalnode.cli.sources import sources_of
    from signalnode.compiled.loader import compile_missing

    sources = sources_of(arguments)
    compile_missing(lambda line: print(line, file=sys.stderr, flush=True))
    folder: Path = arguments.out.with_suffix(WORK)
    with _kept_in(folder), hold_lock(folder / "lock"), _Bars() as bars:
        work = _Work(arguments, sources, folder, bars)
        try:
            verdicts = work.verdicts(budget_s)
        except KeyboardInterrupt:
            bars.stop()
            told = f"{work.replays} replays are kept in {folder}"
            print(f"signalnode: stopped; {told}: the same command goes on from there", file=sys.stderr)
            raise
        finally:
            for left in folder.glob("*.events"):
                left.unlink()
    for source in sources:
        for fault in source.decoding.faults.lines():
            print(f"signalnode: {fault}", file=sys.stderr)
    _tell(arguments, sources, verdicts, work)
    return 0


@contextlib.contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    try:
        ensure_directory(folder)
        yield
    except OSError as error:
        what = f"{folder}: cannot be written ({error.strerror or error})"
        raise OutputError(f"{what}; make room, or choose another --out") from None


class _Work:
    """One run over some markets."""

    def __init__(
        self, arguments: argparse.Namespace, sources: Sequence[Source], folder: Path, bars: _Bars
    ) -> None:
        from signalnode.cli.trying import stands

        self._arguments, self._sources, self._folder, self._bars = arguments, sources, folder, bars
        self.signals = {each.market: dict(each.settings.signals) if each.settings else {} for each in sources}
        self._targets = self._common_targets()
        self._chosen = self._chosen_targets()
        self.stands: dict[str, Values] = {
            market: stands(signals, self._targets) for market, signals in self.signals.items()
        }
        self.replays = 0  # done so far, in this run and before
        self.late = False  # whether the budget came to its end

    def _common_targets(self) -> tuple[Target, ...]:
        """The targets that all markets have; says which are left out."""
        from signalnode.cli.trying import targets_with

        by_market = [
            {each.name: each for each in targets_with(signals, self._arguments.horizon)}
            for signals in self.signals.values()
        ]
        common = [name for name in by_market[0] if all(name in each for each in by_market)]
        for name in dict.fromkeys(name for each in by_market for name in each if name not in common):
            print(f"signalnode: {name} is not a signal of every market here: left out", file=sys.stderr)
        return tuple(by_market[0][name] for name in common)

    def _chosen_targets(self) -> frozenset[str]:
        from signalnode.research.tuning.targets import meant

        names = self._arguments.signal
        if not names:
            return frozenset(each.name for each in self._targets)
        found = {name: meant(name, self._targets) for name in names}
        for name, target in found.items():
            if target is None:
                known = ", ".join(each.name for each in self._targets)
                raise UsageError(f"--signal {name}: has no parameters to tune; known are {known}")
        return frozenset(target.name for target in found.values() if target)

    def verdicts(self, budget_s: float | None) -> list[Verdict]:
        """Lay the recordings out, try, and judge."""
        from signalnode.cli.trying import Trying, moved_by, prepared
        from signalnode.research.tuning.journal import Journal
        from signalnode.research.tuning.study import Setup, reaches, study, without_conflicts
        from signalnode.research.tuning.trials import Bench, Found, Trial
        from signalnode.research.tuning.workers import Workers, cores

        tapes = [self._laid_out(source) for source in self._sources]
        reaches_s = reaches(tapes, self._targets)
        benches = [Bench(tape, self.signals[tape.market], self._targets, reaches_s) for tape in tapes]
        moved: dict[str, set[str]] = {}
        for signals in self.signals.values():
            for name, parameters in moved_by(self._targets, signals).items():
                moved.setdefault(name, set()).update(parameters)
        setup = Setup(
            tapes,
            self._targets,
            self._chosen,
            moved,
            self.stands,
            self._arguments.seed,
            self._arguments.trials,
        )
        until_ns = None if budget_s is None else clock.monotonic_ns() + int(budget_s * clock.NS_PER_S)
        workers: Workers[Trial, dict[str, Found]] = Workers(
            self._arguments.jobs or cores(), prepared, tuple(benches)
        )
        with Journal(self._folder / "journal") as journal, workers:
            trying = Trying(benches, journal, workers, until_ns, self._progress)
            found = without_conflicts(study(setup, trying))
        self.late = trying.late
        return found

    def _laid_out(self, source: Source) -> Tape:
        from signalnode.cli.trying import begun
        from signalnode.research.tuning.tape import laid_out

        tape = laid_out(
            source.market,
            source.decoding.slices(),
            begun(source.market, self.signals[source.market]),
            self._targets,
            self._folder / f"{source.market}.events",
            progress=lambda done: self._bars.show(f"reading {source.market}", done),
        )
        if not tape.events:
            raise DataError(f"{source.market}: no sound event in this span; choose another")
        return tape

    def _progress(self, done: int, of_all: int) -> None:
        self.replays = max(self.replays, done)
        self._bars.show(f"{of_all} replays", done / max(of_all, 1))


def _tell(
    arguments: argparse.Namespace, sources: Sequence[Source], verdicts: Sequence[Verdict], work: _Work
) -> None:
    """Print, and write the page."""
    from signalnode.research.tuning.page import page_of
    from signalnode.research.tuning.told import difference, lines_of, proposed_for

    diffs = {}
    for source in sources:
        values = proposed_for(source.market, verdicts)
        if values:
            path = source.settings.path if source.settings else None
            text = path.read_text(encoding="utf-8") if path else ""
            diffs[source.market] = difference(text, values, _shown(path) or f"{source.market}.toml")
    for line in lines_of(verdicts, work.stands):
        indent = len(line) - len(line.lstrip()) + 2
        print(textwrap.fill(line, TEXT_COLUMNS, subsequent_indent=" " * indent))
    for text in diffs.values():
        print(f"\n{text}", end="")
    about = f"{arguments.trials} trials a signal, seed {arguments.seed}."
    if work.late:
        about += f" The budget of {arguments.budget} came to its end before; the same command goes on."
        print(f"signalnode: {about}", file=sys.stderr)
    with writing(arguments.out), replacing(arguments.out) as draft:
        draft.write_text(page_of(verdicts, work.stands, diffs, about), encoding="utf-8")
    print(f"{'nothing was changed; ' if diffs else ''}{arguments.out}: the page, for a browser")


def _shown(path: Path | None) -> str:
    """A market's file as the user would name it from here."""
    if path is None:
        return ""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def budget_of(text: str) -> float | None:
    """Seconds of `90s`, `10m`, `2h`; none of "". Raises UsageError."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if not found:
        raise UsageError(f"--budget {text!r}: write 90s, 10m or 2h")
    return float(int(found[1]) * UNITS_S[found[2]])


class _Bars:
    """Progress on a terminal, a bar a step; nothing where nobody looks."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bars = Progress(console=Console(stderr=True), transient=True)
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def show(self, what: str, done: float) -> None:
        """Let the bar of a step stand at `done`, from 0 to 1."""
        if self._bars is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=1.0)
        self._bars.update(self._tasks[what], completed=done)

    def stop(self) -> None:
        """Take the bars away; twice is harmless."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
