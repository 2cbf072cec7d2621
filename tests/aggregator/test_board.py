from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.aggregator.board import Board
from signalnode.bus.sequence import DROP
from signalnode.bus.wire import SCORE_NAMES, Score
from tests.bus.messages import end, heartbeat, score

S = 1_000_000_000
MAKERS = {"score": score, "heartbeat": heartbeat, "end": end}
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(sorted(MAKERS)),
        st.sampled_from("ABZ"),
        st.integers(1, 3),
        st.integers(1, 6),
        st.sampled_from(["live", "warming", "stale", "degraded"]),
        st.integers(0, 2 * S),
    ),
    max_size=40,
)


def modelled_state(history: list[tuple[Any, int]], now_ns: int) -> str:
    """A market's state from all the messages the board took, told without its code."""
    if not history:
        return "unheard"
    epoch = max(m.epoch for m, _ in history)
    current = [(m, at) for m, at in history if m.epoch == epoch]
    last, heard_ns = history[-1]
    ends = [k for k, (m, _) in enumerate(current) if type(m).__name__ == "End"]
    if ends:
        return "ended"
    if now_ns - heard_ns > 3 * S:
        return "silent"
    scores = [m.seq for m, _ in current if isinstance(m, Score)]
    if not scores or max(m.seq for m, _ in current) > max(scores):
        return "behind"
    return last.status if last.status in ("stale", "degraded") else "fresh"


@given(ARRIVALS, st.integers(0, 8 * S))
def test_under_reordering_duplication_loss_and_restarts_the_board_says_what_a_model_says(
    arrivals: list[tuple[Any, ...]], later_ns: int
) -> None:
    board = Board(["A", "B"], silent_after_s=3.0)
    histories: dict[str, list[tuple[Any, int]]] = {"A": [], "B": []}
    now_ns = 0
    for kind, market, epoch, seq, status, step_ns in arrivals:
        now_ns += step_ns
        message = MAKERS[kind](market, seq, epoch, status=status)
        if board.take(message, now_ns) != DROP:
            histories[market].append((message, now_ns))
    now_ns += later_ns
    for market, history in histories.items():
        assert board.state(market, now_ns) == modelled_state(history, now_ns)
        newest = board.entries[market].newest
        scores = [m for m, _ in history if isinstance(m, Score)]
        assert newest is (scores[-1] if scores else None)
    assert board.silent(now_ns).keys() == {
        market for market in "AB" if modelled_state(histories[market], now_ns) in ("unheard", "silent")
    }


def test_a_market_nobody_expects_stays_off_the_board() -> None:
    board = Board(["A"], 3.0)
    assert board.take(score("B"), 0) == DROP
    assert list(board.entries) == ["A"]


@pytest.mark.parametrize("status", ["stale", "degraded"])
def test_the_engine_s_own_doubt_is_shown(status: str) -> None:
    board = Board(["A"], 3.0)
    board.take(score(status=status), 0)
    assert board.state("A", 0) == status
    board.take(heartbeat(status="live"), 0)
    assert board.state("A", 0) == "fresh"


def test_a_heartbeat_keeps_unchanged_scores_fresh() -> None:
    board = Board(["A"], 3.0)
    board.take(score(seq=5), 0)
    for second in range(1, 60):
        board.take(heartbeat(seq=5), second * S)
    assert board.state("A", 60 * S) == "fresh"


def test_scores_of_a_dead_epoch_are_not_fresh_when_the_next_one_only_beats() -> None:
    board = Board(["A"], 3.0)
    board.take(score(seq=5), 0)
    board.take(heartbeat(seq=0, epoch=2), S)
    assert board.state("A", S) == "behind"


def test_a_changed_config_keeps_what_is_known_of_those_that_stay() -> None:
    board = Board(["A", "B"], 3.0)
    board.take(score("A"), 0)
    board.expect(["A", "C"])
    assert board.state("A", 0) == "fresh"
    assert board.state("C", 0) == "unheard"
    assert "B" not in board.entries


def test_ages_count_from_the_last_message_of_any_kind() -> None:
    board = Board(["A", "B"], 3.0)
    board.take(score("A"), S)
    markets = board.markets(3 * S)
    assert markets["A"].age_s == 2.0
    assert markets["B"].age_s is None
    assert markets["A"].scores["volume_spike"] == 50.0


def test_a_newest_score_that_comes_late_makes_its_market_fresh() -> None:
    board = Board(["A"], 3.0)
    board.take(score(seq=5), 0)
    board.take(heartbeat(seq=1, epoch=2), S)
    assert board.state("A", S) == "behind"
    late = score(seq=1, epoch=2)
    assert board.take(late, 2 * S) == -1
    assert (board.state("A", 2 * S), board.entries["A"].newest) == ("fresh", late)


def test_a_market_whose_newest_score_never_comes_is_told_after_a_while_and_one_without_any_is_not() -> None:
    board = Board(["A", "B"], 3.0)
    for second in range(10):
        board.take(heartbeat("A", seq=0 if second < 5 else 7), second * S)
        board.take(heartbeat("B", seq=0), second * S)
        assert board.behind(second * S) == (["A"] if second > 8 else [])
    board.take(score("A", seq=7), 10 * S)
    board.take(heartbeat("A", seq=8), 10 * S)
    assert board.behind(11 * S) == []


def test_a_market_without_a_known_score_is_warming_and_one_with_any_is_fresh() -> None:
    board = Board(["A"], 3.0)
    board.take(score("A", 1, status="warming", mid=0.0, unknown=SCORE_NAMES), 0)
    assert board.state("A", 0) == "warming"
    assert board.markets(0)["A"].unknown == SCORE_NAMES
    board.take(score("A", 2, mid=0.0), 0)
    assert board.state("A", 0) == "warming", "no price, no score, whatever it says"
    board.take(score("A", 3, unknown=("volume_spike",)), 0)
    assert board.state("A", 0) == "fresh"
    board.take(heartbeat("A", 3, status="stale"), 0)
    assert board.state("A", 0) == "stale"


@pytest.mark.parametrize("settle_s", [0.0, 5.0, 30.0])
@pytest.mark.parametrize("status", ["stale", "degraded"])
def test_after_an_outage_a_market_settles_for_as_long_as_that_took_and_no_longer_than_it_may(
    status: str, settle_s: float
) -> None:
    board = Board(["A"], silent_after_s=3.0, settle_s=settle_s)
    board.take(score("A", 1), 10 * S)
    for second in range(11, 18):
        board.take(heartbeat("A", 1, status=status), second * S)
        assert board.state("A", second * S) == status
    settled_ns = 18 * S + int(min(8.0, settle_s) * S)
    for second in range(18, 30):
        board.take(heartbeat("A", 1), second * S)
        assert board.state("A", second * S) == ("settling" if second * S < settled_ns else "fresh")


def test_a_silence_is_an_outage_and_a_first_word_or_a_quick_restart_is_none() -> None:
    board = Board(["A"], silent_after_s=3.0, settle_s=30.0)
    board.take(score("A", 1), 100 * S)
    assert board.state("A", 100 * S) == "fresh"
    board.take(score("A", 1, 2), 102 * S)
    assert board.state("A", 102 * S) == "fresh", "another epoch, two seconds later"
    board.take(score("A", 2, 2), 107 * S)
    assert board.state("A", 107 * S) == "settling"
    assert board.doubted(107 * S) == {"settling": ["A"], "behind": []}
    for second in (109, 111, 112):
        assert board.state("A", second * S - 1) == "settling"
        board.take(heartbeat("A", 2, 2), second * S)
    assert board.state("A", 112 * S) == "fresh"


def test_a_market_whose_messages_come_long_after_they_were_said_is_behind_and_as_old_as_they_are() -> None:
    board = Board(["A"], 3.0)
    board.take(score(seq=1), 100 * S, late_ns=2 * S)
    assert (board.state("A", 100 * S), board.markets(100 * S)["A"].age_s) == ("fresh", 2.0)
    board.take(score(seq=2), 101 * S, late_ns=90 * S)
    assert (board.state("A", 101 * S), board.markets(101 * S)["A"].age_s) == ("behind", 90.0)
    board.take(score(seq=3), 102 * S)
    assert board.state("A", 102 * S) == "fresh"
