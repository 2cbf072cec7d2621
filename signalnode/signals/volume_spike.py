"""Volume spike: more is traded than usual.

reading = ln(volume), the log of the base units traded per second over the last `volume_s`, floored at
NEGLIGIBLE of the usual; −∞ while nothing has ever been traded. Volume clusters, so much now means much soon
(Clark 1973).
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal, log_floored


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    return log_floored(f.volume, f.volume_usual)


VOLUME_SPIKE = Signal(("volume_spike",), reading, needs=("prices", "trades"))
