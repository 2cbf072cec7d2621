"""SignalEngine: events in, scores out. Pure but for `get_continuous_scores`, which asks what time it is."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode import clock
from signalnode.engine.step import SCORED, STEP, Step, read, read_head
from signalnode.engine.step import step as take_step
from signalnode.errors import CheckpointError, DataError, EventOrderError, EventTimeError
from signalnode.events import EVENT, Events, as_events, time_fault
from signalnode.features import FEATURES
from signalnode.feeds import ChannelHealth
from signalnode.feeds.base import first_after
from signalnode.scores import UNKNOWN, MarketScores
from signalnode.settings import MarketSettings
from signalnode.signals import BUILT_IN_SCORES, SIGNALS
from signalnode.signals.extra import ExtraSignals, load_signals, places_of, shapes_of
from signalnode.signals.identity import added_digest, formulas_digest
from signalnode.signals.kernel import (
    ALL_NS,
    SCORING,
    consume,
    first_untimely,
    ingest,
    score,
)
from signalnode.signals.parameters import parameters_of
from signalnode.signals.rows import BLOCK, COLUMNS, replay

DEFAULT_INTERVAL_NS = 100 * clock.NS_PER_MS
NO_EVENTS = np.zeros(0, EVENT)
Bits = npt.NDArray[np.uint64]  # a bit a score, in the order of the engine's names
ROWS_MAX = 50_000_000  # in the answer of one replay, 4 GB: one event with a wrong date must not ask for more


class SignalEngine:
    """One market's scores.

    `market` is its name; `settings` its MarketSettings, or just its `[signals]` table as a mapping. Raises
    ConfigError for parameters that cannot be, ExtensionError for an added signal that cannot be loaded.
    """

    def __init__(self, market: str, settings: MarketSettings | Mapping[str, object] | None = None) -> None:
        self.market = market
        where, table = market, settings or {}
        if isinstance(table, MarketSettings):
            where, table = str(table.path or market), table.signals
        numbers = {key: value for key, value in table.items() if key != "extra"}
        self._parameters = parameters_of(numbers, where)
        self._places = places_of(table.get("extra", ()))
        self._extra = ExtraSignals(load_signals(self._places), self._parameters)
        self.has_extra = len(self._extra.names) > 0
        self.names: tuple[str, ...] = BUILT_IN_SCORES + self._extra.names
        self._scoring = np.zeros(1, SCORING)
        self._scoring["parameters"] = self._parameters
        self._scoring["shapes"][0] = shapes_of(SIGNALS)
        self._state, self._scores = self._scoring["state"], self._scoring["scores"][0]
        self._scales, self._features = self._scoring["scales"][0], self._scoring["features"]
        names = ("time_ns", "time_event_ns", "events", "samples", "has_price", "bid", "ask")
        self._time_ns, self._time_event_ns, self._events, self._samples, *self._price = (
            self._state[name]
            for name in names  # views: a record's field is looked up anew at each reading
        )
        self._unknown = self._scoring["unknown"]
        self._kept = [part.view(np.uint8).data for part in (self._state, self._scales, self._extra.scales)]
        self.row = np.zeros(1, STEP)  # of the newest step
        self._stepped = self.row.view(np.uint8).data
        self._scored = self._stepped[SCORED]
        self._made: MarketScores | None = None  # of that row
        # Their arrays are checked, or made, here.
        self._ingest, self._score, self._take_step = ingest.raw, score.raw, take_step.raw
        self._next_row_ns: int | None = None
        self._ingested_ns = 0

    @property
    def time_ns(self) -> int:
        """Kernel time of the newest event; 0 before the first."""
        return self._time_ns.item()  # type: ignore[no-any-return]

    @property
    def time_event_ns(self) -> int:
        """The venue's time of the newest event; 0 before the first."""
        return self._time_event_ns.item()  # type: ignore[no-any-return]

    @property
    def events(self) -> int:
        """Events taken so far."""
        return self._events.item()  # type: ignore[no-any-return]

    @property
    def refused(self) -> int:
        """Events that could not be true (NaN, not positive, crossed, unknown kind) and were left out."""
        return int(self._state["refused"][0])

    @property
    def warm(self) -> float:
        """Share of the baseline window seen, 0 to 1; what comes before the first price is none of it."""
        sample_s, baseline_s = (self._parameters[name].item() for name in ("sample_s", "baseline_s"))
        share: float = self._samples.item() * sample_s / baseline_s
        return share if share < 1.0 else 1.0

    @property
    def mid(self) -> float:
        """Arithmetic mid of the best bid and ask, quote currency; NaN before the first price."""
        has_price, bid, ask = self._price
        mid: float = 0.5 * (bid.item() + ask.item()) if has_price.item() else math.nan
        return mid

    def ingest(self, events: Events) -> None:
        """Take events (shape (n,), dtype EVENT) in order of `time_received_ns`, none before the newest
        already taken.

        Raises TypeError for another dtype, EventTimeError for a time that cannot be, EventOrderError where it
        runs backwards; none is taken then.
        """
        rows = (
            events
            if type(events) is np.ndarray
            and events.dtype is EVENT
            and events.flags.carray
            and events.ndim == 1
            else as_events(events)
        )
        if self.has_extra:
            self._refuse(first_untimely(self._scoring, rows), rows)
            self._learn_along(rows, 0, ALL_NS)
        else:
            wrong = self._ingest(self._scoring, rows)
            if wrong >= 0:
                self._refuse(wrong, rows)
        self._ingested_ns = clock.monotonic_ns()

    def scores_at(self, time_ns: int) -> MarketScores:
        """The scores by name as of kernel time `time_ns`; changes nothing. Those without evidence are 50, and
        named in its `unknown`: all of them before the first price.

        Raises EventOrderError for a time before the newest event.
        """
        warm = self._score(self._scoring, time_ns)
        if warm < 0.0:
            raise EventOrderError(
                f"{self.market}: asked for scores at {time_ns}, but the newest event is of {self.time_ns}; "
                "ask for then or later"
            )
        return self._named(self._scores.tolist(), self._unknown.item())

    def step(  # noqa: PLR0917 - ten times a second in each engine
        self,
        block: Events,
        start: int,
        count_max: int,
        health: ChannelHealth,
        take_ns: int,
        until_ns: int,
        since_ns: int = 0,
    ) -> tuple[int, int, int, int]:
        """Take from block[start:], as feeds make them, what is at or before `take_ns`, `count_max` at most;
        let `health` hear it, and say how all stands as of kernel time `until_ns`. That is the newest event's
        where it is later, or where `count_max` were taken. `since_ns`: nothing could come before it. Returns
        the first numbers of a Step; `stood` is the whole. Raises as `ingest` does.
        """
        self._made = None
        if self.has_extra:
            return self._step_along(block, start, count_max, health, take_ns, until_ns, since_ns)
        scoring, out = self._scoring, self.row
        wrong = self._take_step(
            scoring, block, health.state, out, start, count_max, take_ns, until_ns, since_ns
        )
        if wrong >= 0:
            self._refuse(wrong, block)
        return read_head(self._stepped)

    def stood(self) -> Step:
        """How all stood after the newest step."""
        return read(self._stepped)

    def stood_scores(self) -> MarketScores:
        """The scores by name, of the newest step; as `scores_at` would give them."""
        if self._made is None:
            step = self.stood()
            self._made = self._named(step.scores, step.unknown)
        return self._made

    def scored(self) -> object:
        """What is equal for two steps only where the scores are, and what of them is unknown."""
        if self.has_extra:
            scores = self.stood_scores()
            return scores, scores.unknown
        return self._scored.tobytes()

    async def get_continuous_scores(self) -> MarketScores:
        """The scores by name, now: at the newest event's kernel time, and as much later as has passed since
        it was ingested; see `scores_at`.
        """
        waited = clock.monotonic_ns() - self._ingested_ns if self._ingested_ns else 0
        return self.scores_at(self.time_ns + max(waited, 0))

    def features_at(self, time_ns: int) -> dict[str, float]:
        """Every feature by name, in natural units, as of kernel time `time_ns`; changes nothing.

        Raises EventOrderError for a time before the newest event.
        """
        self.scores_at(time_ns)
        return {name: float(self._features[name][0]) for name in FEATURES.names or ()}

    def replay(
        self,
        events: Events,
        interval_ns: int = DEFAULT_INTERVAL_NS,
        *,
        with_unknown: bool = False,
        until_ns: int = 0,
    ) -> npt.NDArray[Any]:
        """Ingest `events` and return the scores at every `interval_ns` of kernel time on the way, up to the
        last event, or to `until_ns` where that is later and there was an event.

        The grid starts at the first event, and goes on where the last replay left it. Structured array:
        `time_ns` i8, `mid`, each score, `warm` (f8). The same bits as `ingest` and `scores_at` would give.
        `with_unknown` adds `unknown` (u8): bit i is set where the i-th of `names` has no evidence, and is 50.
        Raises as `ingest`, and DataError where that makes more than ROWS_MAX rows.
        """
        if interval_ns <= 0:
            raise ValueError(f"interval_ns must be positive, not {interval_ns}")
        rows = as_events(events)
        fields = [(name, "<f8") for name in ("mid", *self.names, "warm")]
        fields.insert(0, ("time_ns", "<i8"))
        if not len(rows) and (self._next_row_ns is None or until_ns < self._next_row_ns):
            return _table(np.zeros(0, fields), np.zeros(0, np.uint64), with_unknown)
        ends = _ends_of(rows, until_ns)
        first_ns = ends[0] if self._next_row_ns is None else self._next_row_ns
        count = max(0, (max(ends[1], until_ns) - first_ns) // interval_ns + 1)
        if self.has_extra or count > ROWS_MAX or any(map(time_fault, ends)):
            self._refuse(first_untimely(self._scoring, rows), rows)
        if count > ROWS_MAX:
            raise DataError(
                f"{self.market}: a row each {interval_ns / 1e6:g} ms makes {count:,} rows of these events, "
                f"over {ROWS_MAX:,}; take a longer interval or fewer"
            )
        table = np.empty(count, fields)
        fill = self._fill_with_extra if self.has_extra else self._fill
        unknown = fill(table, rows, first_ns, interval_ns)
        self._ingested_ns = clock.monotonic_ns()
        self._next_row_ns = first_ns + count * interval_ns
        return _table(table, unknown, with_unknown)

    def identity(self) -> str:
        """Digest of formulas, parameters and added signals; a state fits only an engine of the same."""
        digest = hashlib.sha256(formulas_digest().encode())
        digest.update(self._parameters.tobytes() + added_digest(self._places, self._extra.signals).encode())
        return digest.hexdigest()[:32]

    def state(self) -> bytes:
        """All the engine knows, for `restore` in another process."""
        return b"".join(self._kept)

    def restore(self, state: bytes) -> None:
        """Go on from what `state()` gave in an engine of the same `identity()`; raises CheckpointError for
        another size.
        """
        if len(state) != sum(map(len, self._kept)):
            raise CheckpointError(
                f"{self.market}: the state has {len(state)} bytes; it is of another version"
            )
        start = 0
        for part in (self._state, self._scales, self._extra.scales):
            part[:] = np.frombuffer(state[start : start + part.nbytes], part.dtype)
            start += part.nbytes
        self._ingested_ns = clock.monotonic_ns()

    def _step_along(  # noqa: PLR0917
        self,
        block: Events,
        start: int,
        count_max: int,
        health: ChannelHealth,
        take_ns: int,
        until_ns: int,
        since_ns: int = 0,
    ) -> tuple[int, int, int, int]:
        """As `step`, with the added signals learning along."""
        stop = first_after(block, start, min(start + count_max, len(block)), take_ns)
        self.ingest(block[start:stop])
        health.observe(block[start:stop])
        left, out = count_max - (stop - start), self.row
        wrong = self._take_step(self._scoring, block, health.state, out, stop, left, 0, until_ns, since_ns)
        assert wrong < 0
        return read_head(self._stepped)

    def _named(self, scores: Sequence[float], unknown_bits: int) -> MarketScores:
        """By name; those of added signals as of the features that were measured last."""
        if not self.has_extra:
            made = MarketScores(zip(BUILT_IN_SCORES, scores))  # noqa: B905 - a keyword costs 0.2 µs
            if unknown_bits:
                made.unknown = _unknown_names(unknown_bits)
            return made
        unknown = _unknown_names(unknown_bits)
        extra = self._extra.score(self._features)
        named = [*zip(BUILT_IN_SCORES, scores, strict=True), *extra.items()]
        return MarketScores.of(named, unknown + extra.unknown)

    def _refuse(self, wrong: int, rows: Events) -> None:
        if wrong < 0:
            return
        event = f"{self.market}: event {wrong} of {len(rows)}"
        if fault := time_fault(int(rows["time_received_ns"][wrong])):
            raise EventTimeError(f"{event} {fault}; time_received_ns counts ns since 1970")
        raise EventOrderError(
            f"{event} is of an earlier time than the one before it; sort by time_received_ns"
        )

    def _learn_along(self, rows: Events, start: int, until_ns: int) -> int:
        """Take rows[start:] up to `until_ns`, pausing at each grid point for the added signals to learn."""
        while True:
            samples = self._samples.item()
            start = consume.raw(self._scoring, rows, start, until_ns, 1)
            if self._samples.item() == samples:
                return start
            self._extra.learn(self._features)

    def _fill(self, table: npt.NDArray[Any], rows: Events, first_ns: int, interval_ns: int) -> Bits:
        """Fill the rows; returns which of the names are unknown in each, as bits."""
        floats, integers = (table.view(kind).reshape(len(table), len(COLUMNS)) for kind in ("<f8", "<i8"))
        before, signals = self._scoring.tobytes(), np.zeros(len(table), np.int64)
        block = np.zeros(1, BLOCK)
        if replay(self._scoring, rows, first_ns, interval_ns, floats, integers, signals, block) >= 0:
            self._scoring[:] = np.frombuffer(before, SCORING)
            self._refuse(first_untimely(self._scoring, rows), rows)
        starts = np.flatnonzero(np.diff(signals, prepend=-1))  # a market's evidence seldom comes and goes
        different = signals[starts].tolist()
        bits_of = {each: self._bits(_unknown_names(each)) for each in set(different)}
        bits = np.array([bits_of[each] for each in different], np.uint64)
        return np.repeat(bits, np.diff(starts, append=len(signals)))

    def _fill_with_extra(
        self, table: npt.NDArray[Any], rows: Events, first_ns: int, interval_ns: int
    ) -> Bits:
        floats = table.view("<f8").reshape(len(table), len(table.dtype.names or ()))
        times, mids, warm = table["time_ns"], table["mid"], table["warm"]
        built_in = 2 + len(BUILT_IN_SCORES)
        reached, unknown = 0, np.zeros(len(table), np.uint64)
        for i in range(len(table)):
            times[i] = time_ns = first_ns + i * interval_ns
            reached = self._learn_along(rows, reached, time_ns)
            warm[i], mids[i] = self._score(self._scoring, time_ns), self._features["mid"][0]
            floats[i, 2:built_in] = self._scores
            added = self._extra.score_into(floats[i, built_in:-1], self._features)
            unknown[i] = self._bits(_unknown_names(self._unknown.item())) | added << len(BUILT_IN_SCORES)
        self._learn_along(rows, reached, ALL_NS)
        return unknown

    def _bits(self, names: tuple[str, ...]) -> int:
        return sum(1 << self.names.index(name) for name in names)


def _ends_of(rows: Events, until_ns: int) -> tuple[int, int]:
    """Times of the first and the last; of none, `until_ns`."""
    if not len(rows):
        return until_ns, until_ns
    return int(rows["time_received_ns"][0]), int(rows["time_received_ns"][-1])


def _table(table: npt.NDArray[Any], unknown: Bits, with_unknown: bool) -> npt.NDArray[Any]:
    if not with_unknown:
        return table
    wide = np.empty(
        len(table), [*((name, table.dtype[name]) for name in table.dtype.names or ()), (UNKNOWN, "<u8")]
    )
    for name in table.dtype.names or ():
        wide[name] = table[name]
    wide[UNKNOWN] = unknown
    return wide


@functools.cache
def _unknown_names(bits: int) -> tuple[str, ...]:
    """The scores of the signals whose bit is set."""
    return tuple(name for i, signal in enumerate(SIGNALS) if bits >> i & 1 for name in signal.scores)
