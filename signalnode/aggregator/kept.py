"""Outcomes that outlive the process: one file, replaced as a whole, at most a minute old.

A lost minute costs a minute of learning, so it is written without waiting for the disk. What has begun and
not come true is not kept. Where a file cannot be read, or is of another version, learning begins anew, and
the next save takes its place. So it does for a market whose formulas mean something else by now: what
followed another formula says nothing of this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from signalnode.aggregator.measures.decay import Floats
from signalnode.aggregator.measures.outcomes import Outcomes
from signalnode.bus.wire import SCORE_NAMES
from signalnode.clock import NS_PER_S
from signalnode.errors import DataError
from signalnode.files import ensure_directory, replace_file
from signalnode.logs import Logger
from signalnode.strategies.outcomes import DECILES, SUMS, MarketOutcomes, cells_of

SAVE_S = 60.0
NAMED_MAX = 8  # markets in one line of the log
BYTES_MAX = 268_435_456  # 500 markets take 2 MB; 1,000 with 128 scores and eight horizons would not fit

_Steps = Annotated[int, Meta(ge=1)]


class KeptOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file: `sums` are f4, shape (SUMS, horizons, markets, names, DECILES)."""

    v: Literal[1]
    time_ns: int
    horizons_s: list[float]
    steps: list[_Steps]  # of the grid in each horizon
    markets: list[str]
    names: list[str]
    sums: bytes
    formulas: list[str] = []  # of each market, what its scores were made from

    def array(self) -> Floats:
        """The sums; raises DataError where they are not of that shape, or cannot be."""
        shape = (len(SUMS), len(self.horizons_s), len(self.markets), len(self.names), DECILES)
        if len(self.sums) != 4 * int(np.prod(shape)) or len(self.steps) != len(self.horizons_s):
            raise DataError(f"{len(self.sums)} bytes are no outcomes of {len(self.markets)} markets")
        sums = np.frombuffer(self.sums, "<f4").reshape(shape).astype(np.float64)
        if not np.isfinite(sums).all() or tuple(self.names[: len(SCORE_NAMES)]) != SCORE_NAMES:
            raise DataError("no outcomes of this version")
        return sums

    def tables(self) -> dict[str, MarketOutcomes]:
        """By market, of those of which anything is known."""
        sums, horizons_s, names = self.array(), tuple(self.horizons_s), tuple(self.names)
        cells = cells_of(sums, np.array(self.steps, np.float64)[:, None, None, None])
        return {
            market: MarketOutcomes(horizons_s, names, cells[:, :, place])
            for place, market in enumerate(self.markets)
            if sums[0, :, place].any()
        }


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(KeptOutcomes)


def outcomes_path(directory: Path) -> Path:
    """Beside the journal."""
    return directory / "outcomes.msgpack"


def save(path: Path, outcomes: Outcomes, time_ns: int, formulas: Mapping[str, str] | None = None) -> None:
    """Put what is known into the file at `path`; raises OSError, with the file as it was."""
    made_from = formulas or {}
    kept = KeptOutcomes(
        v=1,
        time_ns=time_ns,
        horizons_s=list(outcomes.horizons_s),
        steps=list(outcomes.steps),
        markets=outcomes.markets,
        names=outcomes.names,
        sums=outcomes.kept().astype("<f4").tobytes(),
        formulas=[made_from.get(market, "") for market in outcomes.markets],
    )
    replace_file(path, _ENCODER.encode(kept))


def load(path: Path) -> KeptOutcomes | None:
    """What was kept, None where nothing was; raises DataError, one line."""
    try:
        if not path.exists():
            return None
        with path.open("rb") as file:
            kept = _DECODER.decode(file.read(BYTES_MAX))
        kept.array()
    except (OSError, msgspec.MsgspecError, DataError) as error:
        raise DataError(f"{path}: cannot be read ({error}); move the file away") from None
    return kept


def of_other_formulas(kept: KeptOutcomes, formulas: Mapping[str, str]) -> list[str]:
    """The markets of both that were scored by other formulas then."""
    then = dict(zip(kept.markets, kept.formulas, strict=False))
    return [name for name in kept.markets if name in formulas and then.get(name) != formulas[name]]


def without(kept: KeptOutcomes, markets: Iterable[str]) -> KeptOutcomes:
    """The same, with nothing known of these."""
    sums = kept.array()
    sums[:, :, [kept.markets.index(name) for name in markets]] = 0.0
    return msgspec.structs.replace(kept, sums=sums.astype("<f4").tobytes())


def resumed(kept: KeptOutcomes, outcomes: Outcomes, now_ns: int) -> Sequence[str]:
    """Let `outcomes`, which knows nothing yet, go on from `kept`, by market and horizon; returns the names of
    scores, in the order in which it takes them from now on.
    """
    sums = np.zeros((len(SUMS), len(outcomes.horizons_s), len(outcomes.markets), len(kept.names), DECILES))
    was, there = kept.array(), {market: place for place, market in enumerate(kept.markets)}
    both = [(new, there[market]) for new, market in enumerate(outcomes.markets) if market in there]
    rows, old = (np.array([each[side] for each in both], np.intp) for side in (0, 1))
    for place, (horizon_s, steps) in enumerate(zip(outcomes.horizons_s, outcomes.steps, strict=True)):
        if (horizon_s, steps) in zip(kept.horizons_s, kept.steps, strict=True):
            before = kept.horizons_s.index(horizon_s)
            sums[:, place, rows] = was[:, before, old]
    outcomes.go_on(kept.names, sums, (now_ns - kept.time_ns) / NS_PER_S)
    return outcomes.names


class Keeper:
    """Saves every SAVE_S, and says once where that cannot be, and when it can again."""

    def __init__(self, path: Path, log: Logger, formulas: Mapping[str, str] | None = None) -> None:
        self._path, self._log = path, log
        self._formulas = dict(formulas or {})
        self._save_ns = 0
        self._fault = ""

    def begun(self, now_ns: int) -> KeptOutcomes | None:
        """What was kept; the first save is SAVE_S from now."""
        self._save_ns = now_ns + int(SAVE_S * NS_PER_S)
        try:
            kept = load(self._path)
        except DataError as error:
            self._log.warning("outcomes are learnt anew", reason=str(error))
            return None
        return kept and without(kept, self._told(of_other_formulas(kept, self._formulas)))

    def changed(self, formulas: Mapping[str, str]) -> list[str]:
        """From now on the markets are scored by these; returns those that were scored by others before."""
        then, self._formulas = self._formulas, dict(formulas)
        return self._told([name for name in formulas if then.get(name, formulas[name]) != formulas[name]])

    def _told(self, markets: list[str]) -> list[str]:
        if markets:
            named = ", ".join(markets[:NAMED_MAX]) + (", …" if len(markets) > NAMED_MAX else "")
            self._log.info("formulas have changed: outcomes are learnt anew", markets=named)
        return markets

    def keep(self, outcomes: Outcomes, now_ns: int, *, at_once: bool = False) -> None:
        """Save, if it is time."""
        if not outcomes.names or (now_ns < self._save_ns and not at_once):
            return
        self._save_ns = now_ns + int(SAVE_S * NS_PER_S)
        fault = ""
        try:
            ensure_directory(self._path.parent)
            save(self._path, outcomes, now_ns, self._formulas)
        except OSError as error:
            fault = error.strerror or type(error).__name__
        if fault and not self._fault:
            self._log.warning("outcomes cannot be kept", reason=fault)
        elif self._fault and not fault:
            self._log.info("outcomes are kept again")
        self._fault = fault
