"""The full matrices of correlation and lead, for whoever asks: a byte a couple. Pure.

A hundredth is finer than anybody can tell two correlations of minutes apart, and 512 markets fit one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from signalnode.bus.wire import WireError

RELATIONS_MARKETS_MAX = 512  # further ones are counted; three matrices of them are 786 kB
RELATIONS_BYTES_MAX = 1_048_576
UNKNOWN = -128
TOPIC = b"relations"

Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
_Matrix = Annotated[bytes, Meta(max_length=RELATIONS_MARKETS_MAX**2)]


class RelationsMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="relations"):
    """Matrices in the order of `markets`, row after row, of signed bytes; −128 is unknown."""

    v: Literal[1] = 1
    markets: Annotated[list[str], Meta(max_length=RELATIONS_MARKETS_MAX)]
    more: Annotated[int, Meta(ge=0)]
    step_s: Annotated[float, Meta(gt=0.0)]
    correlation: _Matrix
    lead: _Matrix
    lead_correlation: _Matrix


@dataclass(frozen=True, slots=True)
class Matrices:
    """The same as arrays, each of shape (n, n)."""

    markets: tuple[str, ...]
    more: int
    step_s: float
    correlation: Bytes  # hundredths
    lead: Bytes  # steps by which the row moves before the column
    lead_correlation: Bytes  # hundredths


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(RelationsMessage)


def encode_relations(
    markets: Sequence[str], step_s: float, correlation: Floats, lead_s: Floats, lead_correlation: Floats
) -> bytes:
    """The map of these matrices, shape (n, n) each, NaN where unknown; of the first RELATIONS_MARKETS_MAX."""
    count = min(len(markets), RELATIONS_MARKETS_MAX)
    message = RelationsMessage(
        markets=list(markets[:count]),
        more=len(markets) - count,
        step_s=step_s,
        correlation=_packed(correlation[:count, :count], 0.01),
        lead=_packed(lead_s[:count, :count], step_s),
        lead_correlation=_packed(lead_correlation[:count, :count], 0.01),
    )
    return _ENCODER.encode(message)


def decode_relations(content: bytes) -> Matrices:
    """The matrices in `content`; raises WireError for anything else."""
    if len(content) > RELATIONS_BYTES_MAX:
        raise WireError("too_large", f"{len(content)} bytes")
    try:
        message = _DECODER.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("malformed", str(error)) from None
    packed = (message.correlation, message.lead, message.lead_correlation)
    count = len(message.markets)
    if any(len(each) != count * count for each in packed):
        raise WireError("out_of_range", f"matrices that are not {count} by {count}")
    arrays = [np.frombuffer(each, np.int8).reshape(count, count) for each in packed]
    return Matrices(tuple(message.markets), message.more, message.step_s, *arrays)


def _packed(matrix: Floats, unit: float) -> bytes:
    steps = np.rint(matrix / unit)
    steps[~np.isfinite(steps)] = UNKNOWN
    return np.clip(steps, UNKNOWN, 127).astype(np.int8).tobytes()
