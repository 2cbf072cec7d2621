"""What aggregator and the process that relates its markets tell each other. Pure.

One way markets and steps, the other way what is known of them; both ends are of one version.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import Floats
from signalnode.aggregator.relating.ring import Shorts, Singles, packed_scores
from signalnode.aggregator.relating.strongest import FIELDS, Strongest

TOLD_MAX = 16  # others of each market that are told

Columns = dict[str, npt.NDArray[Any]]


class Markets(msgspec.Struct, frozen=True, tag="markets"):
    """From now on these, in this order; steps name the `arrangement` that they are of."""

    arrangement: int
    markets: list[str]
    step_s: float
    decay: float
    lags: int
    series: list[str]


class Step(msgspec.Struct, frozen=True, tag="step"):
    """Returns, f4, and scores as the ring keeps them, i2, shape (series, markets)."""

    arrangement: int
    step: int
    returns: bytes
    scores: bytes


class Told(msgspec.Struct, frozen=True, tag="told"):
    """What a pass found, up to `step`. `couples`, `leaders`: columns of `Strongest` by name, TOLD_MAX a row;
    `packed`: the message of `bus/relations.py`.
    """

    arrangement: int
    step: int
    numbers: dict[str, float]
    strongest: list[dict[str, Any]]
    couples: dict[str, bytes]
    leaders: dict[str, bytes]
    packed: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DOWN: msgspec.msgpack.Decoder[Markets | Step] = msgspec.msgpack.Decoder(Markets | Step)
_UP = msgspec.msgpack.Decoder(Told)


def encode(message: Markets | Step | Told) -> bytes:
    """As it goes over."""
    return _ENCODER.encode(message)


def decode_down(content: bytes) -> Markets | Step:
    """What the aggregator says; raises msgspec.MsgspecError."""
    return _DOWN.decode(content)


def decode_up(content: bytes) -> Told:
    """What the other process says; raises msgspec.MsgspecError."""
    return _UP.decode(content)


def step_of(arrangement: int, step: int, returns: Floats, scores: Floats) -> Step:
    """Returns of shape (markets,) and scores, shape (series, markets), NaN where there is none."""
    return Step(arrangement, step, returns.astype("<f4").tobytes(), packed_scores(scores).tobytes())


def values_of(step: Step, series: int) -> tuple[Singles, Shorts]:
    """Its arrays; raises ValueError where they do not fit each other."""
    returns = np.frombuffer(step.returns, np.float32)
    return returns, np.frombuffer(step.scores, np.int16).reshape(series, len(returns))


def columns_of(strongest: Strongest) -> dict[str, bytes]:
    """The first TOLD_MAX of each row."""
    return {name: each[:, :TOLD_MAX].tobytes() for name, each in strongest.fields.items()}


def read_columns(columns: dict[str, bytes], markets: int) -> Columns:
    """Arrays of shape (markets, others); raises ValueError or KeyError where they are none."""
    return {
        name: np.frombuffer(columns[name], kind).reshape(markets, -1)
        if markets and columns[name]
        else np.empty((markets, 0), kind)
        for name, kind, _ in FIELDS
    }
