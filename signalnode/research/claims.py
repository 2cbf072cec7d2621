"""What each score claims: which outcome is larger when it is high, and within which time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HORIZONS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
OWN_HORIZON_S = 30.0  # of signals that were added, unless another is asked for
LONG, SHORT = "_long", "_short"

Kind = Literal["return", "size", "volume", "cost"]
KINDS: tuple[Kind, ...] = ("return", "size", "volume", "cost")
_WORDS = {
    "rise": "the price rises",
    "fall": "the price falls",
    "size": "the price moves more than usual",
    "volume": "more is traded than usual",
    "cost": "an order costs less than usual",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """`sign` × the outcome of that kind is the larger, the higher the score stands."""

    score: str
    kind: Kind
    sign: float  # 1 or −1
    horizon_s: float  # of HORIZONS_S; by it the score is judged
    words: str

    @property
    def is_directed(self) -> bool:
        """Whether it says which way the price goes."""
        return self.kind == "return"


_BUILT_IN: dict[str, tuple[Kind, float]] = {
    "momentum": ("return", 5.0),
    "mean_reversion": ("return", 30.0),
    "book_pressure": ("return", 1.0),
    "volatility_breakout": ("size", 30.0),
    "volume_spike": ("volume", 30.0),
    "liquidity_opportunity": ("cost", 5.0),
}


def claims_of(score: str, own_horizon_s: float = OWN_HORIZON_S) -> tuple[Claim, ...]:
    """What is looked at in it. A signal of one's own with two sides claims a direction; one without says not
    what for, so both a rise and moves of more than the usual size are looked at.
    """
    for side, sign, word in ((LONG, 1.0, "rise"), (SHORT, -1.0, "fall")):
        if score.endswith(side):
            _, horizon_s = _BUILT_IN.get(score.removesuffix(side), ("return", own_horizon_s))
            return (Claim(score, "return", sign, horizon_s, _WORDS[word]),)
    if score in _BUILT_IN:
        kind, horizon_s = _BUILT_IN[score]
        return (Claim(score, kind, -1.0 if kind == "cost" else 1.0, horizon_s, _WORDS[kind]),)
    return (
        Claim(score, "return", 1.0, own_horizon_s, _WORDS["rise"]),
        Claim(score, "size", 1.0, own_horizon_s, _WORDS["size"]),
    )
