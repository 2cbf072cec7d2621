"""Signals: what the features mean. One family a file, SIGNALS is their register.

To add one: a file with its compiled `reading` and its Signal, and its line at the end of SIGNALS. The kernel,
the scores' names and the parameters a market may set are made of this register. Those of OPTIONAL are scored
where a market names them in `extra`.
"""

from __future__ import annotations

import numpy as np

from signalnode.features import FAMILIES
from signalnode.features.base import Derived, Parameter
from signalnode.signals import scale
from signalnode.signals.base import Signal
from signalnode.signals.book_pressure import BOOK_PRESSURE
from signalnode.signals.liquidity_opportunity import LIQUIDITY_OPPORTUNITY
from signalnode.signals.mean_reversion import MEAN_REVERSION
from signalnode.signals.momentum import MOMENTUM
from signalnode.signals.volatility_breakout import VOLATILITY_BREAKOUT
from signalnode.signals.volume_spike import VOLUME_SPIKE

SIGNALS: tuple[Signal, ...] = (
    MOMENTUM,
    MEAN_REVERSION,
    VOLATILITY_BREAKOUT,
    VOLUME_SPIKE,
    LIQUIDITY_OPPORTUNITY,
)

OPTIONAL: dict[str, Signal] = {"book_pressure": BOOK_PRESSURE}

BUILT_IN_SCORES: tuple[str, ...] = tuple(name for signal in SIGNALS for name in signal.scores)

PARAMETERS: tuple[Parameter, ...] = (
    *scale.PARAMETERS,
    *(parameter for family in FAMILIES for parameter in family.PARAMETERS),
    *(parameter for signal in SIGNALS for parameter in signal.parameters),
)
# What is made of the parameters once, for nothing should divide by them at each event.
DERIVED: tuple[Derived, ...] = (
    *(Derived.per(parameter.name) for parameter in PARAMETERS if parameter.unit == "s"),
    *(derived for family in FAMILIES for derived in getattr(family, "DERIVED", ())),
)
_NAMES = [parameter.name for parameter in PARAMETERS] + [derived.name for derived in DERIVED]
PARAMETER_DTYPE = np.dtype([(name, "<f8") for name in _NAMES], align=True)
