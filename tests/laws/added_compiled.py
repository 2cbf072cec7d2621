"""The two-sided signal of `added`, compiled by its user: numba takes two seconds, in each process."""

from __future__ import annotations

import numba

from signalnode.signals.base import Signal
from tests.laws.added import lean

LEAN = Signal(("lean_long", "lean_short"), numba.njit(lean))
