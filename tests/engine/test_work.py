"""The loop of an engine in virtual time: what is sent when, and that a stop anywhere costs no bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.engine.work import REST_INTERVALS, TOGETHER_NS, Work
from signalnode.events import QUOTE, Events
from signalnode.feeds import ChannelHealth, Feed, open_feed, synthetic_events
from signalnode.feeds.base import BlockFeed
from signalnode.feeds.files.recording import write_recording
from signalnode.settings import EngineSettings, FeedSettings, MarketSettings
from tests.engine.turns import Told, told

EVENTS = synthetic_events(3, 3_000, events_per_s=50.0)
FIRST_NS, LAST_NS = int(EVENTS["time_received_ns"][0]), int(EVENTS["time_received_ns"][-1])
PUBLISH_NS, HEARTBEAT_NS, CHECKPOINT_NS = 100 * NS_PER_MS, NS_PER_S, NS_PER_S
LEARNT_NS = 3 * NS_PER_S  # from here on every event moves a score
OpenWork = Callable[[float], Work]


@pytest.fixture
def feed_of(tmp_path: Path) -> Iterator[Callable[[], Feed]]:
    """A fresh feed that plays EVENTS once; all are closed in the end."""
    path = tmp_path / "recording.parquet"
    write_recording(path, EVENTS, market="ANY-USD", venue="synthetic")
    settings = MarketSettings(market="ANY-USD", feed=FeedSettings(kind="recording", paths=(path,)))
    opened: list[Feed] = []

    def fresh() -> Feed:
        opened.append(open_feed(settings, tmp_path))
        return opened[-1]

    yield fresh
    for feed in opened:
        feed.close()


class At(BlockFeed):
    """A feed of quotes at these times in ns after FIRST_NS, and then none for an hour."""

    def __init__(self, *times_ns: int, spoilt: bool = False) -> None:
        super().__init__()
        events: Events = np.resize(EVENTS[EVENTS["kind"] == QUOTE], len(times_ns) + 1)
        events["time_received_ns"] = FIRST_NS + np.array([*times_ns, 3_600 * NS_PER_S])
        if spoilt:
            events["bid"] = math.nan
        self._set_block(events)

    def degraded(self, time_ns: int) -> bool:  # noqa: ARG002 - part of what a feed is
        return False


def working(feed: At, settings: EngineSettings | None = None) -> Work:
    """An engine on that feed, at its own pace."""
    engine = SignalEngine("ANY-USD")
    return Work(engine, feed, ChannelHealth(), settings or EngineSettings(), 1.0)  # type: ignore[arg-type]


@pytest.fixture
def work_of(feed_of: Callable[[], Feed]) -> OpenWork:
    def made(speed: float) -> Work:
        engine = SignalEngine("ANY-USD")
        return Work(engine, feed_of(), ChannelHealth(), EngineSettings(), speed)

    return made


def run(work: Work, *, begun_ns: int = 0, until_ns: int = 10**15, late_ns: int = 0) -> list[tuple[int, Told]]:
    """Turns with their times, from `begun_ns` on, each `late_ns` late, to the end or `until_ns`."""
    now_ns, turns = begun_ns, []
    work.start(now_ns)
    while now_ns < until_ns:
        turn = told(work, now_ns)
        turns.append((now_ns, turn))
        if turn.ended:
            break
        assert turn.wake_ns >= now_ns
        now_ns = turn.wake_ns + late_ns
    return turns


def times_of(turns: list[tuple[int, Told]], what: str) -> list[int]:
    """When that was to be done, in ns."""
    return [now_ns for now_ns, turn in turns if getattr(turn, what) not in (None, False)]


def test_scores_go_out_once_an_interval(work_of: OpenWork) -> None:
    turns = run(work_of(1.0))
    sent = times_of(turns, "scores")
    assert len(sent) > 0.9 * (LAST_NS - FIRST_NS) / PUBLISH_NS
    assert np.all(np.diff(sent) >= PUBLISH_NS)


def test_events_wait_for_the_score_and_are_taken_in_one_batch(work_of: OpenWork) -> None:
    turns = [turn for turn in run(work_of(1.0)) if turn[0] > LEARNT_NS]
    assert len(times_of(turns, "scores")) == len(turns)  # whatever else was due was done with a score
    for now_ns, turn in turns:
        taken = EVENTS["time_received_ns"] <= FIRST_NS + now_ns
        assert turn.standing is not None
        assert turn.standing.time_received_ns == EVENTS["time_received_ns"][taken][-1]


class InBlocks(At):
    """The same, in blocks of so many."""

    def __init__(self, *times_ns: int, each: int) -> None:
        super().__init__(*times_ns)
        whole = self._block
        self._blocks = [whole[start : start + each] for start in range(0, len(whole), each)]
        self._set_block(self._blocks.pop(0))

    def _next_block(self) -> Events:
        return self._blocks.pop(0) if self._blocks else EVENTS[:0]


@pytest.mark.parametrize("each", [1, 2, 3, 50])
def test_a_turn_takes_all_that_is_due_however_it_is_cut_into_blocks(each: int) -> None:
    times_ns = range(0, 10 * PUBLISH_NS, PUBLISH_NS // 7)
    whole, cut = working(At(*times_ns)), working(InBlocks(*times_ns, each=each))
    for now_ns, turn in run(whole, until_ns=12 * PUBLISH_NS):
        if not now_ns:
            cut.start(now_ns)
        assert told(cut, now_ns) == turn


@pytest.mark.parametrize("quiet_ms", [201, 237, 350, 1_999])
def test_the_first_event_after_a_rest_gives_a_score_at_once(quiet_ms: int) -> None:
    moved_ns = LEARNT_NS + quiet_ms * NS_PER_MS
    work = working(At(*range(0, LEARNT_NS + 1, 10 * NS_PER_MS), moved_ns, moved_ns + 7 * NS_PER_MS))
    after = [turn for turn in run(work, until_ns=2 * LEARNT_NS) if turn[0] >= moved_ns]
    now_ns, turn = after[0]
    assert now_ns == moved_ns
    assert turn.standing is not None
    assert turn.standing.time_received_ns == FIRST_NS + moved_ns
    assert turn.scores is not None
    waited_ns = times_of(after[1:], "scores")[0] - moved_ns
    assert PUBLISH_NS <= waited_ns < PUBLISH_NS + TOGETHER_NS  # the second waits like any other


@pytest.mark.parametrize("gap_ms", [101, 125, 150, 199])
def test_a_market_whose_events_are_a_little_further_apart_than_scores_has_no_score_more(gap_ms: int) -> None:
    moved_ns = np.arange(0, 20 * NS_PER_S, gap_ms * NS_PER_MS)
    turns = [turn for turn in run(working(At(*moved_ns)), until_ns=19 * NS_PER_S) if turn[0] > LEARNT_NS]
    assert set(np.diff(times_of(turns, "scores"))) == {PUBLISH_NS}
    assert len(times_of(turns, "scores")) == len(turns)


@pytest.mark.parametrize("publish_ms", [5, 70, 100, 115])
def test_engines_that_begin_a_little_apart_score_at_the_same_moments(publish_ms: int) -> None:
    settings, publish_ns = EngineSettings(publish_interval_ms=publish_ms), publish_ms * NS_PER_MS
    until_ns = LEARNT_NS + 20 * publish_ns
    sent = []
    for begun_ns in (1, publish_ns // 30, publish_ns // 24):
        work = working(At(*range(0, until_ns, publish_ns // 3)), settings)
        times_ns = times_of(run(work, begun_ns=begun_ns, until_ns=until_ns), "scores")
        assert times_ns[0] == begun_ns
        sent.append([time_ns for time_ns in times_ns if time_ns > LEARNT_NS])
    assert sent[0] == sent[1] == sent[2]
    assert set(np.diff(sent[0])) == {publish_ns}


def test_scores_come_one_more_an_interval_at_most_and_that_after_a_rest(work_of: OpenWork) -> None:
    random = np.random.default_rng(6)
    times_ns = np.cumsum(random.exponential(0.3 * NS_PER_S, 200).astype(np.int64))
    sent = np.array(times_of(run(working(At(*times_ns)), until_ns=60 * NS_PER_S), "scores"))
    for early in sent[1:][np.diff(sent) < PUBLISH_NS]:
        moved_ns = times_ns - times_ns[0]
        assert early in moved_ns
        assert not np.any((moved_ns >= early - REST_INTERVALS * PUBLISH_NS) & (moved_ns < early))
    assert np.all(sent[2:] - sent[:-2] >= PUBLISH_NS)


def test_a_market_of_which_nothing_can_be_true_keeps_nobody_awake() -> None:
    turns = run(working(At(*range(0, NS_PER_S, 5 * NS_PER_MS), spoilt=True)), until_ns=NS_PER_S)
    assert times_of(turns, "scores") == [0]  # that nothing is known
    assert len(turns) <= 2 + NS_PER_S // PUBLISH_NS


@pytest.mark.parametrize("publish_ms", [70, 100, 1_000, 60_000])
@pytest.mark.parametrize("late_ns", [0, 3 * NS_PER_MS, 50 * NS_PER_MS])
def test_heartbeat_word_and_save_are_due_on_time_whatever_the_scores_do(
    publish_ms: int, late_ns: int
) -> None:
    work = working(At(0, 1), EngineSettings(publish_interval_ms=publish_ms))
    turns = run(work, until_ns=20 * NS_PER_S, late_ns=late_ns)
    for what, first_ns, longest_ns in (
        ("heartbeat", 0, HEARTBEAT_NS),
        ("beat", HEARTBEAT_NS, HEARTBEAT_NS),
        ("save", CHECKPOINT_NS + late_ns, CHECKPOINT_NS + late_ns),
    ):
        times_ns = times_of(turns, what)
        assert times_ns[0] <= first_ns
        assert np.all(np.diff(times_ns) <= longest_ns)
        assert len(times_ns) <= 20 * NS_PER_S / (0.35 * longest_ns)
    assert len(turns) <= 20 * (1_000 / publish_ms + 5)


def test_what_is_sent_is_what_a_replay_gives(work_of: OpenWork) -> None:
    work = work_of(1.0)
    for now_ns, turn in run(work, until_ns=20 * NS_PER_S):
        if turn.scores is None:
            continue
        reference = SignalEngine("ANY-USD")
        reference.ingest(EVENTS[EVENTS["time_received_ns"] <= FIRST_NS + now_ns])
        assert turn.scores == reference.scores_at(max(FIRST_NS + now_ns, reference.time_ns))
        assert turn.standing is not None
        assert turn.standing.time_received_ns == reference.time_ns
        assert turn.standing.mid == reference.mid


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 10.0, 1e6])
def test_the_last_scores_are_those_of_the_last_event_at_any_speed(work_of: OpenWork, speed: float) -> None:
    _, last = run(work_of(speed))[-1]
    reference = SignalEngine("ANY-USD")
    reference.ingest(EVENTS)
    assert last.ended
    assert last.scores == reference.scores_at(LAST_NS)
    assert last.standing is not None
    assert last.standing.time_received_ns == LAST_NS


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
def test_a_recording_takes_its_own_time_over_its_speed(work_of: OpenWork, speed: float) -> None:
    ended_ns = run(work_of(speed))[-1][0]
    assert 0 <= ended_ns - (LAST_NS - FIRST_NS) / speed <= PUBLISH_NS  # with the score that is due next


def test_without_a_pace_no_turn_waits_for_events(work_of: OpenWork) -> None:
    turns = run(work_of(0.0))
    assert turns[-1][0] < NS_PER_S
    assert len(turns) < 20


def test_a_market_that_stands_still_is_not_told_twice() -> None:
    turns = run(working(At(0)), until_ns=30 * NS_PER_S)
    assert sum(turn.scores is not None for _, turn in turns) == 1
    assert sum(turn.heartbeat for _, turn in turns) >= 30


@pytest.mark.parametrize("seed", range(4))
def test_stopped_anywhere_and_started_elsewhere_the_end_is_the_same_to_the_bit(
    work_of: OpenWork, seed: int
) -> None:
    random = np.random.default_rng(seed)
    work, ended = work_of(1.0), False
    for _ in range(200):
        turns = run(work, until_ns=int(random.exponential(5 * NS_PER_S)))
        ended = bool(turns) and turns[-1][1].ended
        if ended:
            break
        successor = work_of(1.0)
        successor.engine.restore(work.engine.state())
        successor.health.restore(work.health.state.tobytes())
        successor.feed.seek(work.feed.position)
        work = successor
    assert ended
    reference = SignalEngine("ANY-USD")
    reference.ingest(EVENTS)
    health = ChannelHealth()
    health.observe(EVENTS)
    assert work.engine.state() == reference.state()
    assert work.health.state.tobytes() == health.state.tobytes()


def test_status_tells_warming_live_and_stale(work_of: OpenWork) -> None:
    statuses = [turn.standing.status for _, turn in run(work_of(1.0)) if turn.standing is not None]
    assert set(statuses) == {"warming"}
    work = work_of(0.0)
    work.engine._scoring["state"]["samples"] = 1_000
    assert run(work)[-1][1].standing.status == "live"  # type: ignore[union-attr]
    assert work.standing(LAST_NS + 3_600 * NS_PER_S).status == "stale"
