"""Book pressure: who leans on the top of the book, and who has just taken from it; gone within the second.

reading = imbalance − imbalance_usual + FLOW_WEIGHT · order_flow + TAKEN_WEIGHT (taken − taken_usual), all
dimensionless: the micro-price (Stoikov 2018), order flow imbalance (Cont, Kukanov and Stoikov 2014) and
signed trades. Two-sided and anchored: zero is no pressure. No market has it unless it names it, as
"book_pressure" in its list `extra`.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.signals import pressure
from signalnode.signals.base import Signal

TAKEN_WEIGHT = 0.1


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    leaning: float = pressure.book_lean(f) + TAKEN_WEIGHT * (f.taken - f.taken_usual)
    return leaning


BOOK_PRESSURE = Signal(
    ("book_pressure_long", "book_pressure_short"),
    reading,
    anchored=True,
    needs=("prices", "sizes"),
    tuned=("order_flow_s", "taken_s"),
)
