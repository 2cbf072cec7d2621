"""The whole of it: what is tried, and what is said of each signal of each market in the end.

How trials are run (in which processes, kept in which file, for how long) comes in as a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from signalnode.research.tuning.decision import (
    Finding,
    doubts,
    doubts_nearby,
    doubts_of_others,
    find,
)
from signalnode.research.tuning.shrinkage import shrunk
from signalnode.research.tuning.space import Values, drawn, neighbours, passes
from signalnode.research.tuning.splits import BLOCKS_MIN, block_s
from signalnode.research.tuning.tape import Tape
from signalnode.research.tuning.targets import Target
from signalnode.research.tuning.trials import Found, Trial, gains_of

TRIALS_MIN = 30  # fewer say little of what there is to be found
WARM_UP_S = 120.0  # of a recording, that teaches nothing

Results = Mapping[Trial, Mapping[str, Found]]
Run = Callable[[Sequence[Trial]], Results]  # as many as there was time for, the first ones all done


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one signal of one market; a proposal where `proposed` holds any values."""

    market: str
    target: Target
    block_s: float
    finding: Finding | None = None  # none: there was too little to try anything
    proposed: Values = field(default_factory=dict)
    doubts: tuple[str, ...] = ()  # why not
    best: Values = field(default_factory=dict)  # what was best over all blocks, proposed or not
    ic: float = math.nan  # information coefficient of what stands
    nearby: float = math.nan  # the least that a neighbour at ±20% keeps of the gain
    gains: tuple[float, ...] = ()  # of the best, by block
    inside: tuple[float, ...] = ()  # mean gain of every trial
    tried: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """What a study is of."""

    tapes: Sequence[Tape]
    targets: Sequence[Target]
    chosen: frozenset[str]  # the targets, by name, that are tuned; the others must not lose by it
    moved_by: Mapping[str, set[str]]  # by target: the parameters that move it
    stands: Mapping[str, Values]  # by market: the values of every parameter as they are
    seed: int
    trials: int


def reaches(tapes: Sequence[Tape], targets: Sequence[Target]) -> dict[str, float]:
    """By target, in seconds: its horizon and the longest half-life in any market; ∞ where it never moves."""
    found = {}
    for target in targets:
        known = [tape.half_lives_s[target.name] for tape in tapes]
        known = [each for each in known if not math.isnan(each)]
        found[target.name] = target.horizon_s + max(known) if known else math.inf
    return found


def enough_s(reach_s: float) -> float:
    """How long a recording must be for a decision, in seconds."""
    return BLOCKS_MIN * block_s(reach_s) + WARM_UP_S


def study(setup: Setup, run: Run) -> list[Verdict]:
    """Try, and judge; a verdict for each target of each market, in their order."""
    return _Study(setup, run).verdicts()


class _Study:
    def __init__(self, setup: Setup, run: Run) -> None:
        self._setup, self._run = setup, run
        self._reaches = reaches(setup.tapes, setup.targets)
        self._results: dict[Trial, Mapping[str, Found]] = {}

    def verdicts(self) -> list[Verdict]:
        markets = [tape.market for tape in self._setup.tapes]
        self._results.update(self._run([Trial(market, ()) for market in markets]))
        able = {target.name: self._able(target) for target in self._setup.targets}
        groups = self._groups([name for name, found in able.items() if found])
        done = self._tried(groups, able)
        looks = sum(map(len, able.values()))
        found = []
        for target in self._setup.targets:
            if target.name not in self._setup.chosen:
                continue
            of_target = {market: self._too_little(target, market) for market in markets}
            if able[target.name]:
                group = next(group for group in groups if target.name in group)
                of_target.update(self._judged(target, group, able[target.name], done, looks))
            found.append(of_target)
        return [of_target[market] for market in markets for of_target in found]

    def _able(self, target: Target) -> list[str]:
        """The markets whose recordings hold blocks enough."""
        return [
            tape.market
            for tape in self._setup.tapes
            if target.name in self._setup.chosen
            and len(self._results[Trial(tape.market, ())][target.name].blocks) >= BLOCKS_MIN
        ]

    def _groups(self, names: Sequence[str]) -> list[list[str]]:
        own = {
            each.name: [parameter.name for parameter in each.own]
            for each in self._setup.targets
            if each.name in names
        }
        return passes(own, self._setup.moved_by)

    def _too_little(self, target: Target, market: str) -> Verdict:
        reach_s = self._reaches[target.name]
        tape = next(tape for tape in self._setup.tapes if tape.market == market)
        found = self._results[Trial(market, ())][target.name]
        length_s = block_s(reach_s)
        if math.isinf(reach_s) or math.isnan(tape.half_lives_s[target.name]):
            why = "its score does not move here: nothing can be said"
        else:
            why = (
                f"too short: {len(found.blocks)} of {BLOCKS_MIN} blocks of {spoken(length_s)} are filled; "
                f"{spoken(enough_s(reach_s))} of recording would be enough"
            )
        return Verdict(market, target, length_s, doubts=(why,))

    def _values(self, group: Sequence[str], trial: int) -> Values:
        """What is tried together in one replay."""
        targets = [each for each in self._setup.targets if each.name in group]
        return drawn([parameter for each in targets for parameter in each.own], self._setup.seed, trial)

    def _tried(self, groups: Sequence[Sequence[str]], able: Mapping[str, Sequence[str]]) -> int:
        """Run the trials; how many of them are done in every market, from the first on."""
        rounds = [
            [
                _trial(market, self._values(group, number))
                for group in groups
                for market in sorted({market for name in group for market in able[name]})
            ]
            for number in range(1, self._setup.trials + 1)
        ]
        self._results.update(self._run([trial for each in rounds for trial in each]))
        for done, trials in enumerate(rounds):
            if any(trial not in self._results for trial in trials):
                return done
        return len(rounds)

    def _judged(
        self, target: Target, group: Sequence[str], markets: Sequence[str], done: int, looks: int
    ) -> dict[str, Verdict]:
        tried = [{}, *(self._values(group, number) for number in range(1, done + 1))]
        own = [parameter.name for parameter in target.own]
        found = [
            [self._results[_trial(market, values)][target.name] for values in tried] for market in markets
        ]
        _, gains = gains_of(found)
        verdicts = {}
        for place, market in enumerate(markets):
            stands = self._setup.stands[market]
            mine = [{name: {**stands, **values}[name] for name in own} for values in tried]
            ic = float(np.mean(found[place][0].ics))
            verdict = Verdict(market, target, block_s(self._reaches[target.name]), ic=ic)
            if done < TRIALS_MIN:
                why = f"{done} trials are done; {TRIALS_MIN} at least are needed: give it more time"
                verdicts[market] = _with(verdict, doubts=(why,))
                continue
            finding = find(gains, place)
            known = np.isfinite(gains[place, 0])
            verdict = _with(
                verdict,
                finding=finding,
                best=mine[finding.best],
                gains=tuple(gains[place, finding.best, known].tolist()),
                inside=tuple(gains[place][:, known].mean(axis=1).tolist()),
                tried=tuple(mine),
                doubts=tuple(doubts(finding, looks)),
            )
            verdicts[market] = verdict if verdict.doubts else self._examined(verdict, found, place, markets)
        return verdicts

    def _examined(
        self, verdict: Verdict, found: Sequence[Sequence[Found]], place: int, markets: Sequence[str]
    ) -> Verdict:
        """What the trials speak for, held against its neighbours and what it does to other scores."""
        target = verdict.target
        nearby = neighbours(verdict.best, target.own)
        tried = [verdict.best, *nearby.values()]
        self._results.update(self._run([_trial(market, each) for each in tried for market in markets]))
        more = [
            [*found[i], *(self._results[_trial(market, each)][target.name] for each in tried)]
            for i, market in enumerate(markets)
        ]
        _, gains = gains_of(more)
        known = np.isfinite(gains[place, 0])
        means = shrunk(gains)[place][:, known].mean(axis=1)[-len(tried) :]
        told = doubts_nearby(float(means[0]), dict(zip(nearby, means[1:].tolist(), strict=True)))
        told += doubts_of_others(self._others(verdict))
        least = float(means[1:].min() / means[0]) if len(means) > 1 else math.nan
        return _with(verdict, doubts=tuple(told), proposed={} if told else verdict.best, nearby=least)

    def _others(self, verdict: Verdict) -> dict[str, list[float]]:
        """Gains by block of the market's other targets, by the proposal."""
        before = self._results[Trial(verdict.market, ())]
        after = self._results[_trial(verdict.market, verdict.best)]
        return {
            name: gains_of([[before[name], after[name]]])[1][0, 1].tolist()
            for name in before
            if name != verdict.target.name and before[name].blocks == after[name].blocks
        }


def _trial(market: str, values: Mapping[str, float]) -> Trial:
    return Trial(market, tuple(sorted(values.items())))


def _with(verdict: Verdict, **changes: object) -> Verdict:
    return replace(verdict, **changes)  # type: ignore[arg-type]


def without_conflicts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same; of two proposals that would set one parameter of one market, the surer one is left."""

    def sureness(verdict: Verdict) -> float:
        finding = verdict.finding
        return finding.held_out / max(finding.error, 1e-12) if finding and verdict.proposed else -math.inf

    taken: dict[tuple[str, str], str] = {}
    out = {id(each): each for each in verdicts}
    for verdict in sorted(verdicts, key=sureness, reverse=True):
        for name in verdict.proposed:
            other = taken.setdefault((verdict.market, name), verdict.target.name)
            if other != verdict.target.name:
                why = f"{other} would set {name} otherwise, and is surer"
                out[id(verdict)] = _with(verdict, proposed={}, doubts=(why,))
                break
    return [out[id(each)] for each in verdicts]


def spoken(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7_200.0 else f"{seconds / 3_600.0:.1f} h"
