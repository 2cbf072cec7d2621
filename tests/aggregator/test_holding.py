"""Who holds a market: each cell of the table, and lives of markets that go through them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from signalnode.aggregator.carried import LEFT_S, Carried
from signalnode.aggregator.holding import TABLE, News, Step, Whose, news_of, steps_of
from signalnode.bus.digest_reader import DigestReader
from signalnode.clock import NS_PER_S
from tests.bus.test_digest_reader import frames
from tests.effort import drawn

S, T0 = NS_PER_S, 1_000 * NS_PER_S
SILENT_S, SETTLE_S, GONE_S = 3, 60, 600
NEVER = {"age_s": np.nan, "epoch": 0, "seq": 0, "state": "unheard"}


def board() -> Carried:
    return Carried(SILENT_S * S, SETTLE_S * S, GONE_S * S)


@dataclass
class Source:
    """One aggregator that tells a board of markets."""

    name: str
    board: Carried
    number: int = 0
    epoch: int = 1
    reader: DigestReader = field(default_factory=DigestReader)

    def tell(self, now_ns: int, *markets: str, **of_last: object) -> None:
        """A digest of these, with `of_last` said of the last of them."""
        self.number += 1
        sent = frames(
            markets, at=len(markets) - 1, place=(self.epoch, self.number), source=self.name, **of_last
        )
        self.board.take(self.reader.read(sent), now_ns)


def shown(board: Carried, now_ns: int, market: str = "A") -> tuple[str, int, int]:
    each = board.markets(now_ns)[market]
    return each.state, each.epoch, each.seq


def test_the_table_has_a_step_for_all_that_can_happen() -> None:
    for news in News:
        for whose in Whose:
            codes = np.array([news], np.int8), np.array([whose], np.int8)
            assert steps_of(*codes)[0] == TABLE[news][whose]
    assert all(TABLE[news][Whose.ANOTHERS] in (Step.LEAVE, Step.TAKE) for news in News)


@pytest.mark.parametrize(
    ("said", "news"),
    [
        ((5, 7, 9), News.SAME),
        ((5, 7, 8), News.BEFORE),
        ((5, 7, 10), News.NEWER),
        ((5, 8, 0), News.NEWER),
        ((6, 0, 0), News.NEWER),
        ((5, 6, 99), News.OLDER),
        ((4, 99, 99), News.OLDER),
    ],
)
def test_newer_is_by_epoch_then_number_then_time(said: tuple[int, int, int], news: News) -> None:
    ours, known = (tuple(np.array([each]) for each in key) for key in (said, (5, 7, 9)))
    assert news_of(ours, known, np.array([True]))[0] == news  # type: ignore[arg-type]


def test_a_planned_move_begins_the_new_before_the_old_ends_and_shows_no_end() -> None:
    seen = board()
    a, b = Source("a", seen), Source("b", seen)
    a.tell(T0, "A", epoch=5)
    b.tell(T0, "A", **NEVER)
    assert shown(seen, T0) == ("fresh", 5, 7)
    b.tell(T0 + S, "A", epoch=6, seq=1)
    a.tell(T0 + S, "A", epoch=5, seq=9)
    assert shown(seen, T0 + S) == ("fresh", 6, 1)
    assert seen.sources(T0)["a"].older == 1
    a.tell(T0 + 2 * S)
    assert shown(seen, T0 + 2 * S) == ("fresh", 6, 1)


def test_an_unplanned_move_is_silent_until_the_new_is_heard_and_settles_for_as_long() -> None:
    seen = board()
    a, b = Source("a", seen), Source("b", seen)
    a.tell(T0, "A", epoch=5)
    lost = T0 + 4 * S
    b.tell(lost, "A", **NEVER)
    assert shown(seen, lost)[0] == "silent"
    b.tell(lost, "A", **NEVER | {"state": "down"})
    assert shown(seen, lost) == ("down", 5, 7)
    b.tell(lost + S, "A", epoch=6)
    assert shown(seen, lost + S)[0] == "settling"
    for second in range(2, 8):
        b.tell(lost + second * S, "A", epoch=6, seq=6 + second)
    assert shown(seen, lost + 7 * S)[0] == "fresh"
    a.tell(lost + 7 * S, "A", epoch=5, seq=99)
    assert shown(seen, lost + 7 * S) == ("fresh", 6, 13)


def test_a_market_that_is_let_go_ends_and_leaves_after_a_while_unless_somebody_takes_it() -> None:
    for is_taken in (False, True):
        seen = board()
        a, b = Source("a", seen), Source("b", seen)
        a.tell(T0, "B", "A")
        a.tell(T0 + S, "B")
        assert shown(seen, T0 + S)[0] == "ended"
        if is_taken:
            b.tell(T0 + 2 * S, "A", **NEVER)
            assert shown(seen, T0 + 2 * S) == ("unheard", 5, 7)
        assert seen.forget(T0 + S + int((LEFT_S + 1) * S)) is not is_taken
        assert ("A" in seen.places) is is_taken


def test_a_market_that_left_while_others_were_dropped_leaves_all_the_same() -> None:
    seen = board()
    a = Source("a", seen)
    a.tell(T0, "A", "B", "C")
    seen.keep_to({"C"})
    a.tell(T0 + S, "B")
    assert shown(seen, T0 + S)[0] == "ended"


def test_a_source_that_begins_anew_tells_of_processes_until_it_hears_their_markets() -> None:
    seen = board()
    a = Source("a", seen)
    a.tell(T0, "A")
    a.epoch, a.number = 2, 0
    for state, now_ns, expected in [
        ("unheard", T0 + S, "fresh"),
        ("down", T0 + 2 * S, "down"),
        ("unheard", T0 + 3 * S, "unheard"),
    ]:
        a.tell(now_ns, "A", **NEVER | {"state": state, "restarts": 3})
        assert shown(seen, now_ns) == (expected, 5, 7)
    assert seen.markets(T0 + 3 * S)["A"].process is not None
    a.tell(T0 + 4 * S, "A", epoch=6)
    assert shown(seen, T0 + 4 * S)[1] == 6


def test_of_two_ways_to_a_writer_the_other_is_taken_when_the_first_is_silent() -> None:
    seen = board()
    a, b = Source("a", seen), Source("b", seen)
    a.tell(T0, "A")
    b.tell(T0, "A", state="down")
    assert shown(seen, T0)[0] == "fresh"
    b.tell(T0 + 4 * S, "A", state="down", age_s=4.0)
    assert shown(seen, T0 + 4 * S)[0] == "down"


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    seen = board()
    a = Source("a", seen)
    a.tell(T0, "A", time_published_ns=10_000)
    a.tell(T0 + 5 * S, "A", time_published_ns=5_000)
    assert shown(seen, T0 + 5 * S)[0] != "silent"


def test_a_market_that_took_its_time_to_speak_first_has_nothing_to_settle() -> None:
    seen = board()
    a = Source("a", seen)
    a.tell(T0, "A", **NEVER)
    assert shown(seen, T0) == ("unheard", 0, 0)
    a.tell(T0 + 20 * S, "A")
    assert shown(seen, T0 + 20 * S)[0] == "fresh"


def test_a_spoiled_row_grows_old_and_is_told_and_costs_no_other() -> None:
    seen = board()
    a = Source("a", seen)
    a.tell(T0, "A", "B")
    for second in range(1, 5):
        a.tell(T0 + second * S, "A", "B", mid=np.nan)
    assert [shown(seen, T0 + 4 * S, each)[0] for each in "AB"] == ["fresh", "silent"]
    assert seen.markets(T0 + 4 * S)["B"].mid == 100.0
    assert seen.sources(T0)["a"].refused == 4
    assert seen.faults() == {"source a": "B: mid"}


@dataclass
class Writer:
    """One start of the market's engine, on one source's host."""

    source: Source
    epoch: int
    seq: int = 1
    said_ns: int = 0


@pytest.mark.parametrize("seed", range(drawn(4, 200)))
def test_no_old_score_follows_a_newer_one_however_sources_come_and_go(seed: int) -> None:
    draw, seen, now_ns = random.Random(seed), board(), T0
    sources = [Source(name, seen) for name in "abc"]
    cut: set[str] = set()
    writers = [Writer(sources[0], 5, said_ns=T0)]
    last = (0, 0)
    for _ in range(50):
        now_ns += draw.choice((S // 4, S, 5 * S))
        event = draw.randrange(8)
        if event == 0:
            cut ^= {draw.choice("abc")}
        elif event == 1:  # handed over: the newest writer's host may be cut off, and go on
            writers = [*writers[-1:], Writer(draw.choice(sources), writers[-1].epoch + 1, said_ns=now_ns)]
        elif event == 2:
            writers = writers[-1:]
        elif event == 3:
            again = draw.choice(sources)
            again.epoch, again.number = again.epoch + 1, 0
        for each in writers:
            each.seq, each.said_ns = each.seq + draw.randrange(3), now_ns
        for source in draw.sample(sources, 3):
            if source.name not in cut:
                _tell(source, writers, now_ns)
        seen.forget(now_ns)
        if "A" in seen.places:
            state, *place = shown(seen, now_ns)
            assert tuple(place) >= last
            last = (place[0], place[1])
            assert state != "fresh" or seen.markets(now_ns)["A"].age_s <= SILENT_S
    now_ns += 10 * S
    for source in sources:
        _tell(source, writers[-1:], now_ns)
    assert shown(seen, now_ns)[1:] == (writers[-1].epoch, writers[-1].seq)


def _tell(source: Source, writers: list[Writer], now_ns: int) -> None:
    """What that source knows of market A, besides one that it always has."""
    own = [each for each in writers if each.source is source]
    if not own:
        source.tell(now_ns, "X" + source.name)
        return
    newest = own[-1]
    source.tell(
        now_ns,
        "X" + source.name,
        "A",
        epoch=newest.epoch,
        seq=newest.seq,
        time_published_ns=newest.said_ns,
        age_s=(now_ns - newest.said_ns) / S,
    )
