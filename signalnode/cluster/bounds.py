"""What each venue bears of one host's address, for placement: by the same words as its gateways go by."""

from __future__ import annotations

from signalnode.cluster.placement import Bound
from signalnode.feeds.live.budget import UNCOUNTED
from signalnode.feeds.live.sessions import venue_of
from signalnode.settings import NodeSettings


def venue_bounds(node: NodeSettings) -> dict[str, Bound]:
    """Of the venues of live markets, those that bear a number of connections that may be met.

    A market takes as many at once as it has routes; of a venue's markets, the most that any takes.
    """
    symbols: dict[str, set[str]] = {}
    for name, market in node.markets.items():
        if market.feed.kind == "live":
            words = venue_of(market.feed.venue)
            symbols.setdefault(market.feed.venue, set()).add(market.feed.symbol or words.symbol(name))
    bounds = {}
    for venue, named in symbols.items():
        words = venue_of(venue)
        if words.limits.connections_max < UNCOUNTED:
            routes = max(len(words.routes(symbol)) for symbol in named)
            bounds[venue] = Bound(words.limits.connections_max, words.limits.markets_max, routes)
    return bounds
