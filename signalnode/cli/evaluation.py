"""`signalnode.evaluate`: recordings through the engine, once; what the scores were worth, as one object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from signalnode.cli.sources import Given
from signalnode.cli.spans import Source
from signalnode.engine.core import SignalEngine
from signalnode.errors import UsageError
from signalnode.events import Events, as_events
from signalnode.feeds import open_decoding
from signalnode.names import checked_name
from signalnode.research.claims import HORIZONS_S, OWN_HORIZON_S, claims_of
from signalnode.research.evaluation import Evaluation, MarketEvaluation
from signalnode.research.gathering import Gathering
from signalnode.research.grid import Walk
from signalnode.research.judging import judged, measured
from signalnode.research.replay import whole_instants
from signalnode.research.stretch import Stretch
from signalnode.settings import load_node

Progress = Callable[[str, float], None]  # the market at work, and the fraction of its recording done
Paths: TypeAlias = "Iterable[str | PathLike[str]] | str | PathLike[str]"


def evaluate(
    markets: Mapping[str, Events | Paths],
    *,
    venue: str = "",
    signals: Mapping[str, object] | None = None,
    config: str | PathLike[str] | None = None,
    own_horizon_s: float = OWN_HORIZON_S,
    progress: Progress | None = None,
) -> Evaluation:
    """What each score of each market foresaw, held against what it claims.

    `markets` has by name events (shape (n,), dtype EVENT) or files: recordings, or captures of `venue`. The
    scores are those that the `[signals]` table `signals` gives, of every market alike, or that `config`, the
    path of a `signalnode.toml`, has for each; `extra` ones are looked at within `own_horizon_s`, one of
    HORIZONS_S. All markets count as looks together.

    Raises DataError for what cannot be read, ConfigError and ExtensionError for signals at fault, UsageError
    for a name or horizon that cannot be.
    """
    node = None if config is None else load_node(Path(config))
    sources = []
    for name, given in markets.items():
        checked_name(name)
        known = node.markets.get(name) if node else None
        is_events = isinstance(given, np.ndarray)
        decoding = Given(as_events(given)) if is_events else open_decoding(given, venue=venue, market=name)  # type: ignore[arg-type]
        sources.append(Source(name, decoding, known))
    return evaluated(sources, signals=signals, own_horizon_s=own_horizon_s, progress=progress)


def evaluated(
    sources: Iterable[Source],
    *,
    signals: Mapping[str, object] | None = None,
    own_horizon_s: float = OWN_HORIZON_S,
    progress: Progress | None = None,
) -> Evaluation:
    """As `evaluate`, of sources that are open; one market is in memory at a time."""
    if own_horizon_s not in HORIZONS_S:
        known = ", ".join(f"{each:g}" for each in HORIZONS_S)
        raise UsageError(f"a horizon of {own_horizon_s:g} s is none of {known}")
    return judged([_measured(source, signals, own_horizon_s, progress) for source in sources])


def _measured(
    source: Source, signals: Mapping[str, object] | None, own_horizon_s: float, progress: Progress | None
) -> MarketEvaluation:
    engine = SignalEngine(source.market, source.settings if signals is None else signals)
    claims = [claim for name in engine.names for claim in claims_of(name, own_horizon_s)]

    def score(events: Events, interval_ns: int) -> npt.NDArray[Any]:
        return engine.replay(events, interval_ns, with_unknown=True)

    walk, stretch, gathering = Walk(score), Stretch(), Gathering(engine.names, claims)
    for events, done in whole_instants(source.decoding.slices()):
        for rows in walk.take(events):
            for chunk in stretch.take(rows):
                gathering.take(chunk)
        if progress:
            progress(source.market, done)
    for chunk in stretch.end():
        gathering.take(chunk)
    return measured(source.market, walk, gathering, claims)
