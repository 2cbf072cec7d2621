"""Features: what is measured, in natural units. One compiled family a file; FAMILIES is the register of them
all.

A family module has PARAMETERS, FEATURES (names of what it measures), STATE (fields it carries between
events), compiled functions that take events, and `measure(state, parameters, time_ns, features)`. The kernel
calls them by name.
"""

from __future__ import annotations

import numpy as np

from signalnode.features import activity, flow, liquidity, price

FAMILIES = (price, flow, activity, liquidity)

STATE = np.dtype(
    [
        ("time_ns", "<i8"),  # newest event taken or refused, kernel time
        ("time_event_ns", "<i8"),  # newest event taken, the venue's time
        ("events", "<i8"),  # taken
        ("refused", "<i8"),  # events that cannot be true
        ("has_quote", "<i8"),
        ("next_sample_ns", "<i8"),  # when the scale learns next
        ("samples", "<i8"),  # how often it has learned
        *(field for family in FAMILIES for field in family.STATE),
    ],
    align=True,
)
FEATURES = np.dtype(
    [("mid", "<f8"), *((name, "<f8") for family in FAMILIES for name in family.FEATURES)], align=True
)
