"""What a venue's file says of its protocol. A new venue is such a file, called as in LIVE_VENUES, with
PROTOCOL in it: `dydx.py` is the example.

All of it is plain synchronous code without a clock: `venue.Venue` gives it peers (connections to it), whose
`now_s` is monotonic, and takes what it sends through them. So the same venue serves sockets (`server.py`)
and tests in virtual time.

- Answers go out with `peer.send`; data that `data` makes is sent to every peer that holds the symbol and the
  channel in `peer.subscribed`, and only that passes through the faults of a script.
- A rule that a client broke: `peer.break_rule(what)` tells the test, and with a code it closes as well;
  `peer.is_too_often(what, count_max, period_s)` counts.
- Numbers are the venue's, the same for every peer, so that two connections join: `listing.update` of
  books (up by one with each change), each trade's own for trades. What a venue numbers by connection goes
  in with `seal`. `peer.state` is the protocol's own.
- A book is handed out with `listing.image(levels)`, which a script may make old or shallow; the market, its
  prices and sizes, and how the venue writes them down are those of `tests/feeds/venues/made`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .listing import Listing
    from .venue import Answer, Peer, Venue

Message = bytes | str | dict[str, Any]


class Protocol:
    """One venue's words and rules."""

    name = ""  # as in LIVE_VENUES
    path = "/"  # of its socket, without what may follow
    rest_path = ""  # of its REST addresses
    symbols: tuple[str, ...] = ()  # as the venue spells them
    book, trades = "", ""  # what the channels of the two begin with
    quotes = ""  # and that of quotes, where a venue has one of its own: nothing shows that one is lost
    halt = ""  # its word for a market that does not trade, as an engine tells it
    tells_halts = True  # in a frame; else its listing alone does, and is read by the clock
    refuses = True  # a market that there is not; else it agrees to any, and its listing alone knows
    ping_s: float | None = 20.0  # of pings by WebSocket's own protocol; None: none
    pong_s: float | None = 20.0

    def accepts(self, path: str) -> bool:
        """Whether a connection to this path (with its query) is let in; else HTTP 404."""
        return path.partition("?")[0] == self.path

    def on_open(self, peer: Peer) -> None:
        """A client has connected: greet it."""

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """A client has sent `frame`."""
        raise NotImplementedError

    def on_time(self, peer: Peer) -> None:
        """Time has passed; called several times a second. Deadlines and heartbeats."""

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """What tells of `listing.step` and `listing.new_trades` on a channel; [] where nothing did."""
        raise NotImplementedError

    def image(self, listing: Listing, channel: str) -> Message | None:  # noqa: ARG002
        """The book whole, as it comes in one stream with its updates; None where it is fetched."""
        return None

    def seal(self, peer: Peer, message: Message) -> bytes:  # noqa: ARG002 - for who numbers by connection
        """The bytes of a message to one peer, in the order sent."""
        if isinstance(message, dict):
            return msgspec.json.encode(message)
        return message.encode() if isinstance(message, str) else message

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """What REST says to a GET of `path`; None: 404."""
        return None

    def posted(self, venue: Venue, path: str, body: bytes) -> Answer | None:  # noqa: ARG002
        """What it says to a POST."""
        return None


def protocol_of(name: str) -> Protocol:
    """A new one of the venue called so. Raises ModuleNotFoundError."""
    from importlib import import_module

    made: Protocol = import_module(f"{__name__.rpartition('.')[0]}.{name}").PROTOCOL()
    return made
