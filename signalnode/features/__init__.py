"""Features: what is measured, in natural units. One compiled family a file, FAMILIES is their register.

To add one: its file, and its line in FAMILIES. What a family must have, and how it hears of events, stands
in `base.py`. The kernel is made of this register.
"""

from __future__ import annotations

import numpy as np

from signalnode.features import activity, evidence, flow, liquidity, price, takers
from signalnode.features.base import BOOK, Family, refuse_groundless, refuse_unheard

FAMILIES: tuple[Family, ...] = (
    price,
    flow,
    activity,
    takers,
    liquidity,
    evidence,
)

for _family in FAMILIES:
    refuse_unheard(_family)
    refuse_groundless(_family)

STATE = np.dtype(
    [
        ("time_ns", "<i8"),  # newest event taken or refused, kernel time
        ("time_event_ns", "<i8"),  # newest event taken, the venue's time
        ("events", "<i8"),  # taken
        ("refused", "<i8"),  # events that cannot be true
        ("next_sample_ns", "<i8"),  # when the scale learns next
        ("samples", "<i8"),  # how often it has learned
        ("events_sampled", "<i8"),  # taken or refused by the newest sample
        ("still", "<i8"),  # samples since then that no event came before
        ("waits", "<f8"),  # decayed sum of the waits for an event, in samples
        ("wait_squares", "<f8"),
        *BOOK,
        *(field for family in FAMILIES for field in family.STATE),
    ],
    align=True,
)
FEATURES = np.dtype(
    [("mid", "<f8"), *((name, "<f8") for family in FAMILIES for name in family.FEATURES)], align=True
)
