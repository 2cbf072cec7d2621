"""Evidence: what a market's events tell at all, and what they have ceased to tell.

Features, each 1 where it has been heard, and not `evidence_s` before the newest event of any kind, else 0:
- `heard_prices`: quotes, or trades while there was no quote yet;
- `heard_quotes`: quotes;
- `heard_sizes`: sizes at the top of the book that say something: the two differ, or are others than before.
  Where a source has none, one number stands in for all of them;
- `heard_trades`: trades;
- `heard_sides`: trades with a side;
- `heard_depth`: depth.

A silence of everything ends none of them: nobody can tell a halt from a rest. Trades that stay away for
`evidence_s` while quotes go on have stopped coming.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.features.base import Parameter
from signalnode.features.decay import SECONDS_PER_NS

PARAMETERS = (
    Parameter(
        "evidence_s", 3600.0, 1.0, 864000.0, "s", "what stays away so long while others come is not there"
    ),
)
FEATURES = ("heard_prices", "heard_quotes", "heard_sizes", "heard_trades", "heard_sides", "heard_depth")
STATE = (
    ("evidence_time_ns", "<i8"),  # of the newest event of any kind; below, of the newest of each
    ("quotes_heard_ns", "<i8"),
    ("sizes_heard_ns", "<i8"),
    ("trades_heard_ns", "<i8"),
    ("sides_heard_ns", "<i8"),
    ("depth_heard_ns", "<i8"),
    ("quotes_heard", "<i8"),  # 1 where any was; so below
    ("sizes_heard", "<i8"),
    ("trades_heard", "<i8"),
    ("sides_heard", "<i8"),
    ("depth_heard", "<i8"),
    ("bid_size_heard", "<f8"),  # of the newest quote
    ("ask_size_heard", "<f8"),
)


@compiled
def on_trade(s: Any, p: Any, e: Any) -> None:
    """Take a trade."""
    s.evidence_time_ns = s.trades_heard_ns = e.time_received_ns
    s.trades_heard = 1
    if e.aggressor_side != 0:
        s.sides_heard_ns = e.time_received_ns
        s.sides_heard = 1


@compiled
def on_quote(s: Any, p: Any, e: Any) -> None:
    """Take a quote."""
    time_ns, bid, ask = e.time_received_ns, e.bid_size, e.ask_size
    is_other = bid != s.bid_size_heard or ask != s.ask_size_heard
    if bid != ask or (s.quotes_heard == 1 and is_other):
        s.sizes_heard_ns = time_ns
        s.sizes_heard = 1
    s.evidence_time_ns = s.quotes_heard_ns = time_ns
    s.quotes_heard = 1
    s.bid_size_heard, s.ask_size_heard = bid, ask


@compiled
def on_depth(s: Any, p: Any, e: Any) -> None:
    """Take the depth of the book."""
    s.evidence_time_ns = s.depth_heard_ns = e.time_received_ns
    s.depth_heard = 1


@compiled
def _stands(heard: int, heard_ns: int, newest_ns: int, most_s: float) -> float:
    return 1.0 if heard == 1 and (newest_ns - heard_ns) * SECONDS_PER_NS <= most_s else 0.0


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    newest_ns, most_s = s.evidence_time_ns, p.evidence_s
    quotes = _stands(s.quotes_heard, s.quotes_heard_ns, newest_ns, most_s)
    trades = _stands(s.trades_heard, s.trades_heard_ns, newest_ns, most_s)
    f.heard_quotes, f.heard_trades = quotes, trades
    f.heard_sizes = _stands(s.sizes_heard, s.sizes_heard_ns, newest_ns, most_s)
    f.heard_sides = _stands(s.sides_heard, s.sides_heard_ns, newest_ns, most_s)
    f.heard_depth = _stands(s.depth_heard, s.depth_heard_ns, newest_ns, most_s)
    f.heard_prices = quotes if s.quotes_heard == 1 else trades
