"""A market's frames over whatever connections bring them, and one connection taking another's place. Pure.

Before a connection goes, another is made beside it, and for a while both bring everything. The newer one's
frames have a decoder of their own; its quotes and depth are held back until its book is the older one's,
level by level (the best LEVELS_ALIKE a side), or the older one's is broken: there the book is taken over.
Trades come from both, each once: of trades alike in venue time, side, price and size, as many are told as
either connection has brought. So it does not matter which is ahead, nor how a venue names its trades, and no
number is missed. `moved` is when the older one has gone; trades are still told apart for KEPT_NS after, for
the newer one may be behind.

Live feeds and captures both read through this, so what is scored live is what replay scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from signalnode.clock import NS_PER_S
from signalnode.events import QUOTE, TRADE
from signalnode.feeds.venues.base import BookWatch, Decoder, Row, quote_row

Connection = int | str  # a number, or a name; "" and 0 for none
LEVELS_ALIKE = 10
KEPT_NS = 10 * NS_PER_S
TRADES_MAX = 200_000  # kinds of them told apart, the newest
ADDRESSES_MAX = 1_000  # of connections, the newest

_Alike = tuple[int, int, float, float]  # venue time, side, price, size


class _Side:
    """A decoder, the connection that its frames came over last, and what it has brought."""

    __slots__ = ("brought", "decoder", "over", "quote")

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.over: Connection = ""
        self.brought: dict[_Alike, int] = {}  # trades
        self.quote: Row | None = None  # the newest, while another is beside it


class Joined:
    """Reads as one decoder (`make` gives a new one); see the module. Methods raise as `base.Decoder`'s."""

    def __init__(self, make: Callable[[], Decoder]) -> None:
        self._make = make
        self._older = self.chief = _Side(make())  # the chief's book counts
        self._newer: _Side | None = None
        self._beside: set[Connection] = set()  # whose frames are the newer one's
        self._told: dict[_Alike, int] = {}
        self._until_ns = 0  # when trades need not be told apart any more
        self._addresses: dict[Connection, str] = {}
        self._counted = 0  # before it was begun anew: for whoever counts, and no decoder knows of it
        self._counted_others: dict[str, int] = {}

    @property
    def watch(self) -> BookWatch:
        """The book that counts."""
        return self.chief.decoder.watch

    @property
    def halt(self) -> str:
        """As `base.Decoder`'s."""
        return self.chief.decoder.halt

    @property
    def matched(self) -> int:
        """As `base.Decoder`'s."""
        return self._counted + self._older.decoder.matched

    @property
    def others(self) -> dict[str, int]:
        """As `base.Decoder`'s."""
        return self._counted_others | self._older.decoder.others

    def decode(self, frame: bytes, time_received_ns: int, connection: Connection = "") -> Sequence[Row]:
        """The events in a frame."""
        if not self._until_ns and connection == self._older.over:  # as nearly always
            return self._older.decoder.decode(frame, time_received_ns)
        side = self._side_of(connection)
        rows = side.decoder.decode(frame, time_received_ns)
        return self._each_once(side, rows, time_received_ns) if self._until_ns else rows

    def decode_reply(
        self, url: str, body: bytes, time_received_ns: int, connection: Connection = ""
    ) -> Sequence[Row]:
        """The events in what was fetched from `url` for a connection."""
        side = self._older
        if self._newer is not None and connection in self._beside:
            side = self._newer
        rows = side.decoder.decode_reply(url, body, time_received_ns)
        return self._each_once(side, rows, time_received_ns) if self._until_ns else rows

    def note_address(self, connection: Connection, address: str) -> None:
        """A connection goes to this URL."""
        self._addresses.pop(connection, None)
        self._addresses[connection] = address
        if len(self._addresses) > ADDRESSES_MAX:
            del self._addresses[next(iter(self._addresses))]
        for side in (self._older, self._newer):
            if side is not None:
                side.over = ""  # its frames may come from elsewhere now

    def beside(self, connection: Connection) -> None:
        """This connection's frames come beside the others', until one of both has gone."""
        if self._newer is None:
            self._newer = _Side(self._make())
            self._newer.decoder.watch.book.expect(self._older.decoder.watch.book)
            self._told.clear()
            self._older.brought.clear()
            self._older.quote = None
        self._until_ns = 2**63 - 1
        self._beside.add(connection)

    def moved(self, connection: Connection, time_ns: int) -> Sequence[Row]:
        """The older connections have gone; 0 or "": the newer ones have. What quote and depth are then."""
        if self._newer is None:
            return ()
        gone = self._older if connection else self._newer
        stays = self._newer if connection else self._older
        if connection:
            _hand_on(gone.decoder, stays.decoder)
        is_new, self.chief = self.chief is not stays, stays
        self._older, self._newer = stays, None
        self._beside.clear()
        self._until_ns = time_ns + KEPT_NS
        return _as_it_is(stays, time_ns) if is_new else ()

    def begin_anew(self) -> None:
        """Forget all that was heard, but for what is counted: a new engine knows nothing of it."""
        self._counted, self._counted_others = self.matched, self.others
        self._older = self.chief = _Side(self._make())
        self._newer = None
        self._until_ns = 0
        for each in (self._beside, self._told, self._addresses):
            each.clear()

    def distrust(self) -> None:
        """Something was lost, whosever it was."""
        for side in (self._older, self._newer):
            if side is not None:
                side.decoder.watch.distrust()

    def _side_of(self, connection: Connection) -> _Side:
        side = self._older
        if self._newer is not None and connection in self._beside:
            side = self._newer
        if connection != side.over:
            side.over = connection
            side.decoder.on_address(self._addresses.get(connection, ""))
        return side

    def _each_once(self, side: _Side, rows: Sequence[Row], time_ns: int) -> Sequence[Row]:
        if self._newer is None and time_ns > self._until_ns:
            self._until_ns = 0
            self._told.clear()
            side.brought.clear()
            return rows
        found = []
        for row in rows:
            if row[2] == QUOTE:
                side.quote = row
            if self._is_first(side, row) if row[2] == TRADE else side is self.chief:
                found.append(row)
        if self._newer is not None and self.chief is not self._newer and self._is_in_step(self._newer):
            was_broken = self.chief.decoder.watch.book.status != "synced"
            self.chief = self._newer
            if was_broken:  # what the newer one has told was held back, and nobody else told it
                found += _as_it_is(self._newer, time_ns)
        return found

    def _is_first(self, side: _Side, row: Row) -> bool:
        alike = (row[0], row[3], row[4], row[5])
        count = side.brought[alike] = side.brought.get(alike, 0) + 1
        if count <= self._told.get(alike, 0):
            return False
        self._told[alike] = count
        if len(self._told) > TRADES_MAX:
            oldest = next(iter(self._told))
            for counts in (self._told, self._older.brought, self._newer.brought if self._newer else {}):
                counts.pop(oldest, None)
        return True

    def _quotes_alike(self, newer: _Side) -> bool:
        """Whether both told the same quote last; a broken book's, which tells none, is no matter."""
        old, new = self._older.quote, newer.quote
        if old is None or self._older.decoder.watch.book.status != "synced":
            return old is None or new is not None
        return new is not None and old[6:10] == new[6:10]

    def _is_in_step(self, newer: _Side) -> bool:
        old, new = self._older.decoder.watch.book, newer.decoder.watch.book
        if new.status != "synced" or not self._quotes_alike(newer):
            return False
        return old.status != "synced" or old.levels(LEVELS_ALIKE) == new.levels(LEVELS_ALIKE)


def _as_it_is(side: _Side, time_ns: int) -> Sequence[Row]:
    """Quote and depth, where something else was told last."""
    rows = side.decoder.watch.rows_now(time_ns)
    if side.quote is None or any(row[2] == QUOTE for row in rows):
        return rows
    return (quote_row(side.quote[0], time_ns, *side.quote[6:10]), *rows)


def _hand_on(old: Decoder, new: Decoder) -> None:
    """What is counted goes on, and a halt that was told holds."""
    new.watch.gaps += old.watch.gaps
    new.watch.book.snapshots += old.watch.book.snapshots
    new.matched += old.matched
    for name, count in old.others.items():
        new.others.setdefault(name, count)
    new.halt = new.halt or old.halt
