"""Two signals as a user would add them, from outside: a function, and a two-sided one."""

from __future__ import annotations

import math
from typing import Any

from signalnode.signals.base import Signal


def pace(f: Any, p: Any) -> float:
    """Plain Python: ln(volume / usual volume), "nothing at all" before the first trade."""
    return math.log(f.volume / f.volume_usual + 1e-3) if f.volume_usual > 0.0 else -math.inf


def lean(f: Any, p: Any) -> float:
    away: float = f.imbalance - 0.5 * f.order_flow
    return away


LEAN = Signal(("lean_long", "lean_short"), lean)
