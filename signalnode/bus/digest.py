"""The digest: all markets of one aggregator at one moment, packed column by column into one message. Pure.

A reader needs no schema beside the message: a column is its type, in numpy's notation, and its bytes, one
number a market in the order of `markets`. Columns of words hold places in `texts`. A score is -1 where its
evidence is missing, and NaN where that market has no such score. Each digest is whole, so that the next one
makes good whatever was lost.

130 bytes a market. What takes one message a market 20 µs at the two ends takes 1 µs this way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from signalnode.bus.topics import DIGEST
from signalnode.bus.wire import REASON_CHARS_MAX, VERSION

DIGEST_BYTES_MAX = 16_777_216  # 100,000 markets
MARKETS_MAX = 65_536  # of one digest
TEXTS_MAX = 65_535  # different words and reasons; places in them are 16 bits
SCORES_MAX = 128  # names of scores, of all markets together
COLUMNS_MAX = 256
UNTOLD = "too many different texts: its own host has it"  # stands for those beyond TEXTS_MAX
UNKNOWN = -1.0  # a score without evidence; it reads 50
NONE = -1  # no outage

NUMBERS: dict[str, str] = {
    "epoch": "<i8",
    "seq": "<i8",
    "time_event_ns": "<i8",
    "time_received_ns": "<i8",
    "time_published_ns": "<i8",
    "mid": "<f8",
    "warm": "<f4",
    "spread_bps": "<f4",  # NaN without a quote
    "age_s": "<f4",  # since that aggregator last heard it; NaN before
    "missed": "<i8",
    "restarts": "<i4",
    "outage_ms": "<i8",
}
WORDS = ("state", "status", "process", "why", "reason")
WORD, SCORE = "<u2", "<f4"

Array = npt.NDArray[Any]
_Column = tuple[Annotated[str, Meta(max_length=8)], bytes]
_Text = Annotated[str, Meta(max_length=REASON_CHARS_MAX)]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class DigestMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="digest"):
    """A digest as it goes on the wire. `source` names the aggregator for good, `epoch` its incarnation."""

    v: Literal[1] = VERSION
    source: Annotated[str, Meta(min_length=1, max_length=64)]
    host: Annotated[str, Meta(max_length=64)]
    epoch: _Count
    seq: _Count
    time_published_ns: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    markets: msgspec.Raw  # a list of names, the same bytes from one digest to the next
    texts: Annotated[list[_Text], Meta(max_length=TEXTS_MAX)]
    columns: Annotated[dict[str, _Column], Meta(max_length=COLUMNS_MAX)]
    scores: Annotated[dict[str, _Column], Meta(max_length=SCORES_MAX)]


_ENCODER = msgspec.msgpack.Encoder()
Names = Annotated[list[str], Meta(max_length=MARKETS_MAX)]


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of words as places, shape (n,), in a list of them."""

    words: Sequence[str]
    codes: npt.NDArray[np.uint8]


Words = Sequence[str] | Coded


class _Texts:
    """Words by their places, for the writer of a digest."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._places: dict[str, int] = {}

    def packed(self, words: Words) -> bytes:
        """The column of these words."""
        if isinstance(words, Coded):
            used = np.bincount(words.codes, minlength=len(words.words))
            places = [self._of(word) if count else 0 for word, count in zip(words.words, used, strict=True)]
            return np.array(places, WORD)[words.codes].tobytes()
        if words and words.count(words[0]) == len(words):  # as most often, and a tenth of the time
            return np.full(len(words), self._of(words[0]), WORD).tobytes()
        places_of = {word: self._of(word) for word in dict.fromkeys(words)}
        return np.fromiter(map(places_of.__getitem__, words), WORD, len(words)).tobytes()

    def _of(self, word: str) -> int:
        if word not in self._places:
            self._places[word] = self._place(word)
        return self._places[word]

    def _place(self, word: str) -> int:
        if len(self.told) < TEXTS_MAX:
            self.told.append(word[:REASON_CHARS_MAX] if len(self.told) < TEXTS_MAX - 1 else UNTOLD)
        return len(self.told) - 1


def encode_digest(
    *,
    source: str,
    host: str,
    place: tuple[int, int],
    time_published_ns: int,
    markets: msgspec.Raw,
    numbers: Mapping[str, Sequence[float] | Array],
    words: Mapping[str, Words],
    scores: Mapping[str, Sequence[float] | Array],
) -> list[bytes]:
    """The two frames of a digest at `place` (epoch, seq); `markets` is what `packed_names` gave."""
    texts = _Texts()
    columns: dict[str, _Column] = {
        name: (kind, np.array(numbers[name], kind).tobytes()) for name, kind in NUMBERS.items()
    }
    columns |= {name: (WORD, texts.packed(words[name])) for name in WORDS}
    message = DigestMessage(
        source=source,
        host=host,
        epoch=place[0],
        seq=place[1],
        time_published_ns=time_published_ns,
        markets=markets,
        texts=texts.told,
        columns=columns,
        scores={name: (SCORE, np.array(column, SCORE).tobytes()) for name, column in scores.items()},
    )
    return [DIGEST, _ENCODER.encode(message)]


def packed_names(markets: Sequence[str]) -> msgspec.Raw:
    """The list of names as it stands in a digest."""
    return msgspec.Raw(_ENCODER.encode(list(markets)))
