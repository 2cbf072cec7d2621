"""Rows say what entries and their messages say, whatever came, and so does the digest made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.aggregator import board as board_module
from signalnode.aggregator.board import ROWS_FROM, Board
from signalnode.aggregator.digests import DigestWriter
from signalnode.bus.digest import UNKNOWN
from signalnode.bus.digest_reader import Digest, DigestReader
from signalnode.bus.wire import SCORE_NAMES, Health, ProcessState
from signalnode.strategies.base import View
from tests.bus.messages import end, heartbeat, score

S = 1_000_000_000
NAMES = [f"M{number}" for number in range(ROWS_FROM)]
TIMES = ("time_event_ns", "time_received_ns", "time_published_ns")
EXACT = ("outage_ms", "restarts", *TIMES)
MAKERS = {"score": score, "heartbeat": heartbeat, "end": end}
GONE = ProcessState(state="given_up", restarts=6, why="killed by SIGKILL")
UP = ProcessState(state="up", restarts=1, why="")
OUTAGE = Health(reason="no connection", outage_ms=1_500)
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["score", "score", "heartbeat", "end", "process"]),
        st.sampled_from(NAMES[:3]),
        st.integers(1, 2),
        st.integers(1, 6),
        st.sampled_from(["live", "warming", "stale", "degraded"]),
        st.sampled_from([0, 0, 1, 2 * S]),
        st.sampled_from([0, 4 * S]),
        st.fixed_dictionaries(
            {},
            optional={
                "mid": st.sampled_from([0.0, 250.5]),
                "health": st.sampled_from([OUTAGE, Health()]),
                "spread_bps": st.sampled_from([0.0, 1.25]),
            },
        ),
        st.sampled_from([(), ("volume_spike",), SCORE_NAMES]),
        st.booleans(),
    ),
    max_size=30,
)


def played(arrivals: list[tuple[Any, ...]], board: Board) -> int:
    """Put them on the board; returns the time of the last."""
    now_ns = 10 * S
    for kind, market, epoch, seq, status, step_ns, late_ns, changes, unknown, has_added in arrivals:
        now_ns += step_ns
        if kind == "process":
            board.tell({market: GONE if seq % 2 else UP}, now_ns)
            continue
        more: dict[str, Any] = {"unknown": unknown} if kind == "score" else {}
        if kind == "score" and has_added:
            more["scores"] = {"own_signal": 12.5}
        board.take(MAKERS[kind](market, seq, epoch, status=status, **changes, **more), now_ns, late_ns)
    return now_ns


@given(ARRIVALS, st.integers(0, 5 * S))
def test_rows_columns_and_digests_say_what_each_entry_and_the_view_of_the_same_time_say(
    arrivals: list[tuple[Any, ...]], later_ns: int
) -> None:
    board = Board(NAMES, silent_after_s=3.0, settle_s=30.0)
    now_ns = played(arrivals, board) + later_ns
    assert len(board.own) >= board_module.ROWS_FROM
    many_markets_are_shown_as_few_are(board, now_ns)
    states_of_all_at_once_are_those_of_each(board, now_ns)
    columns_say_what_the_view_says(board, now_ns)
    a_digest_says_what_the_view_says(board, now_ns)


def states_of_all_at_once_are_those_of_each(board: Board, now_ns: int) -> None:
    alone = [entry.state(now_ns, board.silent_after_ns) for entry in board.own.values()]
    assert board.states(now_ns) == alone
    assert board.is_fresh(now_ns).tolist() == [state == "fresh" for state in alone]


def a_digest_says_what_the_view_says(board: Board, now_ns: int) -> None:
    """Also that of a board above, which carries it beside a market of its own."""
    digest = DigestReader().read(DigestWriter("one", "host").frames(board, now_ns, (1, 1), now_ns))
    says_what_a_view_says(digest, board, now_ns)
    above = Board(["M0", "OWN"], silent_after_s=3.0, settle_s=30.0)
    above.take(score("OWN", mid=7.0), now_ns)
    above.carry(digest, now_ns)
    told = DigestReader().read(DigestWriter("two", "host").frames(above, now_ns, (1, 1), now_ns))
    assert told.markets == ("M0", "OWN", *NAMES[1:])
    says_what_a_view_says(told, above, now_ns)


def says_what_a_view_says(digest: Digest, board: Board, now_ns: int) -> None:
    """Market by market, number by number."""
    view = board.markets(now_ns)
    assert digest.markets == tuple(view)
    for row, (name, market) in enumerate(view.items()):
        message = board.entries[name].message
        words = {key: column[row] for key, column in digest.words.items()}
        health, process = market.health, market.process
        assert words == {
            "state": market.state,
            "status": "warming" if message is None else message.status,
            "process": process.state if process else "",
            "why": process.why if process else "",
            "reason": health.reason if health else "",
        }
        exact = {key: digest.numbers[key][row].item() for key in EXACT}
        assert exact == {
            "outage_ms": -1 if health is None or health.outage_ms is None else 1_500,
            "restarts": process.restarts if process else 0,
            **{key: 0 if message is None else getattr(message, key) for key in TIMES},
        }
    markets = view.values()
    for key in digest.numbers.keys() - set(EXACT):
        said = [getattr(market, key) for market in markets]
        wanted = [math.nan if each is None else each for each in said]
        np.testing.assert_allclose(digest.numbers[key], wanted, rtol=1e-6, err_msg=key)
    for key, column in digest.scores.items():
        wanted = [UNKNOWN if key in each.unknown else each.scores.get(key, math.nan) for each in markets]
        np.testing.assert_allclose(column, wanted, rtol=1e-6, err_msg=key)


def columns_say_what_the_view_says(board: Board, now_ns: int) -> None:
    columns, view = board.columns(now_ns), View(now_ns, 1, board.markets(now_ns))
    assert columns is not None
    for name in SCORE_NAMES:
        found = dict(zip(columns.markets, columns.scores[name].tolist(), strict=True))
        known = {market: view[market][name] for market in view if name in view[market]}
        assert {market: each for market, each in found.items() if not math.isnan(each)} == known


def many_markets_are_shown_as_few_are(board: Board, now_ns: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        many = board.markets(now_ns)
        patch.setattr(board_module, "ROWS_FROM", len(NAMES) + 1)
        assert many == board.markets(now_ns)


def test_rows_follow_their_markets_when_others_come_and_go() -> None:
    board = Board(["A", "B"], silent_after_s=3.0)
    board.take(score("B", seq=5, level=70.0, health=OUTAGE), S)
    board.tell({"B": GONE}, 0)
    board.expect(["C", "B"])
    board.take(score("C", seq=2), S)
    assert board.rows.table["seq"].tolist() == [2, 5]
    assert board.rows.table["volume_spike"].tolist() == [50.0, 70.0]
    assert board.rows.words == {
        "process": ["", "given_up"],
        "why": ["", GONE.why],
        "reason": ["", "no connection"],
    }
