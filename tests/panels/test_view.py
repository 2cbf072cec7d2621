"""The view behind a panel: what is shown of each market; when it is called silent, ended or lossy."""

from __future__ import annotations

import msgspec
import pytest

from signalnode.bus.wire import (
    SCORE_NAMES,
    SILENT_AFTER_S,
    DecisionMessage,
    End,
    Heartbeat,
    MarketMessage,
    MarketState,
    ProcessState,
    Score,
    ViewMessage,
)
from signalnode.panels import view as views
from signalnode.panels.view import EVENTS_MAX, PanelView, Row, columns, price

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
def panel() -> PanelView:
    return PanelView("tcp://127.0.0.1:1")


def only_row(panel: PanelView, now_ns: int = 0) -> Row:
    (row,) = panel.rows(now_ns)
    return row


def test_a_market_is_shown_before_it_speaks(panel: PanelView) -> None:
    panel.expect({"SOL-USD": "synthetic"})
    row = only_row(panel)
    assert (row.market, row.note, row.status, row.age_s) == ("SOL-USD", "synthetic", "waiting", None)


def test_markets_are_in_name_order(panel: PanelView) -> None:
    for market in ("c", "a", "b"):
        panel.take(score(market=market), 0)
    assert [row.market for row in panel.rows(0)] == ["a", "b", "c"]


def test_a_row_carries_the_newest_score_and_its_age(panel: PanelView) -> None:
    panel.take(score(1, value=10.0), 0)
    panel.take(score(2, value=90.0), SECOND_NS)
    row = only_row(panel, 2 * SECOND_NS)
    assert row.scores["momentum_long"] == 90.0
    assert (row.seq, row.age_s, row.missed) == (2, 1.0, 0)


def test_an_older_incarnation_is_not_shown(panel: PanelView) -> None:
    panel.take(score(7, epoch=2, value=90.0), 0)
    panel.take(score(8, epoch=1, value=10.0), 0)
    assert only_row(panel).scores["momentum_long"] == 90.0


def test_a_missed_score_is_counted(panel: PanelView) -> None:
    panel.take(score(4), 0)
    name = only_row(panel).market
    panel.count({name: 2, "Z": 1})
    assert only_row(panel).missed == 2


def test_a_score_passed_over_for_a_newer_one_is_not_missed(panel: PanelView) -> None:
    panel.take(score(1), 0)
    panel.take(score(4), 0)
    assert only_row(panel).missed == 0


def test_a_heartbeat_keeps_the_scores(panel: PanelView) -> None:
    panel.take(score(1), 0)
    panel.take(silence(Heartbeat, 3), SECOND_NS)
    row = only_row(panel, SECOND_NS)
    assert row.age_s == 0.0
    assert row.scores


def test_a_market_that_says_nothing_becomes_silent(panel: PanelView) -> None:
    panel.take(score(1), 0)
    limit_ns = int(SILENT_AFTER_S * SECOND_NS)
    assert only_row(panel, limit_ns).status == "live"
    assert only_row(panel, limit_ns + 1).status == "silent"


def test_a_planned_stop_is_not_silence(panel: PanelView) -> None:
    panel.take(score(1), 0)
    panel.take(silence(End, 1), 0)
    assert only_row(panel, 60 * SECOND_NS).status == "ended"


def test_a_market_that_layer_5_leaves_alone_after_an_outage_is_settling_and_not_live(
    panel: PanelView,
) -> None:
    told = view("BTC-USDT")
    for state, shown in (("settling", "settling"), ("fresh", "live")):
        panel.take(score(1), 0)
        of_view = msgspec.structs.replace(told.markets["BTC-USDT"], state=state)
        panel.take(msgspec.structs.replace(told, markets={"BTC-USDT": of_view}), 0)
        assert only_row(panel).status == shown


def test_where_layer_5_is_behind_the_age_is_that_of_what_is_shown(panel: PanelView) -> None:
    told = view("BTC-USDT")
    late = msgspec.structs.replace(told.markets["BTC-USDT"], state="behind", age_s=40.0)
    for second in (0, 1):
        panel.take(score(second + 1), second * SECOND_NS)  # it comes all the time, and was said long ago
        panel.take(msgspec.structs.replace(told, markets={"BTC-USDT": late}), second * SECOND_NS)
    row = only_row(panel, 2 * SECOND_NS)
    assert (row.status, row.age_s) == ("behind", 41.0)
    panel.take(told, 2 * SECOND_NS)
    assert (only_row(panel, 2 * SECOND_NS).status, only_row(panel, 2 * SECOND_NS).age_s) == ("live", 1.0)


def test_the_newest_regime_and_decisions_are_kept(panel: PanelView) -> None:
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
        panel.take(message, 0)
    assert list(panel.decisions) == ["threshold: enter long BTC-USDT 83, momentum_long above 80"]
    assert panel.regime == {"trending": 34.0}
    assert panel.rows(0) == []


def test_a_reload_brings_markets_with_their_notes_and_takes_those_that_left(panel: PanelView) -> None:
    panel.expect({"BTC-USDT": "", "OLD-USD": "replay"})
    panel.take(score(), 0)
    panel.expect({"BTC-USDT": "", "NEW-USD": "synthetic"})
    panel.take(view("BTC-USDT", "OLD-USD"), 0)  # of just before the aggregator took it over
    panel.take(view("BTC-USDT", "NEW-USD"), 0)
    rows = panel.rows(0)
    assert [(row.market, row.note, row.status) for row in rows] == [
        ("BTC-USDT", "", "live"),
        ("NEW-USD", "synthetic", "waiting"),
    ]


def test_no_number_of_markets_grows_the_board_without_end(
    panel: PanelView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "CLUSTER_MARKETS_MAX", 100)
    for number in range(105):
        panel.take(score(market=f"M{number}"), 0)
    assert len(panel.rows(0)) == 100


def test_what_the_node_does_first_is_shown_until_the_first_score(panel: PanelView) -> None:
    panel.busy = "starting"
    panel.tell({"event": "output", "line": "compiling the kernel", "level": "info"}, "")
    assert panel.busy == "compiling the kernel"
    panel.take(score(1), 0)
    assert panel.busy == ""


def test_only_the_newest_bad_news_is_kept(panel: PanelView) -> None:
    panel.tell({"event": "child up", "child": "A", "level": "info"}, "")
    assert not panel.events
    for number in range(EVENTS_MAX + 1):
        panel.tell(
            {"event": f"died {number}", "child": "A", "level": "warning", "reason": "SIGKILL"},
            f"12:00:0{number}",
        )
    assert panel.events[0] == "12:00:01 A died 1: SIGKILL"
    assert len(panel.events) == EVENTS_MAX


def test_news_of_strategies_names_them_before_the_reason(panel: PanelView) -> None:
    news = {
        "event": "strategies start afresh",
        "child": "aggregator",
        "level": "warning",
        "reason": "no state",
    }
    panel.tell({**news, "strategies": ["calm", "mine"]}, "12:00:01")
    panel.tell({**news, "event": "strategy lost its turn", "strategy": "mine"}, "12:00:02")
    assert list(panel.events) == [
        "12:00:01 aggregator strategies start afresh calm, mine: no state",
        "12:00:02 aggregator strategy lost its turn mine: no state",
    ]


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


def test_a_score_of_the_users_own_gets_a_column(panel: PanelView) -> None:
    message = score(1)
    message.scores["mine"] = 3.0
    panel.take(message, 0)
    assert columns(panel.rows(0), SCORE_NAMES) == [*SCORE_NAMES, "mine"]


def test_a_score_without_evidence_is_none(panel: PanelView) -> None:
    panel.take(msgspec.structs.replace(score(1), unknown=("volume_spike",)), 0)
    row = only_row(panel)
    assert row.scores["volume_spike"] is None
    assert row.scores["momentum_long"] == 50.0


def process(state: str, restarts: int = 0, why: str = "") -> ViewMessage:
    state_of = view("BTC-USDT").markets["BTC-USDT"]
    told = ProcessState(state=state, restarts=restarts, why=why)
    markets = {"BTC-USDT": msgspec.structs.replace(state_of, process=told)}
    return msgspec.structs.replace(view(), markets=markets)


def test_a_market_that_was_given_up_is_shown_so_at_once_with_its_restarts_and_why(panel: PanelView) -> None:
    panel.take(score(), 0)
    panel.take(process("given_up", 6, "SIGKILL"), SECOND_NS // 2)
    row = only_row(panel, SECOND_NS)
    assert (row.status, row.restarts, row.why) == ("given up", 6, "SIGKILL")
    panel.take(score(1, epoch=2), 2 * SECOND_NS)
    assert only_row(panel, 2 * SECOND_NS).status == "live", "it speaks again; the word of it comes later"


def test_a_restarted_market_is_live_and_says_how_often_and_why(panel: PanelView) -> None:
    panel.take(score(), 0)
    panel.take(process("up", 1, "exit 1"), 0)
    row = only_row(panel)
    assert (row.status, row.restarts, row.why) == ("live", 1, "exit 1")
    assert only_row(panel, 60 * SECOND_NS).status == "silent"


def test_a_market_that_has_not_spoken_shows_where_its_process_stands(panel: PanelView) -> None:
    for state, shown in (("starting", "starting"), ("backing_off", "backing off"), ("up", "waiting")):
        panel.take(process(state), 0)
        assert only_row(panel).status == shown


def test_a_planned_stop_is_an_end_whatever_its_process_is(panel: PanelView) -> None:
    panel.take(score(1), 0)
    panel.take(silence(End, 1), 0)
    panel.take(process("down", 0, "stopped by request"), SECOND_NS)
    assert only_row(panel, SECOND_NS).status == "ended"
