"""Signals that a market adds: found, checked, and scored by the same scale as the seven.

A market's `[signals] extra` lists them as "file.py:name" or "module:name", or names one of OPTIONAL; whatever
is installed under the entry point group GROUP comes for every market. The name leads to a `Signal`, or to a
function `f(features, parameters) -> float` that becomes a one-sided signal of its own name. A reading that
raises, calls `sys.exit()` or is no number counts as "cannot say" (NaN). Readings of OPTIONAL are compiled, as
those of the seven are; a user's own is plain Python.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import math
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np

from signalnode.bus.wire import SCORES_MAX
from signalnode.compiled import entry
from signalnode.errors import ExtensionError, in_words
from signalnode.features import FEATURES
from signalnode.scores import MarketScores
from signalnode.settings.code import run_file
from signalnode.signals import BUILT_IN_SCORES, OPTIONAL, PARAMETER_DTYPE, PARAMETERS
from signalnode.signals.base import Signal, heard, strengths
from signalnode.signals.kernel import read_all_of
from signalnode.signals.scale import SCALE, SHAPE, is_known, learn, new_scales, score_of

GROUP = "signalnode.signals"
OPTIONAL_SCORES = tuple(name for signal in OPTIONAL.values() for name in signal.scores)
EXTRA_SCORES_MAX = SCORES_MAX - len(BUILT_IN_SCORES)  # that a market may add: one message holds them all


def places_of(extra: object) -> tuple[str, ...]:
    """Where a market's added signals are: as `extra`, a list of strings, says, then as GROUP does.

    Raises ExtensionError where `extra` is no such list.
    """
    if not isinstance(extra, list | tuple) or not all(isinstance(place, str) for place in extra):
        raise ExtensionError(f'extra: {extra!r} is no list of places; write ["file.py:name"]')
    return (*extra, *(entry.value for entry in installed()))


def load_signals(places: Iterable[str]) -> tuple[Signal, ...]:
    """The signals at `places`, one for each.

    Raises ExtensionError naming the place where one cannot be loaded, is no signal, or takes a name that
    another has.
    """
    signals: list[Signal] = []
    taken = set(BUILT_IN_SCORES)
    for place in places:
        signal = _as_signal(place, _load(place))
        for name in signal.scores:
            if name in taken:
                raise ExtensionError(f"{place}: there is a score {name!r} already; choose another name")
            taken.add(name)
        signals.append(signal)
    added = len(taken) - len(BUILT_IN_SCORES)
    if added > EXTRA_SCORES_MAX:
        raise ExtensionError(f"{added} scores added; a market takes {EXTRA_SCORES_MAX} of its own")
    return tuple(signals)


@functools.cache
def installed() -> tuple[EntryPoint, ...]:
    """What is installed under GROUP, by name. Kept: looking it up reads a file of every installed package."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def _load(place: str) -> Any:
    source, colon, name = place.rpartition(":")
    if not colon:
        if name not in OPTIONAL:
            raise ExtensionError(
                f'{place}: no such signal; name one of {", ".join(OPTIONAL)}, or write "file.py:name"'
            )
        return OPTIONAL[name]
    try:
        if source.endswith(".py"):
            module = run_file(Path(source), f"signalnode_signal_{Path(source).stem}")
        else:
            module = importlib.import_module(source)
        found = getattr(module, name, None)
    except (Exception, SystemExit) as error:  # whatever the user's file raises is theirs to see
        raise ExtensionError(f"{place}: cannot be loaded: {in_words(error)}; mend the file") from None
    if found is None:
        raise ExtensionError(f"{place}: {source} holds no {name!r}; mend the name after the colon")
    return found


def _as_signal(place: str, thing: Any) -> Signal:
    if callable(thing) and not isinstance(thing, Signal):
        thing = Signal((place.rpartition(":")[2],), thing)
    if not isinstance(thing, Signal) or len(thing.scores) not in (1, 2):
        raise ExtensionError(f"{place}: is neither a Signal nor a function of (features, parameters)")
    if thing.parameters:
        raise ExtensionError(
            f"{place}: has parameters, which nobody could set; make them constants of its file"
        )
    searched = {parameter.name for parameter in PARAMETERS if parameter.search[1] > 0.0}
    for name in thing.tuned:
        if name not in searched:
            raise ExtensionError(f"{place}: tuned: {name!r} is none of {', '.join(sorted(searched))}")
    try:
        float(thing.reading(_record(np.ones(1, FEATURES)), _record(np.ones(1, PARAMETER_DTYPE))))
    except (Exception, SystemExit) as error:
        mend = _near_field(error) or "mend the file"
        raise ExtensionError(f"{place}: its reading fails: {in_words(error)}; {mend}") from None
    return thing


def _near_field(error: BaseException) -> str:
    """The mend of a feature or parameter that is misspelt; "" where that is not what went wrong."""
    if not isinstance(error, AttributeError) or not isinstance(error.obj, np.record):
        return ""
    known = error.obj.dtype.names or ()
    near = difflib.get_close_matches(str(error.name), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _record(array: Any) -> Any:
    """The one row of `array` as a record whose fields are attributes too."""
    return array.view(np.recarray)[0]


def shapes_of(signals: Iterable[Signal]) -> Any:
    """What the scale must know of each score; shape (n,), dtype SHAPE."""
    shapes = []
    for signal in signals:
        spread = signal.spread if not signal.two_sided or signal.activity else 0.0
        sides = (1, -1) if signal.two_sided else (0,)
        shapes += [(side, signal.anchored, spread, signal.floor) for side in sides]
    return np.array(shapes, SHAPE)


_read_all_optional = read_all_of(tuple(OPTIONAL.values()))


@entry(features=FEATURES, parameters=PARAMETER_DTYPE, out="<f8")
def _read_optional(features: Any, parameters: Any, out: Any) -> None:
    _read_all_optional(features[0], parameters[0], out)


@entry(scales=SCALE, shapes=SHAPE, raw="<f8", parameters=PARAMETER_DTYPE)
def _learn(scales: Any, shapes: Any, raw: Any, parameters: Any) -> None:
    learn(scales, shapes, raw, parameters[0])


@entry(scales=SCALE, shapes=SHAPE, raw="<f8", parameters=PARAMETER_DTYPE, out="<f8")
def _score(scales: Any, shapes: Any, raw: Any, parameters: Any, out: Any) -> int:
    """Which of them are unknown, as bits."""
    unknown = 0
    for i in range(len(raw)):
        if not is_known(scales[i], raw[i]):
            unknown |= 1 << i
        out[i] = score_of(scales, shapes, raw, i, parameters[0])
    return unknown


class ExtraSignals:
    """The added signals of one market: `scales` is what their scores have learnt, shape (n,), dtype SCALE."""

    def __init__(self, signals: tuple[Signal, ...], parameters: Any) -> None:
        self.signals = signals
        self.names = tuple(name for signal in signals for name in signal.scores)
        built_in = tuple(signal for signal in signals if signal in OPTIONAL.values())
        compiled = {name for signal in built_in for name in signal.scores}
        self._shapes = shapes_of(signals)
        self.scales = new_scales(self._shapes)
        self._parameters = parameters
        self._parameters_record = _record(parameters)
        self._read_from: Any = None
        self._features: Any = None
        self._raw = np.zeros(len(self.names))
        self._out = np.zeros(len(self.names))
        self._optional = np.zeros(len(OPTIONAL_SCORES))
        self._compiled_from = [i for i, name in enumerate(OPTIONAL_SCORES) if name in compiled]
        self._compiled_at = [self.names.index(OPTIONAL_SCORES[i]) for i in self._compiled_from]
        self._in_python = [
            (self.names.index(signal.scores[0]), signal) for signal in signals if signal not in built_in
        ]

    def learn(self, features: Any) -> None:
        """Take one sample of `features` (array of one record) as of the grid point just passed."""
        self._read(features)
        _learn.raw(self.scales, self._shapes, self._raw, self._parameters)

    def score(self, features: Any) -> MarketScores:
        """The scores by name, of `features` as they are; changes nothing."""
        unknown = self.score_into(self._out, features)
        names = tuple(name for i, name in enumerate(self.names) if unknown >> i & 1)
        return MarketScores.of(zip(self.names, self._out.tolist(), strict=True), names)

    def score_into(self, out: Any, features: Any) -> int:
        """The scores into `out`, f8 of as many as there are names; returns which are unknown, as bits."""
        self._read(features)
        return _score.raw(self.scales, self._shapes, self._raw, self._parameters, out)

    def _read(self, features: Any) -> None:
        if self._compiled_at:
            _read_optional.raw(features, self._parameters, self._optional)
            self._raw[self._compiled_at] = self._optional[self._compiled_from]
        if not self._in_python:
            return
        if features is not self._read_from:  # most ask of the same array each time, and a view takes 10 µs
            self._read_from, self._features = features, _record(features)
        f, p = self._features, self._parameters_record
        for at, signal in self._in_python:
            readings = [math.nan] * len(signal.scores)
            with contextlib.suppress(Exception, SystemExit):  # the market's other scores must go on
                if all(f[heard(need)] for need in signal.needs):
                    readings = _strengths_of(signal, f, p)
            self._raw[at : at + len(readings)] = readings


def _strengths_of(signal: Signal, f: Any, p: Any) -> list[float]:
    """What each of its scores is made of."""
    reading = float(signal.reading(f, p))
    if not signal.two_sided:
        return [reading]
    return list(strengths(reading, float(signal.activity(f, p)) if signal.activity else 0.0))
