"""Digests read: total, as `wire.decode` is. Pure.

What is wrong with a digest's form (its version, its source, a column's type or length, one that is missing)
costs the whole digest. What a row says that no market can have costs that row alone: it is not taken, so its
market grows old and is silent. A name that is none, or that stands there twice, has no row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from signalnode.bus.digest import (
    DIGEST_BYTES_MAX,
    MARKETS_MAX,
    NONE,
    NUMBERS,
    SCORE,
    UNKNOWN,
    WORD,
    WORDS,
    Array,
    DigestMessage,
    Names,
)
from signalnode.bus.topics import DIGEST
from signalnode.bus.wire import SCORE_NAMES, STATES, STATUSES, VERSION, WireError
from signalnode.names import market_name_fault, name_fault

EXACT_MAX = 2**53 - 1  # what a double counts to; no epoch and no number in one gets there
AGE_S_MAX = 1e9  # thirty years
TOLD = ("ended", "down", "unheard")  # states that no age is needed for
NAMES_KEPT_MAX = 4 * MARKETS_MAX  # of all sources together; they are read again beyond it
FAULT_CHARS_MAX = 200

_Rows = npt.NDArray[np.bool_]
_BOUNDS: dict[str, tuple[float, float]] = {  # times may be of any clock: nothing is decided by them alone
    "epoch": (0, EXACT_MAX),
    "seq": (0, EXACT_MAX),
    "mid": (0.0, float(np.finfo(np.float64).max)),
    "warm": (0.0, 1.0),
    "spread_bps": (0.0, float(np.finfo(np.float32).max)),
    "age_s": (0.0, AGE_S_MAX),
    "missed": (0, EXACT_MAX),
    "restarts": (0, EXACT_MAX),
    "outage_ms": (NONE, EXACT_MAX),
}
_MAY_LACK = ("spread_bps", "age_s")  # NaN where not known


@dataclass(frozen=True, slots=True)
class Digest:
    """A number, or a word, and a score by name for each of `markets`; arrays of shape (n,). Rows that are not
    `sound` say what no market can have, and nothing of them is to be used.
    """

    source: str
    host: str
    epoch: int
    seq: int
    time_published_ns: int
    markets: tuple[str, ...]
    numbers: Mapping[str, Array]
    words: Mapping[str, Array]  # of str
    scores: Mapping[str, Array]
    sound: _Rows
    refused: int  # rows that are not sound, and rows and scores without a name
    fault: str  # of the first of them


@dataclass(frozen=True, slots=True)
class _Named:
    """The names of a source's digest, read."""

    raw: bytes
    rows: int
    markets: tuple[str, ...]
    kept: npt.NDArray[np.intp] | None  # rows of `markets`; None: all of them
    fault: str


class _Version(msgspec.Struct):
    v: int = VERSION


_DECODER = msgspec.msgpack.Decoder(DigestMessage)
_VERSION = msgspec.msgpack.Decoder(_Version)
_NAMES = msgspec.msgpack.Decoder(Names)


class DigestReader:
    """Reads digests; a source's names are read and checked once, as long as they stay the same."""

    def __init__(self) -> None:
        self._names: dict[str, _Named] = {}

    def read(self, frames: Sequence[bytes]) -> Digest:
        """The digest in `frames`; raises WireError for anything else."""
        if len(frames) != 2 or frames[0] != DIGEST:
            raise WireError("frames", f"{len(frames)} frames where the topic digest and a map make 2")
        if len(frames[1]) > DIGEST_BYTES_MAX:
            raise WireError("too_large", f"{len(frames[1])} bytes")
        try:
            message = _DECODER.decode(frames[1])
            if max(message.epoch, message.seq) > EXACT_MAX or name_fault(message.source):
                raise WireError("out_of_range", "a source without a name, or beyond what can be counted")
            named = self._named(message)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise _diagnosed(frames[1], error) from None
        return _digest(message, named)

    def keep_to(self, is_known: Callable[[str], bool]) -> None:
        """Drop what is kept of sources that are not known any more."""
        self._names = {name: each for name, each in self._names.items() if is_known(name)}

    def _named(self, message: DigestMessage) -> _Named:
        raw, known = bytes(message.markets), self._names.get(message.source)
        if known is not None and known.raw == raw:
            return known
        named = self._names[message.source] = _names(raw)
        if sum(each.rows for each in self._names.values()) > NAMES_KEPT_MAX:
            self._names = {message.source: named}
        return named


def _names(raw: bytes) -> _Named:
    said = _NAMES.decode(raw)
    counts = Counter(said)
    faults = {name: f"{name} is in it twice" for name, count in counts.items() if count > 1}
    faults |= {name: fault for name in counts if (fault := market_name_fault(name))}
    if not faults:
        return _Named(raw, len(said), tuple(said), None, "")
    kept = [row for row, name in enumerate(said) if name not in faults]
    fault = next(iter(faults.values()))
    return _Named(raw, len(said), tuple(said[row] for row in kept), np.array(kept, np.intp), fault)


def _digest(message: DigestMessage, named: _Named) -> Digest:
    def of_markets(column: Array) -> Array:
        return column if named.kept is None else column[named.kept]

    size = named.rows
    numbers = {name: of_markets(_column(message.columns, name, kind, size)) for name, kind in NUMBERS.items()}
    texts = np.array([*message.texts, ""], object)  # the last is for a place beyond them
    places = {name: of_markets(_column(message.columns, name, WORD, size)) for name in WORDS}
    words = {name: texts[np.minimum(each, len(message.texts))] for name, each in places.items()}
    read = {name: of_markets(_column(message.scores, name, SCORE, size)) for name in message.scores}
    scores = {name: each for name, each in read.items() if name_fault(name, "a score") is None}
    if size and (lacking := set(SCORE_NAMES) - scores.keys()):
        raise WireError("missing_key", f"no score {sorted(lacking)[0]}")
    pointed = {name: each < len(message.texts) for name, each in places.items()}
    sound, fault = _checked(named.markets, numbers, words, scores, pointed)
    refused = size - int(sound.sum()) + len(read) - len(scores)
    if refused and not fault:
        fault = named.fault or "a score without a name"
    _as_on_a_board(numbers, words, scores)
    return Digest(
        message.source,
        message.host,
        message.epoch,
        message.seq,
        message.time_published_ns,
        named.markets,
        numbers,
        words,
        scores,
        sound,
        refused,
        fault[:FAULT_CHARS_MAX],
    )


def _column(columns: Mapping[str, tuple[str, bytes]], name: str, kind: str, rows: int) -> Array:
    found = columns.get(name)
    if found is None:
        raise WireError("missing_key", f"no column {name[:64]}")
    if found[0] != kind:
        raise WireError("wrong_type", f"column {name[:64]} of {found[0]} where it is of {kind}")
    size = np.dtype(kind).itemsize * rows
    if len(found[1]) != size:
        raise WireError("out_of_range", f"column {name[:64]} of {len(found[1])} bytes, and not {size}")
    return np.frombuffer(found[1], kind)


def _checked(
    markets: Sequence[str],
    numbers: Mapping[str, Array],
    words: Mapping[str, Array],
    scores: Mapping[str, Array],
    pointed: Mapping[str, _Rows],
) -> tuple[_Rows, str]:
    """Which rows some market can have, and what is wrong with the first of the others; `pointed`: whether a
    word is there.
    """
    checks: dict[str, _Rows] = {}
    for name, (least, most) in _BOUNDS.items():
        values = numbers[name]
        checks[name] = (values >= least) & (values <= most)
        if name in _MAY_LACK:
            checks[name] |= np.isnan(values)
    for name, allowed in (("state", STATES), ("status", frozenset(STATUSES))):
        checks[name] = _is_one_of(words[name], allowed)
    checks |= {f"{name} beyond the texts": is_there for name, is_there in pointed.items()}
    for name, values in scores.items():
        checks[name] = np.isnan(values) | (values == UNKNOWN) | ((values >= 0.0) & (values <= 100.0))
    lacking = sum(np.isnan(scores[name]).astype(np.int8) for name in SCORE_NAMES) if len(markets) else 0
    checks["one of the seven scores is absent"] = np.equal(lacking, 0) | np.equal(lacking, len(SCORE_NAMES))
    unheard = np.isnan(numbers["age_s"])
    if unheard.any():
        is_blank = (numbers["epoch"] == 0) & (numbers["seq"] == 0)
        is_blank &= _is_one_of(words["state"], frozenset(TOLD))
        checks["it was heard, and has no age"] = ~unheard | is_blank
    sound = np.ones(len(markets), np.bool_)
    for check in checks.values():
        sound &= check
    if sound.all():
        return sound, ""
    row = int(np.argmin(sound))
    return sound, f"{markets[row]}: {next(name for name, check in checks.items() if not check[row])}"


def _is_one_of(words: Array, allowed: frozenset[str]) -> _Rows:
    """Few words stand in a column, each many times."""
    kinds = {word: word in allowed for word in set(words.tolist())}
    if all(kinds.values()):
        return np.ones(len(words), np.bool_)
    return np.fromiter((kinds[word] for word in words.tolist()), np.bool_, len(words))


def _as_on_a_board(
    numbers: Mapping[str, Array], words: Mapping[str, Array], scores: Mapping[str, Array]
) -> None:
    """Nobody is fresh who has no price, or no score that is known."""
    is_any_known = np.zeros(len(numbers["mid"]), np.bool_)
    for values in scores.values():
        is_any_known |= values >= 0.0
    says_nothing = ~is_any_known | (numbers["mid"] == 0.0)
    if says_nothing.any():
        words["state"][says_nothing & (words["state"] == "fresh")] = "warming"


def _diagnosed(payload: bytes, error: Exception) -> WireError:
    try:
        version = _VERSION.decode(payload).v
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        version = VERSION
    if version != VERSION:
        return WireError("version", f"{version} where {VERSION} is spoken")
    return WireError("malformed", str(error)[:200])
