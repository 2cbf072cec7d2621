"""The loop of an engine in virtual time: what is sent when, and that a stop anywhere costs no bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.engine.work import Turn, Work
from signalnode.events import DEPTH, Events, join_events
from signalnode.feeds import ChannelHealth, Feed, open_feed, synthetic_events
from signalnode.feeds.recording import write_recording
from signalnode.settings import EngineSettings, FeedSettings, MarketSettings

EVENTS = synthetic_events(3, 3_000, events_per_s=50.0)
FIRST_NS, LAST_NS = int(EVENTS["time_received_ns"][0]), int(EVENTS["time_received_ns"][-1])
PUBLISH_NS, HEARTBEAT_NS, CHECKPOINT_NS = 100 * NS_PER_MS, NS_PER_S, NS_PER_S
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


class OneEvent:
    """A feed of one depth event, and the next not before an hour."""

    def __init__(self) -> None:
        self._events: Events = EVENTS[EVENTS["kind"] == DEPTH][:1]
        self._next_ns = int(self._events["time_received_ns"][0])

    def next_time_ns(self) -> int:
        return self._next_ns

    def take(self, until_ns: int, count_max: int) -> Events:
        if until_ns < self._next_ns or not count_max:
            return join_events([])
        self._next_ns += 3_600 * NS_PER_S
        return self._events

    def degraded(self, time_ns: int) -> bool:  # noqa: ARG002 - part of what a feed is
        return False


@pytest.fixture
def work_of(feed_of: Callable[[], Feed]) -> OpenWork:
    def made(speed: float) -> Work:
        engine = SignalEngine("ANY-USD")
        return Work(engine, feed_of(), ChannelHealth(), EngineSettings(), speed)

    return made


def run(work: Work, *, until_ns: int = 10**15, late_ns: int = 0) -> list[tuple[int, Turn]]:
    """Turns with their times, from 0 on, each `late_ns` after it was due, until the end or `until_ns`."""
    now_ns, turns = 0, []
    work.start(now_ns)
    while now_ns < until_ns:
        turn = work.turn(now_ns)
        turns.append((now_ns, turn))
        if turn.ended:
            break
        assert turn.wake_ns >= now_ns
        now_ns = turn.wake_ns + late_ns
    return turns


def test_scores_go_out_at_most_at_the_publish_interval(work_of: OpenWork) -> None:
    turns = run(work_of(1.0))
    sent = np.array([now_ns for now_ns, turn in turns if turn.scores is not None])
    assert np.all(np.diff(sent[:-1]) >= PUBLISH_NS)
    assert len(sent) > 0.9 * (LAST_NS - FIRST_NS) / PUBLISH_NS


@pytest.mark.parametrize("late_ns", [0, 3 * NS_PER_MS, 50 * NS_PER_MS])
def test_a_heartbeat_is_never_later_than_its_interval(work_of: OpenWork, late_ns: int) -> None:
    turns = run(work_of(1.0), late_ns=late_ns)
    beats = np.array([now_ns for now_ns, turn in turns if turn.heartbeat])
    assert beats[0] == 0
    assert np.all(np.diff(beats) <= HEARTBEAT_NS)
    assert len(beats) >= (LAST_NS - FIRST_NS) // HEARTBEAT_NS


def test_a_checkpoint_is_due_once_an_interval(work_of: OpenWork) -> None:
    turns = run(work_of(1.0))
    saves = np.array([now_ns for now_ns, turn in turns if turn.save])
    assert np.all(np.diff(saves) >= CHECKPOINT_NS)
    assert np.all(np.diff(saves) <= CHECKPOINT_NS + 200 * NS_PER_MS)


def test_what_is_sent_is_what_a_replay_gives(work_of: OpenWork) -> None:
    work = work_of(1.0)
    for now_ns, turn in run(work, until_ns=20 * NS_PER_S):
        if turn.scores is None:
            continue
        reference = SignalEngine("ANY-USD")
        reference.ingest(EVENTS[EVENTS["time_received_ns"] <= FIRST_NS + now_ns])
        assert turn.scores == reference.scores_at(max(FIRST_NS + now_ns, reference.time_ns))
        assert turn.moment is not None
        assert turn.moment.time_received_ns == reference.time_ns
        assert turn.moment.mid == reference.mid


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 10.0, 1e6])
def test_the_last_scores_are_those_of_the_last_event_at_any_speed(work_of: OpenWork, speed: float) -> None:
    _, last = run(work_of(speed))[-1]
    reference = SignalEngine("ANY-USD")
    reference.ingest(EVENTS)
    assert last.ended
    assert last.scores == reference.scores_at(LAST_NS)
    assert last.moment is not None
    assert last.moment.time_received_ns == LAST_NS


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
def test_a_recording_takes_its_own_time_over_its_speed(work_of: OpenWork, speed: float) -> None:
    ended_ns = run(work_of(speed))[-1][0]
    assert ended_ns == pytest.approx((LAST_NS - FIRST_NS) / speed, rel=0.001)


def test_without_a_pace_no_turn_waits_for_events(work_of: OpenWork) -> None:
    turns = run(work_of(0.0))
    assert turns[-1][0] < NS_PER_S
    assert len(turns) < 20


def test_a_market_that_stands_still_is_not_told_twice() -> None:
    work = Work(SignalEngine("ANY-USD"), OneEvent(), ChannelHealth(), EngineSettings(), 1.0)  # type: ignore[arg-type]
    turns = run(work, until_ns=30 * NS_PER_S)
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
    statuses = [turn.moment.status for _, turn in run(work_of(1.0)) if turn.moment is not None]
    assert set(statuses) == {"warming"}
    work = work_of(0.0)
    work.engine._core["state"]["samples"] = 1_000
    assert run(work)[-1][1].moment.status == "live"  # type: ignore[union-attr]
    assert work.moment(LAST_NS + 3_600 * NS_PER_S).status == "stale"
