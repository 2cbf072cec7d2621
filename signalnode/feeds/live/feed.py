"""The engine's end of a live market: frames of a gateway through the decoder that reads captures.

It has no clock of its own either: kernel time is the gateway's, as far as that has said that nothing older
will follow, and LAG_NS behind it where it says nothing. A feed that is quiet has not ended.

While a new process of the gateway comes to relieve the old one (`relief.py`) both are heard, until `Moved` or
a beat says that the new one counts; times then rise over both, in the order in which they are taken in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from numpy import frombuffer

from signalnode.bus.xsub import Xsub
from signalnode.clock import NS_PER_S
from signalnode.errors import CheckpointError
from signalnode.events import EVENT, Events
from signalnode.feeds import sieve
from signalnode.feeds.base import BlockFeed, Losses, Tried
from signalnode.feeds.faults import Faults
from signalnode.feeds.live import envelope
from signalnode.feeds.live.away import UNHEARD, Away
from signalnode.feeds.live.passed import Passed, passed_path
from signalnode.feeds.live.reasons import TROUBLES
from signalnode.feeds.live.renewals import Renewals
from signalnode.feeds.live.source import Source
from signalnode.feeds.live.venueclock import VenueClock
from signalnode.feeds.venues.base import DecoderClass, FrameFault, Row, pack_rows
from signalnode.feeds.venues.joined import Joined

FRAME = envelope.FRAME
# What a decoder raises: msgspec's are kinds of the first, brackets nested as nobody means them the second.
NO_ROWS = (ValueError, RecursionError, FrameFault)
LAG_NS, GATEWAY_SILENT_NS = NS_PER_S, 3 * NS_PER_S
DOUBT_NS, MUTE_NS = 600 * NS_PER_S, 60 * NS_PER_S  # between two look-ups; without anything before one
MESSAGES_MAX = envelope.QUEUE_MAX  # read in one turn
ANSWER_MS_MAX = 50  # of a gateway that is there, at the start; later than that it is asked all the same


class LiveFeed(BlockFeed):
    """Frames of `symbol` at `venue` from the gateway at `endpoint`; see `base.Feed` and `base.Outside`."""

    def __init__(
        self,
        endpoint: str,
        gateway: str,
        symbol: str,
        decoder_class: DecoderClass,
        depth_bps: float,
        *,
        venue: str,
    ) -> None:
        super().__init__()
        self.live = self
        self.outage = UNHEARD
        self.since_ns = 0
        self.connection = 0  # number of the newest frame's
        self._gateway, self._endpoint, self._venue, self._symbol = gateway, endpoint, venue, symbol
        self._faults = Faults()
        self._decoder = Joined(lambda: decoder_class(symbol, depth_bps, self._on_fault))
        self._clock = VenueClock(self._faults.add)
        self._state = sieve.new_state()
        self._rows: list[Row] = []
        self._chief = Source(0)  # who counts
        self._heir: Source | None = None  # who comes to relieve it
        self._is_merging = False  # times of both are to rise together
        self._passed = Passed(passed_path(endpoint), symbol)
        self._heard_ns = 0  # kernel time up to which all has come
        self._offset_ns = 0  # of the gateway's clock; 0 until it has said
        self._message_ns = 0  # monotonic time of its newest message
        self._away = Away()
        self._told: tuple[tuple[int, ...], dict[str, Losses]] = (), {}  # losses, and what they were made of
        self._losses = 0  # times that frames are missing, whatever their channel
        self._doubt_ns = 0
        self._renewals = Renewals()
        self._inlet: Xsub | None = None

    @property
    def position(self) -> dict[str, Any]:
        """What is heard, by whichever gateway, and the kernel time so far."""
        return {"live": [self._venue, self._symbol], "time_ns": self._state["time_ns"].item()}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go on after `position`; what came meanwhile is missing. Raises CheckpointError."""
        if position.get("live") != [self._venue, self._symbol]:
            raise CheckpointError("the position is of another feed; start afresh")
        time_ns = position.get("time_ns")
        if not isinstance(time_ns, int) or time_ns < 0:
            raise CheckpointError("no position of a live feed; start afresh")
        self._state["time_ns"] = time_ns
        self._heard_ns = max(self._heard_ns, time_ns)

    @property
    def faults(self) -> dict[str, int]:
        """Counts by name of what was wrong with what came."""
        return dict(self._faults.counts)

    @property
    def trouble(self) -> str:
        """What is wrong with the book; "" where nothing is."""
        status = self._decoder.watch.book.status
        return "" if status == "synced" else TROUBLES[status]

    @property
    def is_mute(self) -> bool:
        """See `base.Outside`."""
        return not self.outage and self._heard_ns - max(self.since_ns, self.position["time_ns"]) > MUTE_NS

    @property
    def clock_ns(self) -> int | None:
        """Our time of receipt less the venue's time, the least of late; None where no frame has a time."""
        return self._clock.offset_ns

    def drop_news(self) -> None:
        """See `base.Outside`."""
        self._faults.drop_news("market_lost", "market_refused", "book_gap")

    def news_of_faults(self) -> list[str]:
        """A line for each fault in the data since the last call."""
        return self._faults.news()

    def losses(self) -> dict[str, Losses]:
        """What became of each channel; see `base.Outside`."""
        watch, trade_gaps = self._decoder.chief.decoder.watch, self._faults.counts.get("trade_gap", 0)
        counted = self._losses, trade_gaps, watch.gaps, watch.book.snapshots, watch.gives_quotes
        if counted != self._told[0]:  # else as at most turns
            self._told = counted, _losses_of(*counted)
        return self._told[1]

    def tried(self, at_ns: int) -> Tried:
        """See `base.Outside`."""
        return self._away.tried(at_ns)

    def circumstances(self) -> tuple[object, ...]:
        """See `base.Outside`."""
        watch = self._decoder.chief.decoder.watch
        book, offset_ns = watch.book, self._clock.offset_ns
        known = self.outage, self.connection, offset_ns, self._faults.changes
        return (*known, book.status, book.snapshots, watch.gaps, watch.gives_quotes)

    def is_prepared(self) -> bool:
        """Always: what there is to do takes no time."""
        return True

    def prepare(self) -> Iterator[float]:
        """Connect to the gateway, whether it is there or not."""
        if self._inlet is None:
            self._inlet = Xsub((envelope.topic_of(self._symbol), envelope.BEAT_TOPIC))
            self._inlet.connect(self._endpoint)
            self._inlet.ask(ANSWER_MS_MAX)
            self._passed.open()
        return iter(())

    @property
    def inlet(self) -> Xsub:
        """What to wait for. After `prepare`."""
        assert self._inlet is not None
        return self._inlet

    def kernel_at(self, now_ns: int) -> int:
        """Take in what has come by monotonic time `now_ns`; the kernel time up to which all is known."""
        self._message_ns = self._message_ns or now_ns
        passed_ns = self._passed.time_ns()
        self._drain(now_ns)
        if passed_ns > self._heard_ns and self._passed.is_newest(self._chief.newest_ns):
            self._heard_ns = passed_ns
        if self._offset_ns:
            self._heard_ns = max(self._heard_ns, now_ns + self._offset_ns - LAG_NS)
        chief, away = self._decoder.chief.decoder, self._away
        is_plain = not (away.told or away.is_halted or chief.halt)  # as at most turns
        outage = "" if is_plain else away.reason(chief.halt)
        if now_ns - self._message_ns > GATEWAY_SILENT_NS:
            outage = f"{self._gateway} does not answer"
        if outage or self.outage:
            if not outage:
                self.since_ns = self._heard_ns
            self.outage = outage
            away.note(bool(outage), self._heard_ns)
        status = chief.watch.book.status
        if outage or status == "synced":  # as at most turns
            if self._renewals.due_ns:
                self._renewals.rest()
        elif self._renewals.is_due(now_ns, status):
            self._renew()
        return self._heard_ns

    def degraded(self, time_ns: int) -> bool:  # noqa: ARG002 - it is asked about the present alone
        """Whether the book has no sound image now."""
        return self._decoder.chief.decoder.watch.book.status != "synced"

    def close(self) -> None:
        """Let go of what was opened."""
        self._passed.close()
        if self._inlet is not None:
            self._inlet.close()
            self._inlet = None

    def ahead(self) -> tuple[Events, int]:
        """The block at hand and the place in it of the next event; its end where there is none."""
        if self._rows and self._at >= self._size:
            self._at, self._block = 0, self._next_block()
            self._size = len(self._block)
        return self._block, self._at

    def _ensure_block(self) -> bool:
        return (self._at < self._size or bool(self._rows)) and super()._ensure_block()

    def _next_block(self) -> Events:
        rows, self._rows = self._rows, []
        events = frombuffer(pack_rows(rows), EVENT)
        kept, codes = self._clock.sift(events, self._state)
        if codes:
            for row, code in zip(rows, codes, strict=True):
                if code:
                    self._faults.add(sieve.NAMES[code], sieve.describe(row, code))
        return events if kept == len(rows) else events[:kept]

    def _drain(self, now_ns: int) -> None:
        inlet = self._inlet
        assert inlet is not None
        for message in inlet.receive(MESSAGES_MAX):
            self._message_ns = now_ns
            try:
                self.take_in(*envelope.unpack(message))
            except (ValueError, struct.error) as error:
                self._faults.add("envelope_malformed", str(error))

    def take_in(self, header: envelope.Header, body: bytes) -> None:
        """One message of the gateway, in order."""
        source = self._chief
        kind, time_ns, _, sequence, generation = header
        is_next = sequence == source.sequence + 1 and generation == source.generation
        if is_next and kind == FRAME and not self._is_merging:  # as nearly always
            source.sequence, source.newest_ns = sequence, time_ns
            if time_ns > self._heard_ns:  # noqa: PLR1730 - `max` is a call
                self._heard_ns = time_ns
            self.hear(header, body)
            return
        if header.generation != source.generation:
            if header.generation < source.generation:
                return  # it was relieved
            if self._heir is None or header.generation != self._heir.generation:
                self._begin_with(header.generation)
            source = self._heir or self._chief
        if header.kind == envelope.BEAT:
            self._on_beat(header, *envelope.unpack_beat(body))
        elif header.kind == envelope.HEIR:
            self._on_heir(envelope.unpack_heir(body))
        elif (missing := source.count(header)) >= 0:  # else it came before
            if missing:
                self._miss(missing, header)
            self._take(source, self._timed(header) if self._is_merging else header, body)

    def _take(self, source: Source, header: envelope.Header, body: bytes) -> None:
        self._heard_ns = max(self._heard_ns, header.time_ns)
        if header.kind != envelope.TOLD:
            self.hear(header, body)
            if header.kind == envelope.MOVED and source is self._heir:
                self._take_over()
            return
        state, reason, due_ns = envelope.unpack_told(body)
        if source is self._heir and state not in envelope.OF_THE_VENUE:
            source.told = state, reason
        else:
            self._on_told(state, reason)
        if state not in envelope.OF_THE_VENUE:
            self._away.count(state, header.connection, due_ns)

    def hear(self, header: envelope.Header, body: bytes) -> None:
        """What comes from the venue, in order."""
        kind, time_ns, connection, _, _ = header
        try:
            if kind == FRAME:
                self.connection = connection
                rows = self._decoder.decode(body, time_ns, connection)
            else:
                rows = self._besides(kind, time_ns, connection, body)
        except NO_ROWS as error:
            self._refuse(error)
            return
        if self._away.is_halted and kind == FRAME:
            self._away.hear_rows(rows)
        self._rows += rows

    def _besides(self, kind: int, time_ns: int, connection: int, body: bytes) -> Sequence[Row]:
        if kind == envelope.ANSWER:
            return self._decoder.decode_reply(*envelope.unpack_answer(body), time_ns, connection)
        if kind == envelope.ADDRESS:
            self._decoder.note_address(connection, body.decode(errors="replace"))
        elif kind == envelope.BESIDE:
            self._decoder.beside(connection)
        elif kind == envelope.MOVED:
            return self._decoder.moved(connection, time_ns)
        return ()

    def _miss(self, missing: int, header: envelope.Header) -> None:
        """So many messages before this one are missing."""
        self._faults.add("frames_lost", f"{missing} messages of the gateway before {header.sequence}")
        self._losses += 1
        self._decoder.distrust()

    def _timed(self, header: envelope.Header) -> envelope.Header:
        """With a time that does not fall, whichever process it is of; while those of both are merged."""
        self._is_merging = self._heir is not None or header.time_ns < self._heard_ns
        return header._replace(time_ns=max(header.time_ns, self._heard_ns))

    def _on_beat(self, header: envelope.Header, offset_ns: int, is_beside: bool) -> None:
        if self._heir is not None and header.generation == self._heir.generation:
            if is_beside:
                return  # what the other one has sent may be older
            self._take_over()
        self._heard_ns = max(self._heard_ns, header.time_ns)
        self._offset_ns = offset_ns
        if self._heir is None:
            self._passed.open()

    def _begin_with(self, generation: int) -> None:
        """The gateway was started anew."""
        self._let_heir_go()
        self._chief = Source(generation)

    def _on_heir(self, heir: envelope.Heir) -> None:
        """Another process comes to take over; generation 0: it has gone."""
        if not heir.generation:
            self._let_heir_go()
        elif self._heir is None:
            self._heir, self._is_merging = Source(heir.generation), True
            self.inlet.connect(envelope.other_name(self._endpoint))

    def _let_heir_go(self) -> None:
        if self._heir is not None:
            self._heir = None
            self.inlet.disconnect(envelope.other_name(self._endpoint))

    def _take_over(self) -> None:
        """Who came counts from now on."""
        self._chief, self._heir = self._heir or self._chief, None
        self.inlet.disconnect(self._endpoint)
        self._endpoint = envelope.other_name(self._endpoint)
        self._passed.close()
        self._passed = Passed(passed_path(self._endpoint), self._symbol)
        self._passed.open()
        if self._chief.told is not None:
            self._on_told(*self._chief.told)

    def _on_told(self, state: str, reason: str) -> None:
        was_heard = not self._away.told
        is_news = self._away.hear(state, reason)
        if not self._away.told or state in envelope.OF_THE_VENUE:
            return
        if self._decoder.watch.book.status not in ("empty", "gap"):
            self._decoder.distrust()  # it stands still, until there is one of the next connection
        self._renewals.begin_again()
        self._losses += was_heard
        if was_heard or (state == "refused" and is_news):  # "lost" is the word of a start, too
            self._faults.add(f"market_{state}", reason)

    def _refuse(self, error: Exception) -> None:
        """Count what a decoder could not read."""
        if isinstance(error, FrameFault):
            self._faults.add(error.name, str(error))
        elif isinstance(error, msgspec.ValidationError):
            self._faults.add("frame_malformed", str(error))
        else:
            if isinstance(error, RecursionError):
                self._decoder.distrust()
            self._faults.add("line_corrupt", str(error))

    def _on_fault(self, name: str, text: str) -> None:
        """A decoder's word."""
        self._faults.add(name, text)
        if name == "book_drifted":
            self._renew()

    def doubt(self, now_ns: int) -> None:
        """Have it looked up whether the venue trades the market; see `base.Outside`."""
        if now_ns >= self._doubt_ns:
            self._doubt_ns = now_ns + DOUBT_NS
            self._say(envelope.DOUBT)

    def _renew(self) -> None:
        if not self._say(envelope.RENEW):
            self._faults.add("renewal_unsent")

    def _say(self, what: bytes) -> bool:
        """Whether it is on the way to the gateway."""
        return self.inlet.send(what + envelope.topic_of(self._symbol))


def _losses_of(
    lost: int, trade_gaps: int, book_gaps: int, images: int, gives_quotes: bool
) -> dict[str, Losses]:
    book = Losses(book_gaps, images)
    quotes = book if gives_quotes else Losses(lost, 0)
    return {"trades": Losses(lost + trade_gaps, 0), "quotes": quotes, "depth": book}
