"""The board behind a panel: what is shown of each market; when it is called silent, ended or lossy."""

from __future__ import annotations

import pytest

from signalnode.bus.wire import (
    SCORE_NAMES,
    DecisionMessage,
    End,
    Heartbeat,
    MarketMessage,
    MarketState,
    Score,
    ViewMessage,
)
from signalnode.panels.view import EVENTS_MAX, MARKETS_MAX, SILENT_AFTER_S, Board, Row, columns, price

SECOND_NS = 1_000_000_000


def score(seq: int = 1, market: str = "BTC-USDT", epoch: int = 1, value: float = 50.0) -> Score:
    return Score(
        v=1,
        market=market,
        epoch=epoch,
        seq=seq,
        time_event_ns=0,
        time_received_ns=0,
        time_published_ns=0,
        mid=61_805.2,
        warm=0.5,
        status="live",
        scores=dict.fromkeys(SCORE_NAMES, value),
    )


def silence(kind: type[Heartbeat] | type[End], seq: int) -> MarketMessage:
    return kind(
        v=1,
        market="BTC-USDT",
        epoch=1,
        seq=seq,
        time_event_ns=0,
        time_received_ns=0,
        time_published_ns=0,
        mid=61_805.2,
        warm=0.5,
        status="live",
    )


def view(*markets: str, **regime: float) -> ViewMessage:
    unheard = MarketState(state="unheard", age_s=None, epoch=0, seq=0, mid=0.0, warm=0.0, scores={})
    return ViewMessage(
        v=1,
        epoch=1,
        seq=1,
        time_published_ns=0,
        markets=dict.fromkeys(markets, unheard),
        regime=regime,
        measures={},
        relations=[],
        strategies={},
    )


@pytest.fixture
def board() -> Board:
    return Board("tcp://127.0.0.1:1")


def only_row(board: Board, now_ns: int = 0) -> Row:
    (row,) = board.rows(now_ns)
    return row


def test_a_market_is_shown_before_it_speaks(board: Board) -> None:
    board.expect({"SOL-USD": "synthetic"})
    row = only_row(board)
    assert (row.market, row.note, row.status, row.age_s) == ("SOL-USD", "synthetic", "waiting", None)


def test_markets_are_in_name_order(board: Board) -> None:
    for market in ("c", "a", "b"):
        board.take(score(market=market), 0)
    assert [row.market for row in board.rows(0)] == ["a", "b", "c"]


def test_a_row_carries_the_newest_score_and_its_age(board: Board) -> None:
    board.take(score(1, value=10.0), 0)
    board.take(score(2, value=90.0), SECOND_NS)
    row = only_row(board, 2 * SECOND_NS)
    assert row.scores["momentum_long"] == 90.0
    assert (row.seq, row.age_s, row.missed) == (2, 1.0, 0)


def test_an_older_incarnation_is_not_shown(board: Board) -> None:
    board.take(score(7, epoch=2, value=90.0), 0)
    board.take(score(8, epoch=1, value=10.0), 0)
    assert only_row(board).scores["momentum_long"] == 90.0


def test_a_missed_score_is_counted(board: Board) -> None:
    board.take(score(1), 0)
    board.take(score(4), 0)
    assert only_row(board).missed == 2


def test_a_heartbeat_tells_of_a_lost_tail_and_keeps_the_scores(board: Board) -> None:
    board.take(score(1), 0)
    board.take(silence(Heartbeat, 3), SECOND_NS)
    row = only_row(board, SECOND_NS)
    assert (row.missed, row.age_s) == (2, 0.0)
    assert row.scores


def test_a_market_that_says_nothing_becomes_silent(board: Board) -> None:
    board.take(score(1), 0)
    limit_ns = int(SILENT_AFTER_S * SECOND_NS)
    assert only_row(board, limit_ns).status == "live"
    assert only_row(board, limit_ns + 1).status == "silent"


def test_a_planned_stop_is_not_silence(board: Board) -> None:
    board.take(score(1), 0)
    board.take(silence(End, 1), 0)
    assert only_row(board, 60 * SECOND_NS).status == "ended"


def test_the_newest_regime_and_decisions_are_kept(board: Board) -> None:
    decision = DecisionMessage(
        v=1,
        strategy="threshold",
        epoch=1,
        seq=1,
        view_seq=1,
        time_published_ns=0,
        action="enter",
        markets=["BTC-USDT"],
        direction="long",
        strength=83.0,
        reasons=["momentum_long above 80"],
        scores={},
    )
    for message in (decision, view(trending=34.0)):
        board.take(message, 0)
    assert list(board.decisions) == ["threshold: enter long BTC-USDT 83, momentum_long above 80"]
    assert board.regime == {"trending": 34.0}
    assert board.rows(0) == []


def test_a_reload_brings_markets_with_their_notes_and_takes_those_that_left(board: Board) -> None:
    board.expect({"BTC-USDT": "", "OLD-USD": "replay"})
    board.take(score(), 0)
    board.expect({"BTC-USDT": "", "NEW-USD": "synthetic"})
    board.take(view("BTC-USDT", "OLD-USD"), 0)  # of just before the aggregator took it over
    board.take(view("BTC-USDT", "NEW-USD"), 0)
    rows = board.rows(0)
    assert [(row.market, row.note, row.status) for row in rows] == [
        ("BTC-USDT", "", "live"),
        ("NEW-USD", "synthetic", "waiting"),
    ]


def test_no_number_of_markets_grows_the_board_without_end(board: Board) -> None:
    for number in range(MARKETS_MAX + 5):
        board.take(score(market=f"M{number}"), 0)
    assert len(board.rows(0)) == MARKETS_MAX


def test_what_the_node_does_first_is_shown_until_the_first_score(board: Board) -> None:
    board.busy = "starting"
    board.tell({"event": "output", "line": "compiling the kernel", "level": "info"}, "")
    assert board.busy == "compiling the kernel"
    board.take(score(1), 0)
    assert board.busy == ""


def test_only_the_newest_bad_news_is_kept(board: Board) -> None:
    board.tell({"event": "child up", "child": "A", "level": "info"}, "")
    assert not board.events
    for number in range(EVENTS_MAX + 1):
        board.tell(
            {"event": f"died {number}", "child": "A", "level": "warning", "reason": "SIGKILL"},
            f"12:00:0{number}",
        )
    assert board.events[0] == "12:00:01 A died 1: SIGKILL"
    assert len(board.events) == EVENTS_MAX


@pytest.mark.parametrize(
    ("mid", "text"),
    [
        (61_805.234, "61,805.23"),
        (145.231, "145.2310"),
        (1.0, "1.000000"),
        (0.00001234, "0.0000123400"),
        (0.0, "-"),
        (1e9, "1,000,000,000.00"),
    ],
)
def test_a_price_shows_seven_significant_digits_or_cents(mid: float, text: str) -> None:
    assert price(mid) == text


def test_a_score_of_the_users_own_gets_a_column(board: Board) -> None:
    message = score(1)
    message.scores["mine"] = 3.0
    board.take(message, 0)
    assert columns(board.rows(0), SCORE_NAMES) == [*SCORE_NAMES, "mine"]
