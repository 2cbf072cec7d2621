"""Machine code writes a score message to the byte as it is encoded otherwise, or not at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalnode import SignalEngine
from signalnode.bus.topics import SCORE
from signalnode.bus.wire import Score, encode_content
from signalnode.bus.zmtp import MORE, frame
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.engine import message as written
from signalnode.engine.message import ScoreWriter, check_fields, pieces_of
from signalnode.engine.standing import standing_of
from signalnode.engine.step import STEP, read
from signalnode.engine.work import Work
from signalnode.feeds import ChannelHealth
from signalnode.feeds.base import Losses, Tried
from signalnode.scores import MarketScores
from signalnode.settings import EngineSettings
from signalnode.signals import BUILT_IN_SCORES, SIGNALS
from tests.effort import drawn
from tests.engine.test_work import At
from tests.laws.streams import ADDED

TIMES_NS = st.integers(-(2**63), 2**63 - 1)
SPANS_NS = st.integers(0, 2**61) | st.integers(0, 10 * NS_PER_S)
COUNTS = st.integers(0, 2**63 - 1) | st.integers(0, 300)
POSITIVE = st.floats(0.0, allow_nan=False, allow_infinity=False)
THREE = 3
EXAMPLES = drawn(25, 3_000)  # each makes rows of all that a message has: a tenth of a second


class Live:
    """What a live feed says of the world outside."""

    def __init__(self, connection: int, clock_ns: int | None, losses: dict[str, Losses]) -> None:
        self.connection, self.clock_ns, self.outage, self.trouble = connection, clock_ns, "", ""
        self._losses = losses

    def losses(self) -> dict[str, Losses]:
        return self._losses

    def circumstances(self) -> tuple[object, ...]:
        return self.connection, self.clock_ns, self.outage, self.trouble, id(self._losses)

    def tried(self, at_ns: int) -> Tried:  # noqa: ARG002 - part of what it is
        return Tried(5, 1, None) if self.outage else Tried()


class Heard(NamedTuple):
    """A feed as far as a message is concerned."""

    live: Any
    is_degraded: bool = False

    def degraded(self, time_ns: int) -> bool:  # noqa: ARG002 - part of what a feed is
        return self.is_degraded


def many(values: st.SearchStrategy[Any], count: int = THREE) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*[values] * count)  # of a list it would be drawn each time whether there is one more


ROWS = st.fixed_dictionaries(
    {
        "time_ns": TIMES_NS,
        "time_event_ns": TIMES_NS,
        "silent": st.sampled_from([0, 0, 0, 0, 2]),
        "unknown": st.just(0) | st.integers(0, 2 ** len(SIGNALS) - 1),
        "mid": POSITIVE | st.just(float("nan")),
        "spread_bps": POSITIVE | st.just(-1.0),
        "warm": st.floats(0.0, 1.0) | st.just(1.0),
        "waited_ns": many(SPANS_NS | st.just(-1)),
        "late_ns": many(st.integers(-(2**60), 2**60) | st.just(0)),
        "limit_s": many(st.floats(2.0, 1e9) | st.just(float("inf"))),
        "scores": many(st.floats(0.0, 100.0), len(BUILT_IN_SCORES)),
    }
)


def rows() -> st.SearchStrategy[npt.NDArray[Any]]:
    """A row as `step` leaves it, with every number that it may have."""
    return ROWS.map(row_of)


def row_of(values: dict[str, Any]) -> npt.NDArray[Any]:
    row = np.zeros(1, STEP)
    for name, value in values.items():
        row[name] = value
    return row


def feeds() -> st.SearchStrategy[Heard]:
    losses = st.dictionaries(
        st.sampled_from(["trades", "quotes", "depth"]), st.builds(Losses, COUNTS, COUNTS)
    )
    clocks = st.none() | st.integers(-(2**60), 2**60) | st.integers(-NS_PER_S, NS_PER_S)
    return st.builds(Heard, st.none() | st.builds(Live, COUNTS, clocks, losses), st.just(False))


def encoded(row: npt.NDArray[Any], feed: Any, seq: int, published_ns: int, market: str = "A-USD") -> Score:
    """The message of a row, made of objects."""
    step = read(row.view(np.uint8).data)
    header = standing_of(step, feed)._asdict()
    header["mid"] = header["mid"] if header["mid"] > 0.0 else 0.0
    unknown = [name for i, signal in enumerate(SIGNALS) if step.unknown >> i & 1 for name in signal.scores]
    return Score(
        v=1,
        market=market,
        epoch=7,
        seq=seq,
        time_published_ns=published_ns,
        scores=MarketScores(zip(BUILT_IN_SCORES, step.scores, strict=True)),
        unknown=tuple(unknown),
        **header,
    )


def framed(message: Score) -> bytes:
    return frame(SCORE + message.market.encode(), MORE) + frame(encode_content(message))


def learnt(writer: ScoreWriter, row: npt.NDArray[Any], feed: Any, message: Score) -> bytes:
    """What `writer` writes of a row, having seen it go the ordinary way as often as it takes."""
    for _ in range(2):
        if found := writer.written(row, feed, 0, message.seq, message.time_published_ns):
            return found
        writer.learn(message)
    return writer.written(row, feed, 0, message.seq, message.time_published_ns)


@settings(max_examples=EXAMPLES)
@given(rows(), rows(), feeds(), st.tuples(COUNTS, COUNTS), st.text("AZ-0é", min_size=1, max_size=64))
def test_what_is_written_is_what_is_encoded_to_the_byte(
    row: npt.NDArray[Any], other: npt.NDArray[Any], feed: Heard, seqs: tuple[int, int], market: str
) -> None:
    writer = ScoreWriter()
    message = encoded(row, feed, seqs[0], 5, market)
    found = learnt(writer, row, feed, message)
    assert found == (b"" if row["silent"] else framed(message))
    for name in ("unknown", "silent"):
        other[name] = row[name]
    for value, is_there in (("waited_ns", 0), ("spread_bps", 0.0)):
        absent = row[value] < is_there
        other[value] = np.where(absent, row[value], np.abs(other[value]))
    other["late_ns"] = np.where(row["late_ns"] == 0, 0, other["late_ns"] | 1)
    other["limit_s"] = np.where(np.isinf(row["limit_s"]), np.inf, np.minimum(other["limit_s"], 1e9))
    other["warm"] = np.where(row["warm"] < 1.0, 0.5 * other["warm"], 1.0)
    again = encoded(other, feed, seqs[1], 2**62, market)  # the same form, and every number another
    found = writer.written(other, feed, 0, seqs[1], 2**62)
    assert found == (b"" if row["silent"] else framed(again))


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(rows(), st.integers(0, 3)), min_size=3, max_size=8), st.lists(feeds(), min_size=4))
def test_whatever_comes_after_what_it_is_written_right_or_not_at_all(
    turns: list[tuple[npt.NDArray[Any], int]], known: list[Heard]
) -> None:
    writer = ScoreWriter()
    same = [feed for feed in known if (feed.live is None) == (known[0].live is None)]  # an engine has one
    for seq, (row, place) in enumerate(turns):
        feed = same[place % len(same)]
        message = encoded(row, feed, seq, 5)
        for _ in range(3):
            found = writer.written(row, feed, 0, seq, 5)
            assert found in (b"", framed(message))
            if not found:
                writer.learn(message)


def a_row(**changes: Any) -> npt.NDArray[Any]:
    return row_of({"mid": 10.0, "waited_ns": 0, "warm": 1.0, "limit_s": np.inf} | changes)


@pytest.mark.parametrize("unknown", range(2 ** len(SIGNALS)))
def test_whatever_signals_are_unknown_they_are_named(unknown: int) -> None:
    row, feed = a_row(unknown=unknown), Heard(None)
    message = encoded(row, feed, 1, 5)
    assert learnt(ScoreWriter(), row, feed, message) == framed(message)


@pytest.mark.parametrize("why", ["silent", "degraded", "outage"])
def test_what_has_a_reason_to_tell_goes_the_ordinary_way(why: str) -> None:
    live = Live(1, None, {})
    row, writer = a_row(), ScoreWriter()
    assert learnt(writer, row, Heard(live), encoded(row, Heard(live), 1, 5))
    row["silent"] = 2 * (why == "silent")
    live.outage = "gone" if why == "outage" else ""
    live.trouble = "a gap" if why == "degraded" else ""
    feed = Heard(live, why == "degraded")
    assert encoded(row, feed, 2, 5).status in ("stale", "degraded")
    assert learnt(writer, row, feed, encoded(row, feed, 2, 5)) == b""


def test_of_what_no_row_says_the_newest_is_told() -> None:
    live, row, writer = Live(1, 5 * NS_PER_MS, {}), a_row(late_ns=7), ScoreWriter()
    feed = Heard(live)
    learnt(writer, row, feed, encoded(row, feed, 1, 5))
    for change in ({"connection": 2}, {"_losses": {"trades": Losses(3, 4)}}, {"clock_ns": None}):
        vars(live).update(change)
        assert writer.written(row, feed, 0, 2, 5) == b""
        message = encoded(row, feed, 2, 5)
        assert learnt(writer, row, feed, message) == framed(message)


def test_a_form_that_comes_and_goes_is_not_laid_out_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    laid: list[Score] = []
    monkeypatch.setattr(written, "pieces_of", lambda message: laid.append(message) or pieces_of(message))
    writer, feed = ScoreWriter(), Heard(None)
    for seq in range(20):
        row = a_row(spread_bps=1.0 - 2.0 * (seq % 2))
        if not writer.written(row, feed, 0, seq, 5):
            writer.learn(encoded(row, feed, seq, 5))
    assert not laid


class Wider(Score, frozen=True, kw_only=True, tag="score"):
    """A score with a field more."""

    more: float = 0.0


def test_a_field_of_which_nobody_says_what_writes_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIXED", "NUMBERS"):
        monkeypatch.setattr(written, name, {Wider: getattr(written, name)[Score]})
    with pytest.raises(TypeError, match=r"Wider.more: say in engine/message.py"):
        check_fields(Wider)


@pytest.mark.parametrize("signals", [{}, ADDED], ids=["built in", "added"])
def test_an_engine_has_its_scores_written_where_all_are_built_in(signals: dict[str, object]) -> None:
    moved_ns = range(0, 10 * NS_PER_S, 10 * NS_PER_MS)
    engine = SignalEngine("A-USD", signals)
    work = Work(engine, At(*moved_ns), ChannelHealth(), EngineSettings(), 1.0)  # type: ignore[arg-type]
    work.start(0)
    now_ns, seq, found = 0, 0, 0
    while now_ns < 8 * NS_PER_S:
        turn = work.turn(now_ns)
        if turn.scores:
            seq += 1
            scores, standing = work.scores(), work.standing()
            assert tuple(scores) == engine.names
            message = Score(
                v=1,
                market="A-USD",
                epoch=1,
                seq=seq,
                time_published_ns=now_ns,
                scores=scores,
                unknown=scores.unknown,
                **standing._asdict(),
            )
            one = work.written(seq, now_ns)
            assert one in (b"", framed(message))
            found += bool(one)
            if not one:
                work.learn(message)
        now_ns = turn.wake_ns
    assert found == 0 if signals else found > 0.7 * seq
