"""How `tune` tries: engines for its trials, which parameters move what, and the processes it runs them in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from signalnode import clock
from signalnode.compiled.loader import compile_missing
from signalnode.engine.core import SignalEngine
from signalnode.events import Events
from signalnode.feeds.synthetic import synthetic_events
from signalnode.research.tuning.decision import NEIGHBOUR_STEP
from signalnode.research.tuning.journal import Journal
from signalnode.research.tuning.study import Results
from signalnode.research.tuning.tape import GRID_NS, Score
from signalnode.research.tuning.targets import Target, targets_of
from signalnode.research.tuning.trials import Bench, Found, Prepared, Trial
from signalnode.research.tuning.workers import Workers
from signalnode.signals import PARAMETERS, SIGNALS
from signalnode.signals.extra import load_signals, places_of
from signalnode.signals.parameters import parameters_of

PROBED_EVENTS = 4_096  # of a synthetic market, two minutes
FEW = 64  # trials that are run whatever the time: what stands, and the neighbours of a proposal
FORMAT = 1  # of what a trial finds: another means that none of the old count

Progress = Callable[[int, int], None]  # replays done, of so many


def begun(market: str, signals: Mapping[str, object]) -> Score:
    """An engine of its own with this `[signals]` table."""
    engine = SignalEngine(market, signals)

    def score(events: Events, interval_ns: int) -> npt.NDArray[Any]:
        return engine.replay(events, interval_ns, with_unknown=True)

    return score


def targets_with(signals: Mapping[str, object], own_horizon_s: float) -> tuple[Target, ...]:
    """What can be tuned of a market with this `[signals]` table, signals of its own among them."""
    added = load_signals(places_of(signals.get("extra", ())))
    return targets_of((*SIGNALS, *added), PARAMETERS, own_horizon_s)


def moved_by(targets: Iterable[Target], signals: Mapping[str, object]) -> dict[str, set[str]]:
    """By target, the parameters searched by any that move its scores: seen on a market made up."""
    chosen = list(targets)
    events = synthetic_events(1, PROBED_EVENTS)

    def columns(values: Mapping[str, object]) -> dict[str, bytes]:
        table = begun("PROBE-USD", {**signals, **values})(events, GRID_NS)
        return {each.name: each.column(table).tobytes() for each in chosen}

    before = columns({})
    moved: dict[str, set[str]] = {each.name: set() for each in chosen}
    standing = stands(signals, chosen)
    for parameter in {parameter.name: parameter for each in chosen for parameter in each.own}.values():
        value = standing[parameter.name]
        other = (
            value * NEIGHBOUR_STEP if value * NEIGHBOUR_STEP <= parameter.maximum else value / NEIGHBOUR_STEP
        )
        after = columns({parameter.name: other})
        for name, column in after.items():
            if column != before[name]:
                moved[name].add(parameter.name)
    return moved


def identity_of(bench: Bench) -> str:
    """Digest of all that decides what a trial of a market finds."""
    engine = SignalEngine(bench.tape.market, bench.signals)
    facts = (FORMAT, GRID_NS, bench.tape.digest, engine.identity(), sorted(bench.reaches_s.items()))
    return hashlib.blake2b(repr(facts).encode(), digest_size=12).hexdigest()


def prepared(benches: tuple[Bench, ...]) -> Callable[[Trial], dict[str, Found]]:
    """What a process does with a trial; the ranks of a market are worked out at its first."""
    compile_missing(lambda _: None)
    by_market = {bench.tape.market: bench for bench in benches}
    kept: dict[str, Prepared] = {}

    def work(trial: Trial) -> dict[str, Found]:
        if trial.market not in kept:
            kept[trial.market] = Prepared(by_market[trial.market])
        return kept[trial.market].measured(begun, dict(trial.values))

    return work


class Trying:
    """Trials run in processes, kept in a journal, until `until_ns` of the monotonic clock."""

    def __init__(
        self,
        benches: Sequence[Bench],
        journal: Journal,
        workers: Workers[Trial, dict[str, Found]],
        until_ns: int | None,
        progress: Progress,
    ) -> None:
        self._of = {bench.tape.market: identity_of(bench) for bench in benches}
        self._journal, self._workers = journal, workers
        self._until_ns, self._progress = until_ns, progress
        self.late = False  # whether there was too little time

    def __call__(self, trials: Sequence[Trial]) -> Results:
        """Those that are done, known ones among them; more than a few only while there is time."""
        found: dict[Trial, Mapping[str, Found]] = {}
        for trial in trials:
            known = self._journal.get(self._of[trial.market], trial.values)
            if known is not None:
                found[trial] = known
        missing = [trial for trial in dict.fromkeys(trials) if trial not in found]
        done, of_all = len(found), len(found) + len(missing)
        self._progress(done, of_all)
        if not missing:  # and so no process is needed
            return found
        for trial, answer in self._workers.done(self._in_time(missing)):
            self._journal.add(self._of[trial.market], trial.values, answer)
            found[trial] = answer
            done += 1
            self._progress(done, of_all)
        return found

    def _in_time(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        for place, trial in enumerate(trials):
            late = self._until_ns is not None and clock.monotonic_ns() >= self._until_ns
            if late and len(trials) > FEW and place > 0:
                self.late = True
                return
            yield trial


def stands(signals: Mapping[str, object], targets: Iterable[Target]) -> dict[str, float]:
    """Every searched parameter as it is in a `[signals]` table."""
    numbers = {name: value for name, value in signals.items() if name != "extra"}
    record = parameters_of(numbers)
    names = {parameter.name for each in targets for parameter in each.own}
    return {name: float(record[name][0]) for name in sorted(names)}
