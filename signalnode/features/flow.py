"""Order flow: who leans on the top of the book, and who has just come or gone there.

Features, dimensionless where no unit stands:
- `imbalance` = (bid_size − ask_size) / (bid_size + ask_size), in [−1, 1], the book as it stands. It is also
  the distance of Stoikov's first-order micro-price (2018) from the mid, in half spreads;
- `queue` (base units) = the smaller of the two: what has to go before the price moves;
- `imbalance_lately`, `imbalance_usual` = its averages over time (τ = imbalance_s, imbalance_usual_s), even
  before the first quote;
- `order_flow` = E / (A + floor · Ā τ), in [−1, 1]: decayed order flow imbalance (τ = order_flow_s). Each
  quote adds e_n = 1[bid ≥ bid'] bid_size − 1[bid ≤ bid'] bid_size' − 1[ask ≤ ask'] ask_size + 1[ask ≥ ask']
  ask_size' (Cont, Kukanov and Stoikov 2014, eq. 3) to E and |e_n| to A; Ā is the usual rate of |e_n| (τ =
  order_flow_usual_s), so that the last quote before a silence does not keep speaking. In Ā one quote
  counts for no more than 64 usual ones (`limits.py`).
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.features.base import Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, decays, hold
from signalnode.features.limits import INFLUENCE_MAX, KNOWN_FROM, least, limited

PARAMETERS = (
    Parameter(
        "order_flow_s", 1.0, 0.01, 600.0, "s", "the top of the book forgets within seconds", (0.2, 30.0)
    ),
    Parameter("order_flow_usual_s", 60.0, 1.0, 86400.0, "s", "what counts as usual flow"),
    Parameter(
        "imbalance_s", 2.0, 0.01, 600.0, "s", "a lean that is gone sooner was hardly meant", (0.3, 30.0)
    ),
    Parameter("imbalance_usual_s", 1800.0, 10.0, 86400.0, "s", "the lean of the book this market is used to"),
)
FEATURES = ("imbalance", "queue", "imbalance_lately", "imbalance_usual", "order_flow")
STATE = (
    ("bid_size", "<f8"),
    ("ask_size", "<f8"),
    ("imbalance_lately", "<f8"),
    ("imbalance_average", "<f8"),
    ("flow_time_ns", "<i8"),  # of the newest change at the top of the book
    ("flow_first_ns", "<i8"),
    ("flow_sum", "<f8"),
    ("flow_absolute", "<f8"),
    ("flow_absolute_usual", "<f8"),
    ("flows", "<i8"),  # quotes that added something, since the first
    ("flows_usual", "<f8"),  # decayed number of them, as of the last change
    ("flow_before", "<f8"),  # |e_n| of the last, and of the one before it: whole
    ("flow_earlier", "<f8"),
)

KEPT = (
    Weight("order_flow", "flow_time_ns", "order_flow_s"),
    Weight("order_flow_usual", "flow_time_ns", "order_flow_usual_s"),
    Weight("imbalance_lately", "flow_time_ns", "imbalance_s"),
    Weight("imbalance_usual", "flow_time_ns", "imbalance_usual_s"),
)
SEEN = (Weight("order_flow_usual_seen", "flow_first_ns", "order_flow_usual_s"),)

SILENCE_FLOOR = 0.1  # share of the usual flow below which the present flow counts for less


@compiled
def _imbalance(bid_size: float, ask_size: float) -> float:
    top = bid_size + ask_size
    return (bid_size - ask_size) / top if top > 0.0 else 0.0


@compiled
def _flow(s: Any, e: Any) -> float:
    """e_n of the module's docstring."""
    flow = 0.0
    if e.bid >= s.bid:
        flow += e.bid_size
    if e.bid <= s.bid:
        flow -= s.bid_size
    if e.ask <= s.ask:
        flow -= e.ask_size
    if e.ask >= s.ask:
        flow += s.ask_size
    return flow


@compiled
def _take_flow(s: Any, size: float, usual: float) -> None:
    """Take |e_n| > 0 into the usual flow, of which `usual` is left."""
    counted = size
    if s.flows >= KNOWN_FROM and size * s.flows_usual > INFLUENCE_MAX * s.flow_absolute_usual:
        most = INFLUENCE_MAX * s.flow_absolute_usual / s.flows_usual
        counted = limited(size, most, s.flow_before, s.flow_earlier)
    s.flow_absolute_usual = s.flow_absolute_usual * usual + counted
    s.flows_usual = s.flows_usual * usual + 1.0
    s.flows += 1
    if s.flows == KNOWN_FROM:
        s.flow_absolute_usual = s.flows_usual * least(size, s.flow_before, s.flow_earlier)
    s.flow_earlier = s.flow_before
    s.flow_before = size


@compiled
def on_quote(s: Any, p: Any, e: Any) -> None:
    """Take a quote."""
    time_ns = e.time_received_ns
    if s.has_quote == 0:
        s.flow_time_ns = time_ns
        s.flow_first_ns = time_ns
    elif e.bid != s.bid or e.ask != s.ask or e.bid_size != s.bid_size or e.ask_size != s.ask_size:
        flow = _flow(s, e)
        h = (time_ns - s.flow_time_ns) * SECONDS_PER_NS
        stood = _imbalance(s.bid_size, s.ask_size)
        now, usual, lately, lean = decays(
            h * p.per_order_flow_s,
            h * p.per_order_flow_usual_s,
            h * p.per_imbalance_s,
            h * p.per_imbalance_usual_s,
        )
        s.imbalance_lately = hold(s.imbalance_lately, stood, lately)
        s.imbalance_average = hold(s.imbalance_average, stood, lean)
        s.flow_sum = s.flow_sum * now + flow
        s.flow_absolute = s.flow_absolute * now + abs(flow)
        if flow != 0.0:
            _take_flow(s, abs(flow), usual)
        else:
            s.flow_absolute_usual *= usual
            s.flows_usual *= usual
        s.flow_time_ns = time_ns
    s.bid_size = e.bid_size
    s.ask_size = e.ask_size


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    f.imbalance = _imbalance(s.bid_size, s.ask_size)
    f.queue = min(s.bid_size, s.ask_size)
    f.imbalance_lately = hold(s.imbalance_lately, f.imbalance, w.imbalance_lately)
    f.imbalance_usual = hold(s.imbalance_average, f.imbalance, w.imbalance_usual)
    usual = s.flow_absolute_usual * w.order_flow_usual * p.per_order_flow_usual_s
    rate = usual / w.order_flow_usual_seen
    total = s.flow_absolute * w.order_flow + SILENCE_FLOOR * rate * p.order_flow_s
    f.order_flow = s.flow_sum * w.order_flow / total if total > 0.0 else 0.0
