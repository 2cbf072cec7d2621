"""Who listens to a gateway: a feed with an engine behind it, which keeps what came and what was scored.

`check_replay` is the law "live is replay": the frames that were passed on, replayed, give the same events
and the same scores, bit for bit, at every grid point.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from signalnode import SignalEngine, load_events
from signalnode.clock import NS_PER_S, monotonic_ns, pause
from signalnode.events import EVENT, QUOTE, Events, join_events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.files.framing import Held, line_of
from signalnode.feeds.live import envelope
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.venues import decoder_of
from signalnode.scores import MarketScores
from signalnode.signals import BUILT_IN_SCORES
from tests.effort import PATIENCE_S

GRID_NS = NS_PER_S // 10
WAIT_S = PATIENCE_S
GRID_POINTS_MIN = 10
NOTHING = np.zeros(0, EVENT)


class Tapped(LiveFeed):
    """Keeps what the gateway passed on, as lines of a capture, and what it told of the market."""

    lines: list[bytes]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.told: list[str] = []  # "lost: closed: 1012", say
        self._distrust, self._decoder.distrust = self._decoder.distrust, self._lose  # type: ignore[method-assign]

    def _lose(self) -> None:
        """Where frames are missing; as a recorder's tape."""
        self.lines.append(line_of(Held(self._heard_ns, b"", turn="lost")))
        self._distrust()

    def take_in(self, header: envelope.Header, body: bytes) -> None:
        if header.kind == envelope.TOLD:
            state, reason, _ = envelope.unpack_told(body)
            self.told.append(f"{state}: {reason}")
        super().take_in(header, body)

    def hear(self, header: envelope.Header, body: bytes) -> None:
        held = Held(header.time_ns, body, connection=str(header.connection))
        if header.kind == envelope.ANSWER:
            url, answer = envelope.unpack_answer(body)
            held = held._replace(frame=answer, url=url)
        elif header.kind == envelope.ADDRESS:
            held = held._replace(frame=b"", address=body.decode())
        elif header.kind in (envelope.BESIDE, envelope.MOVED):
            turn = "beside" if header.kind == envelope.BESIDE else "moved"
            held = held._replace(turn=turn, connection=str(header.connection or ""))
        self.lines.append(line_of(held))
        super().hear(header, body)


class Listener:
    """Listens to `symbol` at `endpoint`, once its feed is prepared."""

    def __init__(
        self, endpoint: str, gateway: str, venue: str, symbol: str, feed_class: type[Tapped] = Tapped
    ) -> None:
        self.venue, self.symbol = venue, symbol
        self.feed = feed_class(endpoint, gateway, symbol, decoder_of(venue), DEPTH_BPS, venue=venue)
        self.feed.lines = self.lines = list[bytes]()
        self.engine = SignalEngine(symbol)
        self.events: list[Events] = []
        self.scores: dict[int, MarketScores] = {}
        self._grid_ns = self._counted = self._quotes = 0

    @property
    def is_sound(self) -> bool:
        """Whether the market is heard and has its book."""
        return not self.feed.outage and not self.feed.degraded(0)

    @property
    def quotes(self) -> int:
        """So many came. Asked at every turn, so each block is looked into once."""
        self._quotes += sum(int((block["kind"] == QUOTE).sum()) for block in self.events[self._counted :])
        self._counted = len(self.events)
        return self._quotes

    @property
    def spanned_ns(self) -> int:
        """From the first event to the last."""
        if not self.events:
            return 0
        return int(self.events[-1]["time_received_ns"][-1] - self.events[0]["time_received_ns"][0])

    def turn(self, now_ns: int) -> Events:
        """Take what has come by monotonic time `now_ns`, and score at each grid point that is past."""
        heard_ns, taken = self.feed.kernel_at(now_ns), list[Events]()
        while (next_ns := self.feed.next_time_ns()) is not None:
            self._grid_ns = self._grid_ns or next_ns
            self._score_before(next_ns)
            events = self.feed.take(next_ns, 2_048)
            self.engine.ingest(events)
            taken.append(events)
        self._score_before(heard_ns + 1)
        if not taken:
            return NOTHING
        self.events += taken
        return taken[0] if len(taken) == 1 else join_events(taken)

    def until(self, holds: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
        """Take what comes until it holds; and fail where it never does."""
        end_ns = monotonic_ns() + int(wait_s * NS_PER_S)
        while not holds():
            assert monotonic_ns() < end_ns, f"never: {what}; {self.feed.outage}; {self.feed.faults}"
            self.turn(monotonic_ns())
            pause(NS_PER_S // 100)

    def until_sound(self) -> None:
        """Until quotes have come of a book that is whole."""
        self.until(lambda: self.is_sound, "a sound book")
        count = self.quotes
        self.until(lambda: self.quotes > count + 5, "quotes")

    def until_comparable(self) -> None:
        """Until there is a sound book, and what came spans the grid points that `check_replay` asks for."""
        self.until_sound()
        enough_ns = (GRID_POINTS_MIN + 2) * GRID_NS  # one less where it begins, one where it ends
        self.until(lambda: self.spanned_ns > enough_ns, "a span to compare")

    def was_told(self, reason: str) -> bool:
        """Whether that was told since `forget`; an outage may begin and end within one turn."""
        return any(reason in told for told in self.feed.told)

    def forget(self) -> None:
        """What the gateway told so far."""
        self.feed.told.clear()

    def drain(self) -> None:
        """Take what is on the way still; the gateway is gone."""
        tapped = -1
        while tapped < len(self.lines):
            tapped = len(self.lines)
            pause(NS_PER_S // 20)
            self.turn(monotonic_ns())

    def check_replay(self, capture: Path) -> None:
        """The law; the frames are written to `capture`."""
        capture.write_bytes(b"".join(self.lines))
        live = join_events(self.events)
        replayed = load_events(capture, venue=self.venue, market=self.symbol)
        assert np.array_equal(live, replayed)
        assert np.all(np.diff(live["time_received_ns"]) >= 0)
        table = SignalEngine(self.symbol).replay(replayed, GRID_NS)
        columns = {name: table[name].tolist() for name in BUILT_IN_SCORES}
        rows = {time_ns: row for row, time_ns in enumerate(table["time_ns"].tolist())}
        compared = self.scores.keys() & rows.keys()
        assert len(compared) > GRID_POINTS_MIN
        for time_ns in compared:
            replayed_scores = {name: column[rows[time_ns]] for name, column in columns.items()}
            assert replayed_scores == self.scores[time_ns], time_ns

    def close(self) -> None:
        """Let go of the socket."""
        self.feed.close()

    def _score_before(self, time_ns: int) -> None:
        """Ask at each grid point before `time_ns` that was not asked at yet; in a silence at the first and
        the last, for the replay goes through all of them.
        """
        while 0 < self._grid_ns < time_ns:
            self.scores[self._grid_ns] = self.engine.scores_at(self._grid_ns)
            left = (time_ns - 1 - self._grid_ns) // GRID_NS
            self._grid_ns += GRID_NS * max(1, left)
