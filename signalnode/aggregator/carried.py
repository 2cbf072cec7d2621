"""What other aggregators' digests say of their markets: one table, a row a market, whoever carries it. Pure.

A row is taken where its (epoch, seq, time of publication) is newer than what stands there, whatever source
tells it, and again from the source that told it; the rest stands in `holding`. So of two writers of a market,
on the two sides of a cut line, the one of the older epoch is not heard, and two ways to a writer are one.

A source that falls silent takes its markets with it: nothing renews their ages, and they are silent when
these pass what a market may be silent for. One that no longer names a market has ended it; such rows leave
after LEFT_S, time enough for a move to another host, and those of a source that is gone after `gone_ns`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.holding import Codes, Key, Step, Whose, news_of, steps_of
from signalnode.aggregator.unpacked import OF_SCORE, known_of, score_of
from signalnode.bus.digest import NUMBERS, SCORES_MAX, UNKNOWN, WORDS, Array
from signalnode.bus.digest_reader import TOLD, Digest
from signalnode.bus.wire import MarketState, ProcessState, Score, SourceState, State
from signalnode.clock import NS_PER_S

LEFT_S = 60.0
HEARD_NS = 5 * NS_PER_S  # a source tells four times a second
SOURCES_MAX = 4_096  # begun ones: one that lost its state directory is another
FAULTS_MAX = 8  # told in one line
MARKETS_MAX = 65_536  # of all sources; each costs 0.3 kB here
FREE = -1  # the owner of a row that its source has let go
BEFORE_ALL_NS = -(2**63)  # when what nobody has told of was published
UNSOUND = ("stale", "degraded")
KEY = ("epoch", "seq", "time_published_ns")
PROCESS = ("process", "why")
Places = npt.NDArray[np.intp]


@dataclass(slots=True)
class _Source:
    """One aggregator, as its newest digest has it."""

    number: int
    host: str
    place: tuple[int, int]  # epoch and seq of that digest
    heard_ns: int
    markets: tuple[str, ...] | None = None
    rows: Places | None = None  # of its digest, those that are taken here
    at: Places | None = None  # their places in the table
    older: int = 0  # rows of an older epoch than is known, so far
    refused: int = 0  # rows that could not be taken, so far
    fault: str = ""  # of the newest of them


class CarriedEntry:
    """One row, read as the board's own entries are."""

    __slots__ = ("_at", "_carried")

    def __init__(self, carried: Carried, at: int) -> None:
        self._carried, self._at = carried, at

    @property
    def message(self) -> Score | None:
        """Its newest scores; None where nobody has heard it."""
        return self._carried.scores()[self._at]

    newest = message


class Carried:
    """The table. `now_ns` is on the aggregator's time line, which never steps back."""

    def __init__(self, silent_after_ns: int, settle_ns: int, gone_ns: int) -> None:
        self._silent_after_ns, self._settle_ns, self._gone_ns = silent_after_ns, settle_ns, gone_ns
        self.names: list[str] = []
        self.places: dict[str, int] = {}
        self.rejected = 0  # rows beyond MARKETS_MAX, and digests beyond SOURCES_MAX
        self._sources: dict[str, _Source] = {}
        self._number = 0
        self._own: frozenset[str] = frozenset()
        self._table: dict[str, Array] = {name: np.empty(0, kind) for name, kind in NUMBERS.items()}
        self._table |= {name: np.empty(0, object) for name in WORDS}
        for name in ("heard_ns", "sound_ns", "settled_ns", "left_ns", "owner"):
            self._table[name] = np.empty(0, np.int64)
        self._values: dict[str, Array] = {}  # scores by name
        self._scores: list[Score | None] | None = None
        self._states: tuple[int, list[State]] | None = None

    def keep_to(self, own: Collection[str]) -> None:
        """These markets are the node's own: what a source says of them is not looked at."""
        self._own = frozenset(own)
        if self._own & self.places.keys():
            self._drop([name in self._own for name in self.names])
        for source in self._sources.values():
            source.markets = None

    def take(self, digest: Digest, now_ns: int) -> None:
        """Take a digest, unless it is no newer than the newest of its source."""
        source = self._source(digest, now_ns)
        if source is None:
            return
        if digest.markets != source.markets:
            self._arrange(source, digest.markets, now_ns)
        assert source.rows is not None
        assert source.at is not None
        rows, at, table = source.rows, source.at, self._table
        if digest.refused:
            source.refused, source.fault = source.refused + digest.refused, digest.fault
            is_sound = digest.sound[rows]
            rows, at = rows[is_sound], at[is_sound]
        ages, epochs = digest.numbers["age_s"][rows], digest.numbers["epoch"][rows]
        said: Key = tuple(digest.numbers[key][rows] for key in KEY)  # type: ignore[assignment]
        known: Key = tuple(table[key][at] for key in KEY)  # type: ignore[assignment]
        steps = steps_of(news_of(said, known, ~np.isnan(ages)), self._whose(source, at, now_ns))
        source.older += int(((ages * NS_PER_S <= self._silent_after_ns) & (epochs < known[0])).sum())
        taken, adopted, followed = (steps == each for each in (Step.TAKE, Step.ADOPT, Step.FOLLOW))
        self._settle(at[taken], digest.words["status"][rows[taken]], ages[taken], now_ns)
        self._put(digest, rows[taken], at[taken], now_ns)
        table["owner"][at[taken | adopted]] = source.number
        table["left_ns"][at[adopted]] = 0
        self._tell_processes(digest, rows[adopted | followed], at[adopted | followed])
        self._scores = self._states = None

    def forget(self, now_ns: int) -> bool:
        """Drop what has left, and sources that are gone with what was theirs; whether there was any."""
        gone = [name for name, each in self._sources.items() if now_ns - each.heard_ns > self._gone_ns]
        numbers = [self._sources.pop(name).number for name in gone]
        self._values = {name: each for name, each in self._values.items() if not np.isnan(each).all()}
        left = self._table["left_ns"]
        drop = (left > 0) & (now_ns - left > LEFT_S * NS_PER_S)
        if numbers:
            drop |= np.isin(self._table["owner"], numbers)
        if not drop.any():
            return False
        self._drop(drop.tolist())
        return True

    def epoch(self, market: str) -> int:
        """The newest known of a market that is carried."""
        return int(self._table["epoch"][self.places[market]])

    def entries(self) -> Iterator[tuple[str, CarriedEntry]]:
        """Every row, by market, as an entry of the board."""
        return ((name, CarriedEntry(self, at)) for at, name in enumerate(self.names))

    def sources(self, now_ns: int) -> dict[str, SourceState]:
        """How the sources stand, by their own names."""
        return {
            name: SourceState(
                host=each.host,
                markets=0 if each.at is None else len(each.at),
                age_s=(now_ns - each.heard_ns) / NS_PER_S,
                older=each.older,
                refused=each.refused,
            )
            for name, each in self._sources.items()
        }

    def heard(self, now_ns: int) -> int:
        """How many sources told something lately."""
        return sum(now_ns - each.heard_ns <= HEARD_NS for each in self._sources.values())

    def is_source(self, name: str) -> bool:
        """Whether it is known."""
        return name in self._sources

    def faults(self) -> dict[str, str | int]:
        """What was wrong last with sources that said what could not be taken, FAULTS_MAX of them."""
        found = ((f"source {name}", each.fault) for name, each in self._sources.items() if each.fault)
        return dict(islice(found, FAULTS_MAX))

    def states(self, now_ns: int) -> list[State]:
        """Of each row, as it may be relied on now."""
        if not self.names:
            return []
        if self._states is None or self._states[0] != now_ns:
            words = self._table["state"].copy()
            is_old = now_ns - self._table["heard_ns"] > self._silent_after_ns
            words[is_old & ~_is_among(words, TOLD)] = "silent"
            words[(words == "fresh") & (now_ns < self._table["settled_ns"])] = "settling"
            self._states = (now_ns, words.tolist())
        return self._states[1]

    def scores(self) -> list[Score | None]:
        """Of each row the newest scores as a message, made once for a digest; None where none was heard."""
        if self._scores is None:
            self._scores = list(self._messages())
        return self._scores

    def columns(self, now_ns: int) -> tuple[dict[str, Array], dict[str, Array]]:
        """Numbers and scores of every row, as a digest has them; shapes (rows,)."""
        table = self._table
        ages = np.maximum((now_ns - table["heard_ns"]) / NS_PER_S, 0.0)
        ages[table["heard_ns"] == 0] = np.nan
        return {name: table[name] for name in NUMBERS} | {"age_s": ages}, self._values

    def mids(self) -> Array:
        """Of each row; 0 before the first price."""
        return self._table["mid"]

    def score(self, name: str) -> Array:
        """Of each row; NaN where it has none, UNKNOWN without evidence."""
        return self._values.get(name, np.full(len(self.names), np.nan, np.float32))

    def score_names(self) -> list[str]:
        """Of all rows together."""
        return list(self._values)

    def is_fresh(self, now_ns: int) -> Array:
        """Which rows may be relied on, and were heard."""
        is_fresh = np.array([state == "fresh" for state in self.states(now_ns)], np.bool_)
        is_fresh[self._table["heard_ns"] == 0] = False
        return is_fresh

    def words(self, now_ns: int) -> dict[str, list[str]]:
        """The words of every row, as a digest has them."""
        words = {name: self._table[name].tolist() for name in WORDS}
        return words | {"state": list(self.states(now_ns))}

    def markets(self, now_ns: int) -> dict[str, MarketState]:
        """Every row as a view shows it."""
        if not self.names:
            return {}
        table = self._table
        ages = ((now_ns - table["heard_ns"]) / NS_PER_S).tolist()
        columns = [table[name].tolist() for name in ("epoch", "seq", "missed", "process", "restarts", "why")]
        return {
            name: MarketState(
                state=state,
                age_s=None if score is None else max(age_s, 0.0),
                epoch=epoch,
                seq=seq,
                mid=0.0 if score is None else score.mid,
                warm=0.0 if score is None else score.warm,
                scores={} if score is None else score.scores,
                unknown=() if score is None else score.unknown,
                process=ProcessState(state=process, restarts=restarts, why=why) if process else None,
                health=None if score is None else score.health,
                spread_bps=None if score is None else score.spread_bps,
                missed=missed,
            )
            for name, state, score, age_s, epoch, seq, missed, process, restarts, why in zip(
                self.names, self.states(now_ns), self.scores(), ages, *columns, strict=True
            )
        }

    def _messages(self) -> Iterator[Score | None]:
        table, names = self._table, list(self._values)
        columns_of = np.array([self._values[name] for name in names], np.float64)
        values = columns_of.reshape(len(names), len(self.names)).T
        is_plain = ~(np.isnan(values) | (values == UNKNOWN)).any(axis=1)
        columns = [table[name].tolist() for name in OF_SCORE]
        rows = zip(self.names, table["heard_ns"].tolist(), values.tolist(), is_plain.tolist(), strict=True)
        for (market, heard, row, plain), of_score in zip(rows, zip(*columns, strict=True), strict=True):
            if heard:
                scores, unknown = dict(zip(names, row, strict=True)), ()
                yield score_of(market, of_score, *((scores, unknown) if plain else known_of(scores)))
            else:
                yield None

    def _source(self, digest: Digest, now_ns: int) -> _Source | None:
        """Whose digest it is; None where it is to be dropped."""
        place, source = (digest.epoch, digest.seq), self._sources.get(digest.source)
        if source is None:
            if len(self._sources) >= SOURCES_MAX:
                self.rejected += 1
                return None
            self._number += 1
            source = self._sources[digest.source] = _Source(self._number, digest.host, place, now_ns)
        elif place <= source.place:
            return None
        source.place, source.host, source.heard_ns = place, digest.host, now_ns
        return source

    def _arrange(self, source: _Source, markets: tuple[str, ...], now_ns: int) -> None:
        """Find the places of these markets; new ones get one, those that it no longer names end."""
        new = [name for name in markets if name not in self.places and name not in self._own]
        room = MARKETS_MAX - len(self.names)
        if len(new) > room:
            self.rejected += len(new) - room
            source.refused += len(new) - room
            source.fault = f"with all others more than {MARKETS_MAX} markets"
        self._add(new[:room])
        rows = [row for row, name in enumerate(markets) if name in self.places]
        source.rows = np.array(rows, np.intp)
        source.at = np.array([self.places[markets[row]] for row in rows], np.intp)
        source.markets = markets
        left = np.setdiff1d(np.flatnonzero(self._table["owner"] == source.number), source.at)
        self._table["owner"][left], self._table["left_ns"][left] = FREE, now_ns
        self._table["state"][left] = "ended"

    def _whose(self, source: _Source, at: Places, now_ns: int) -> Codes:
        """A Whose a row."""
        owners = self._table["owner"][at]
        silent = [
            each.number for each in self._sources.values() if now_ns - each.heard_ns > self._silent_after_ns
        ]
        whose = np.full(len(at), Whose.ANOTHERS, np.int8)
        whose[owners == FREE] = Whose.NOBODYS
        if silent:
            whose[np.isin(owners, silent)] = Whose.NOBODYS
        whose[owners == source.number] = Whose.ITS_OWN
        return whose

    def _add(self, names: list[str]) -> None:
        if not names:
            return
        self.places |= {name: len(self.names) + n for n, name in enumerate(names)}
        self.names += names
        for column, values in self._table.items():
            self._table[column] = np.concatenate([values, np.zeros(len(names), values.dtype)])
        fresh = slice(len(self.names) - len(names), None)
        self._table["time_published_ns"][fresh] = BEFORE_ALL_NS
        self._table["owner"][fresh] = FREE
        self._table["state"][fresh] = "unheard"
        for column, values in self._values.items():
            self._values[column] = np.concatenate([values, np.full(len(names), np.nan, values.dtype)])

    def _drop(self, drop: list[bool]) -> None:
        keep = ~np.array(drop, bool)
        self._table = {name: values[keep] for name, values in self._table.items()}
        self._values = {name: values[keep] for name, values in self._values.items()}
        self.names = [name for name, gone in zip(self.names, drop, strict=True) if not gone]
        self.places = {name: at for at, name in enumerate(self.names)}
        self._scores = self._states = None
        for source in self._sources.values():
            source.markets = None

    def _settle(self, at: Places, status: Array, age_s: Array, now_ns: int) -> None:
        """Let those that are heard again after an outage settle, as `Entry.hear` does."""
        table = self._table
        is_sound = ~_is_among(status, UNSOUND) & ~np.isnan(age_s)
        at, heard_ns = at[is_sound], now_ns - _ns(age_s[is_sound])
        sound_ns = table["sound_ns"][at]
        away_ns = heard_ns - sound_ns
        was_unsound = _is_among(table["status"][at], UNSOUND)
        back = (sound_ns > 0) & (was_unsound | (away_ns > self._silent_after_ns))
        until_ns = heard_ns[back] + np.minimum(away_ns[back], self._settle_ns)
        table["settled_ns"][at[back]] = np.maximum(table["settled_ns"][at[back]], until_ns)
        table["sound_ns"][at] = heard_ns

    def _put(self, digest: Digest, rows: Places, at: Places, now_ns: int) -> None:
        table, ages = self._table, digest.numbers["age_s"][rows]
        for name, column in (*digest.numbers.items(), *digest.words.items()):
            table[name][at] = column[rows]
        table["heard_ns"][at] = np.where(np.isnan(ages), 0, now_ns - _ns(ages))
        table["left_ns"][at] = 0
        for name, column in digest.scores.items():
            if name not in self._values:
                if len(self._values) >= SCORES_MAX:
                    continue
                self._values[name] = np.full(len(self.names), np.nan, np.float32)
            self._values[name][at] = column[rows]
        for name in self._values.keys() - digest.scores.keys():
            self._values[name][at] = np.nan

    def _tell_processes(self, digest: Digest, rows: Places, at: Places) -> None:
        """Take how the processes stand of markets that a source, begun anew, has not heard yet."""
        for name in PROCESS:
            self._table[name][at] = digest.words[name][rows]
        self._table["restarts"][at] = digest.numbers["restarts"][rows]
        is_down = digest.words["state"][rows] == "down"
        was_over = _is_among(self._table["state"][at], TOLD)
        self._table["state"][at[was_over & ~is_down]] = "unheard"
        self._table["state"][at[is_down]] = "down"


def _ns(age_s: Array) -> Array:
    ns: Array = (np.where(np.isnan(age_s), 0.0, age_s.astype(np.float64)) * NS_PER_S).astype(np.int64)
    return ns


def _is_among(words: Array, few: Sequence[str]) -> Array:
    """Whether each word of a column is one of a few."""
    found: Array = np.logical_or.reduce([words == each for each in few])
    return found
