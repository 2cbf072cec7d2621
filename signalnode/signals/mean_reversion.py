"""Mean reversion: the price stands away from fair value, against a flat trend, and is about to come back.

reading = −D · freshness / (1 + (T / STEADY)⁸), dimensionless, with D = distance / √(½ variance ·
fair_value_s), the way back from log mid to its exponential average (Zumbach and Müller 2001) in usual
deviations, and T = distance / √(½ trend_variance · fair_value_s). |T| is 1.4 after one jump and 3.5 where the
way was made step by step (`features/price.py`): the steadier the way out, the weaker. Two-sided, and measured
from its own mean: in a market that climbs for hours the distance is always there and says nothing. Either
side is stronger the more goes on (`pressure.activity`): a price that is locked comes back to nothing.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.signals import pressure
from signalnode.signals.base import Signal


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    away = pressure.deviations(f, p, f.variance) * pressure.freshness(f)
    steady = pressure.deviations(f, p, f.trend_variance) / pressure.STEADY
    power = (steady * steady) * (steady * steady)
    back: float = -away / (1.0 + power * power)
    return back


MEAN_REVERSION = Signal(
    ("mean_reversion_long", "mean_reversion_short"),
    reading,
    spread=0.8,
    activity=pressure.activity,
    tuned=("fair_value_s", "trend_s"),
)
