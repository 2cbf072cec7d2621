"""dYdX v4's socket, as strict as its own (`indexer/services/socks`): 32 subscriptions a channel, the same one
at most twice a second, else 1008; two frames a second that make no sense, else 1008.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tests.feeds.venues.made.base import price, size
from tests.feeds.venues.made.dydx import arrays, objects

from .listing import Listing, Numbered, iso
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES, MARKETS = "v4_orderbook", "v4_trades", "v4_markets"
SUBSCRIPTIONS_MAX = 32  # a channel
LEVELS = 100  # a side of an image
VOLUME = 82_500_281.5611  # of 24 h, of the first; so much more of each further one


class Dydx(Protocol):
    """See `Protocol`. Each frame has the connection's name and its number on it."""

    name, path = "dydx", "/v4/ws"
    symbols = ("BTC-USD", "ETH-USD", "SOL-USD")
    book, trades = BOOK, TRADES
    halt = "paused"
    ping_s, pong_s = 30.0, 10.0
    _sealed: Message = b""  # the newest
    _written = b""

    def on_open(self, peer: Peer) -> None:
        """It speaks first."""
        peer.send({"type": "connected"})

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe, ping."""
        try:
            asked = json.loads(frame)
            kind = asked["type"]
            key = ("", asked.get("channel", ""))
            if kind != "ping" and key[1] != MARKETS:
                key = (asked["id"], asked["channel"])
        except (ValueError, KeyError, TypeError):
            kind, key = "", ("", "")
        if kind == "unsubscribe":
            peer.subscribed.pop(key, None)
            peer.send({"type": "unsubscribed", "channel": key[1], "id": key[0]})
        elif kind == "subscribe":
            self._subscribe(peer, *key)
        elif kind != "ping":
            often = peer.is_too_often("senseless", 2, 1.0)
            peer.break_rule("a frame that makes no sense", 1008 if often else 0)

    def _subscribe(self, peer: Peer, symbol: str, channel: str) -> None:
        if peer.is_too_often((symbol, channel), 2, 1.0):
            peer.break_rule(f"{channel} of {symbol} asked for three times in a second", 1008)
        elif channel == MARKETS:
            peer.state[MARKETS] = states = {each: _state(of) for each, of in peer.venue.listings.items()}
            markets = {each: {"ticker": each, "status": state} for each, state in states.items()}
            peer.send({"type": "subscribed", "channel": channel, "contents": {"markets": markets}})
        elif channel not in (BOOK, TRADES) or symbol not in peer.venue.listings:
            self._refuse(peer, f"Invalid subscription id for channel: ({channel}-{symbol})")
        elif (symbol, channel) in peer.subscribed:
            self._refuse(peer, f"Invalid subscribe message: already subscribed ({channel}-{symbol})")
        elif sum(each == channel for _, each in peer.subscribed) >= SUBSCRIPTIONS_MAX:
            self._refuse(peer, f"Per-connection subscription limit reached for {channel}")
        else:
            peer.subscribed[symbol, channel] = None
            peer.send(self._opening(peer.venue.listings[symbol], channel))

    def on_time(self, peer: Peer) -> None:
        """Tell what has halted, or trades again."""
        super().on_time(peer)
        states = peer.state.get(MARKETS, {})
        for symbol, listing in peer.venue.listings.items() if states else ():
            state = _state(listing)
            if states[symbol] != state:
                states[symbol] = state
                told = {"trading": {symbol: {"id": "1", "status": state}}}
                peer.send({"type": "channel_data", "channel": MARKETS, "contents": told})

    def image(self, listing: Listing, channel: str) -> Message:
        """The book whole, as it comes in band."""
        return self._opening(listing, channel)

    def _opening(self, listing: Listing, channel: str) -> Message:
        if channel == TRADES:
            contents: dict[str, Any] = {"trades": [_trade(each) for each in reversed(listing.trades)]}
        else:
            image = listing.image(LEVELS)
            contents = {"bids": objects(image.bids), "asks": objects(image.asks)}
        return {"type": "subscribed", "channel": channel, "id": listing.symbol, "contents": contents}

    def _refuse(self, peer: Peer, message: str) -> None:
        peer.break_rule(message)
        peer.send({"type": "error", "message": message})

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """Unbatched: one frame a change."""
        step = listing.step
        contents: dict[str, Any] = {"bids": arrays(step.bids), "asks": arrays(step.asks)}
        if channel == TRADES:
            contents = {"trades": [_trade(each) for each in listing.new_trades]}
        contents = {name: each for name, each in contents.items() if each}
        if not contents:
            return []
        return [{"type": "channel_data", "channel": channel, "id": listing.symbol, "contents": contents}]

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """Its markets; nothing else is asked of it."""
        if path != "/v4/perpetualMarkets":
            return None
        listed = {"tickSize": price(1), "stepSize": size(1)}
        markets = {
            symbol: {
                "ticker": symbol,
                "status": _state(listing),
                "volume24H": f"{VOLUME * count:.4f}",
                **listed,
            }
            for count, (symbol, listing) in enumerate(venue.listings.items(), start=1)
        }
        return Answer(200, json.dumps({"markets": markets}).encode())

    def seal(self, peer: Peer, message: Message) -> bytes:
        """Number it. One that goes to many is written once."""
        assert isinstance(message, dict)
        peer.state["message_id"] = number = peer.state.get("message_id", -1) + 1
        if message is not self._sealed:
            self._sealed, self._written = message, msgspec.json.encode(message)[:-1]
        return self._written + b',"connection_id":"connection-%d","message_id":%d}' % (peer.number, number)


def _state(listing: Listing) -> str:
    return "PAUSED" if listing.halted else "ACTIVE"


def _trade(each: Numbered) -> dict[str, Any]:
    return {
        "id": f"{each.number:024x}",
        "side": "BUY" if each.trade.side > 0 else "SELL",
        "price": price(each.trade.tick),
        "size": size(each.trade.lots),
        "type": "LIMIT",
        "createdAt": iso(each.time_ns)[:-4] + "Z",
    }


PROTOCOL = Dydx
