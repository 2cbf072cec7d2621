"""What a browser is sent, read as the page reads it."""

from __future__ import annotations

import json
import struct
from typing import get_args

import msgspec
import numpy as np
import pytest

from signalnode.aggregator.board import State
from signalnode.bus.wire import SCORE_NAMES, ProcessState, ToldOutcomes
from signalnode.panels.web.board import (
    AGE_MAX,
    BOARD,
    NOT_UP,
    PAST,
    STATES,
    STRIPS,
    Board,
    outcome_facts,
    state_word,
)
from signalnode.panels.web.history import STEPS_MAX, STRIP_UNKNOWN, UNKNOWN, History
from tests.panels.web.made import LIVE_HEALTH, market, view


def board(*views: object) -> Board:
    made = Board()
    for each in views:
        made.take(each)  # type: ignore[arg-type]
    return made


def test_a_frame_says_of_each_market_mid_age_state_and_scores() -> None:
    shown = board(view(BTC_USD=market(momentum_long=95.5), ETH_USD=market("stale", mid=20.0, warm=0.3)))
    k, n = len(SCORE_NAMES), 2
    kind, columns, regimes, _, layout, time_ms = struct.unpack_from("<BBBBId", shown.frame)
    assert (kind, columns, regimes, layout) == (BOARD, k, 2, shown.layout_id)
    assert time_ms == view().time_published_ns / 1e6
    body = shown.frame[16:]
    assert list(np.frombuffer(body, "<f8", n)) == [100.0, 20.0]
    assert list(np.frombuffer(body, "<u2", n, 16)) == [2, 2]  # tenths of a second
    assert [STATES[each] for each in body[20:22]] == ["live", "stale"]
    assert body[22] == 191  # momentum_long of the first, in halves
    assert len(body) == n * (11 + k) + 2
    assert list(body[-2:]) == [80, 20]


def test_what_scores_were_followed_by_is_kept_as_told_last_until_the_market_is_gone() -> None:
    first, second = (
        ToldOutcomes(horizons_s=[5.0], scores={"momentum_long": {"move_bps": [[None] * 9 + [move]]}})
        for move in (1.5, 2.5)
    )
    both = {"A": market(), "B": market()}
    shown = board(msgspec.structs.replace(view(**both), outcomes={"A": first}))
    shown.take(msgspec.structs.replace(view(2, **both), outcomes={"A": second}))
    shown.take(view(3, **both))  # another market's turn
    assert json.loads(shown.outcomes("A") or "") == outcome_facts("A", second)
    assert shown.outcomes("B") is None
    shown.take(view(4, B=market()))
    assert shown.outcomes("A") is None


def test_what_is_not_known_is_no_number() -> None:
    shown = board(view(A=market(unknown=("volume_spike",)), B=market(mid=0.0)))
    scores = np.frombuffer(shown.frame, np.uint8)[16 + 2 * 11 : -2].reshape(2, -1)
    assert scores[0][SCORE_NAMES.index("volume_spike")] == UNKNOWN
    assert list(scores[1]) == [UNKNOWN] * 7
    never = view(A=msgspec.structs.replace(market("unheard", mid=0.0), age_s=None))
    assert np.frombuffer(board(never).frame, "<u2", 1, 24)[0] == AGE_MAX


def test_a_score_that_one_market_has_alone_is_a_dash_at_the_others() -> None:
    own, plain, mute = market(calm=33.25), market(volume_spike=12.25), market(mid=5.0)
    shown = board(view(A=own, B=plain, C=msgspec.structs.replace(mute, scores={})))
    scores = np.frombuffer(shown.frame, np.uint8)[16 + 3 * 11 : -2].reshape(3, 8)
    assert shown.layout()["scores"] == (*SCORE_NAMES, "calm")
    assert list(scores[:, 7]) == [66, UNKNOWN, UNKNOWN]  # 66.5 is rounded to even
    assert scores[1, SCORE_NAMES.index("volume_spike")] == 24
    assert list(scores[2]) == [UNKNOWN] * 8


@pytest.mark.parametrize(
    ("state", "process", "word"),
    [
        ("fresh", "up", "live"),
        ("down", "given_up", "given up"),
        ("down", "backing_off", "backing off"),
        ("unheard", "starting", "starting"),
        ("silent", "up", "silent"),
        ("stale", "up", "stale"),
        ("ended", "up", "ended"),
    ],
)
def test_a_state_is_the_engines_word_or_its_process_fate(state: str, process: str, word: str) -> None:
    shown = market(state, process=ProcessState(state=process, restarts=1, why=""))
    assert state_word(shown) == word
    assert word in STATES


def test_every_state_of_a_market_and_of_a_process_has_a_word() -> None:
    assert set(get_args(State)) - {"fresh"} <= set(STATES)
    assert {each.replace("_", " ") for each in NOT_UP} <= set(STATES)


def test_names_are_told_anew_when_they_change_and_only_then() -> None:
    shown = Board()
    assert shown.take(view(1, A=market()))
    assert not shown.take(view(2, A=market(momentum_long=99.0)))
    assert shown.take(view(3, A=market(), B=market()))
    assert shown.layout()["markets"] == ("A", "B")
    assert shown.take(view(4, A=market(book_pressure_long=60.0)))
    assert shown.layout()["scores"][-1] == "book_pressure_long"


def test_a_market_opened_has_its_past_at_once() -> None:
    shown = board(*(view(n, A=market(mid=100.0 + n, momentum_long=60.0 + n)) for n in range(1, 6)))
    kind, k, n, number = struct.unpack_from("<BBHI", shown.past("A", 9))
    assert (kind, k, n, number) == (PAST, 7, 5, 9)
    mids = np.frombuffer(shown.past("A", 9), "<f8", n, 8 + 8 * n)
    assert list(mids) == [101.0, 102.0, 103.0, 104.0, 105.0]
    assert struct.unpack_from("<BBHI", shown.past("B", 1))[2] == 0


def test_the_past_is_bounded_and_the_newest_of_it_is_kept() -> None:
    history = History()
    for n in range(STEPS_MAX + 10):
        history.take(view(n, A=market(mid=1.0 + n)), SCORE_NAMES)
    times_ms, mids, scores = history.of("A")
    assert len(times_ms) == len(mids) == len(scores) == STEPS_MAX
    assert mids[-1] == STEPS_MAX + 10
    assert all(np.diff(times_ms) == 1000.0)


@pytest.mark.parametrize("over", ["silent", "ended"])
def test_a_market_that_is_not_heard_leaves_a_hole_in_its_past(over: str) -> None:
    history = History()
    for n, state in enumerate(("fresh", over, "fresh")):
        history.take(view(n, A=market(state)), SCORE_NAMES)
    _, mids, scores = history.of("A")
    assert list(np.isnan(mids)) == [False, True, False]
    assert list(scores[1]) == [UNKNOWN] * 7


def test_a_market_that_left_has_no_past() -> None:
    history = History()
    history.take(view(1, A=market(), B=market()), SCORE_NAMES)
    history.take(view(2, A=market()), SCORE_NAMES)
    assert len(history.of("B")[0]) == 0


def test_the_strip_is_the_stronger_side_of_momentum() -> None:
    shown = board(
        view(1, A=market(momentum_long=80.0, momentum_short=20.0)),
        view(2, A=market(momentum_long=10.0, momentum_short=90.0)),
        view(3, A=market(unknown=("momentum_short",))),
    )
    kind, steps, _, layout = struct.unpack_from("<BBHI", shown.strips())
    assert (kind, layout) == (STRIPS, shown.layout_id)
    strip = np.frombuffer(shown.strips(), np.int8, steps, 8)
    assert list(strip[-4:]) == [STRIP_UNKNOWN, 80, -90, STRIP_UNKNOWN]


def test_facts_name_troubles_and_nothing_that_goes_without_saying() -> None:
    gone = ProcessState(state="backing_off", restarts=4, why="SIGKILL")
    facts = board(
        view(A=market(), B=market("down", process=gone), C=market(warm=0.5, health=LIVE_HEALTH))
    ).facts()
    assert facts["markets"] == {"B": {"restarts": 4, "why": "SIGKILL"}, "C": {"warm": 0.5}}
