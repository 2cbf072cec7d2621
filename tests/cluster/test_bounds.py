"""What venues bear, as placement counts it."""

from __future__ import annotations

from signalnode.cluster.bounds import venue_bounds
from signalnode.cluster.messages import Wanted
from signalnode.cluster.placement import Bound, Limits, Place, plan
from signalnode.feeds.live.sessions import venue_of
from signalnode.settings import FeedSettings, MarketSettings, NodeSettings


def node(**venues: str) -> NodeSettings:
    return NodeSettings(
        markets={
            name: MarketSettings(market=name, feed=FeedSettings(kind="live", venue=venue))
            for name, venue in venues.items()
        }
    )


def test_a_venue_that_counts_connections_bounds_what_one_address_may_have() -> None:
    words = venue_of("hyperliquid")
    assert venue_bounds(node(A="hyperliquid")) == {
        "hyperliquid": Bound(words.limits.connections_max, words.limits.markets_max, len(words.routes("A")))
    }


def test_what_bears_all_and_what_is_not_live_has_no_bound() -> None:
    own = NodeSettings(markets={"A": MarketSettings(market="A", feed=FeedSettings(kind="synthetic"))})
    assert venue_bounds(own) == venue_bounds(node(A="dydx")) == {}


def test_gateways_of_their_own_that_an_address_cannot_have_go_to_another() -> None:
    bounds = venue_bounds(node(A="hyperliquid"))
    most = bounds["hyperliquid"].connections_max
    wanted = {f"M{n}": Wanted("d", "hyperliquid", has_own_gateway=True) for n in range(most + 1)}
    places = {"s1": Place("a", "ip-a"), "s2": Place("a", "ip-a")}
    (unplaced,) = plan(places, {}, wanted, Limits(100, bounds)).unplaced.values()
    assert unplaced == "hyperliquid bears no more connections of any host's address"
    assert not plan(places | {"s3": Place("b", "ip-b")}, {}, wanted, Limits(100, bounds)).unplaced
