"""What a session says to a venue that counts requests, wants pings and forgets to send: in time made up."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import Address, Close, Deliver, Fetch, Open, Retire, Send, Tell
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.session import IDLE_S, RETIRE_SHARE
from signalnode.feeds.live.sessions.base import Ping
from signalnode.feeds.live.subscriptions import ACKED_SILENT_S
from tests.feeds.live.made_up import BOOK, LIMITS, TRADES, MadeUp, Timed, said


def ready(venue: MadeUp, *symbols: str) -> Timed:
    session = Timed(venue, Random(1))
    for symbol in symbols:
        session.want(symbol)
    assert session.on_time(0) == [Open()]
    session.on_opened(0)
    return session


def asked(actions: list[object]) -> list[object]:
    return [json.loads(action.frame) for action in actions if isinstance(action, Send)]


def heard(session: Timed, *numbers: int, at_s: float = 1.0) -> list[object]:
    now_ns = int(at_s * NS_PER_S)
    return [
        action for number in numbers for action in session.on_frame(said("subscribed", number=number), now_ns)
    ]


def test_markets_are_asked_for_together_as_many_as_the_venue_takes():
    session = ready(MadeUp(), "A", "B", "C", "D")
    sent = asked(session.run_until(1.0))
    assert sent == [
        ["subscribe", ["A", "B", "C"], BOOK, 1],
        ["subscribe", ["A", "B", "C"], TRADES, 2],
        ["subscribe", ["D"], BOOK, 3],
        ["subscribe", ["D"], TRADES, 4],
    ]
    assert heard(session, 1) == []
    assert heard(session, 2) == [Tell(each, "heard", "") for each in "ABC"]
    assert heard(session, 3, 4) == [Tell("D", "heard", "")]


def test_no_more_is_asked_in_an_hour_than_the_venue_takes():
    session = ready(MadeUp(limits=replace(LIMITS, asks_hourly_max=6)), "A")
    times_s = []
    for second in range(2, 9_000, 2):
        for number in [each[3] for each in asked(session.run_until(float(second)))]:
            times_s.append(second)
            heard(session, number, at_s=second)
        session.on_frame(said("data", "A", BOOK), second * NS_PER_S)
        session.renew("A")
    assert len(times_s) == 18
    assert all(late - early >= 3_600 - 2 for early, late in zip(times_s, times_s[6:], strict=False))


def test_a_book_whose_first_image_is_on_the_way_is_not_asked_for_again():
    session = ready(MadeUp(), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    session.renew("A")
    assert asked(session.run_until(5.0)) == []
    session.on_frame(said("data", "A", BOOK), 5 * NS_PER_S)
    session.renew("A")
    assert asked(session.run_until(8.0)) == [["unsubscribe", ["A"], BOOK, 3]]


def test_a_book_that_falls_silent_is_asked_for_anew_and_then_its_connection_doubted():
    session = ready(MadeUp(limits=replace(LIMITS, book_silence_s_max=20.0)), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    for second in (2, 15, 30):
        session.on_frame(said("data", "A", BOOK), second * NS_PER_S)
        session.on_frame(said("data", "A", TRADES), second * NS_PER_S)
    assert not asked(session.run_until(49.9))
    session.on_frame(said("data", "A", TRADES), 49 * NS_PER_S)
    (left,) = asked(session.run_until(50.1))
    assert left[:3] == ["unsubscribe", ["A"], BOOK]


def test_a_channel_that_dies_while_the_book_goes_on_is_asked_for_anew_and_a_slow_one_is_not():
    session = ready(MadeUp(), "A", "B")
    session.run_until(1.0)
    heard(session, 1, 2)
    renewed = []
    for second in range(2, 1_200):
        if second < 900:
            session.on_frame(said("data", "A", TRADES), second * NS_PER_S)
        if second % 40 == 0:
            session.on_frame(said("data", "B", TRADES), second * NS_PER_S)
        for symbol in "AB":
            session.on_frame(said("data", symbol, BOOK), second * NS_PER_S)
        renewed += [(second, *each[:3]) for each in asked(session.run_until(float(second)))]
    assert renewed[0][:] == (959, "unsubscribe", ["A"], TRADES)
    assert all(symbols == ["A"] for _, _, symbols, _ in renewed)


def test_a_venue_that_does_not_answer_to_leaving_is_taken_at_its_silence():
    session = ready(MadeUp(answers_leaving=False), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    session.on_frame(said("data", "A", BOOK), NS_PER_S)
    session.renew("A")
    sent = asked(session.run_until(5.0))
    assert [each[0] for each in sent] == ["unsubscribe", "subscribe"]
    heard(session, sent[1][3], at_s=5.0)
    session.drop("A")
    sent = asked(session.run_until(9.0))
    assert {each[0] for each in sent} == {"unsubscribe"}
    assert not session.subscriptions.asked


def test_a_refusal_of_several_has_each_of_them_asked_for_alone_and_refuses_the_one():
    session = ready(MadeUp(), "A", "B", "C")
    session.run_until(1.0)
    assert session.on_frame(said("refused", number=1, detail="no B"), NS_PER_S) == []
    sent = [each for each in asked(session.run_until(9.0)) if each[2] == BOOK]
    assert [each[:2] for each in sent] == [["subscribe", [one]] for one in "ABC"]
    (told,) = session.on_frame(said("refused", number=sent[1][3], detail="no B"), 9 * NS_PER_S)
    assert told == Tell("B", "refused", "no B")
    assert session.refused("B") == "no B"
    assert heard(session, 2, sent[0][3], sent[2][3]) == [Tell("A", "heard", ""), Tell("C", "heard", "")]


def test_a_request_that_is_swallowed_whole_keeps_away_the_one_at_fault_and_none_of_its_neighbours():
    session = ready(MadeUp(limits=replace(LIMITS, silence_s_max=1e6)), "A", "B", "C")
    closes, told = 0, dict[str, str]()
    for second in range(1, 400):
        for action in session.run_until(float(second)):
            if isinstance(action, Tell):
                told[action.symbol] = action.state
            elif isinstance(action, Open):
                session.on_opened(session.now_ns)
            elif isinstance(action, Close):
                closes += 1
                session.on_closed("as asked", session.now_ns)
            elif isinstance(action, Send) and "B" not in (request := json.loads(action.frame))[1]:
                what = "subscribed" if request[0] == "subscribe" else "unsubscribed"
                for each in session.on_frame(said(what, number=request[3]), session.now_ns):
                    told[each.symbol] = each.state
        for symbol in "AC":
            session.on_frame(said("data", symbol, BOOK), session.now_ns)
    assert told == {"A": "heard", "B": "refused", "C": "heard"}
    assert closes <= 1, "of that request nobody could tell whether anything had been agreed to"


def test_an_answer_to_leaving_that_names_its_number_alone_is_known_for_one():
    session = ready(MadeUp(), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    session.on_frame(said("data", "A", BOOK), NS_PER_S)
    session.renew("A")
    (left,) = asked(session.run_until(5.0))
    assert left == ["unsubscribe", ["A"], BOOK, 3]
    heard(session, 3)
    assert asked(session.run_until(5.0)) == [["subscribe", ["A"], BOOK, 4]]


def test_what_a_connection_wants_said_first_is_said_first_and_pings_are_never_late():
    venue = MadeUp(standing=(b'"heartbeats"',), ping=Ping(b'"ping"', 20.0))
    session = ready(venue, "A")
    sent = asked(session.run_until(1.0))
    assert sent[0] == "heartbeats"
    assert [each[0] for each in sent[1:]] == ["subscribe", "subscribe"]
    heard(session, 1, 2)
    for channel in (BOOK, TRADES):
        session.on_frame(said("data", "A", channel), NS_PER_S)
    assert session.due_ns() == 20 * NS_PER_S
    assert session.on_time(20 * NS_PER_S) == [Send(b'"ping"')]
    session.on_frame(said("noise"), 20 * NS_PER_S)
    assert session.due_ns() == 40 * NS_PER_S


def test_what_the_venue_asks_is_answered_at_once_and_what_is_of_all_goes_to_all():
    session = ready(MadeUp(), "A")
    session.run_until(1.0)
    assert session.on_frame(said("asks", detail="here"), NS_PER_S) == [Send(b"here")]
    whole = said("data")
    assert session.on_frame(whole, NS_PER_S) == [Deliver("", whole)]


def test_a_connection_that_is_to_end_asks_to_be_replaced_and_only_once():
    session = ready(MadeUp(limits=replace(LIMITS, lifetime_s_max=2400.0, silence_s_max=1e6)), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    session.on_frame(said("data", "A", BOOK), NS_PER_S)
    assert session.on_frame(said("retiring"), NS_PER_S) == [Retire("the venue is about to close it")]
    assert session.run_until(2300.0) == []
    again = ready(MadeUp(limits=replace(LIMITS, lifetime_s_max=2400.0, silence_s_max=1e6)), "A")
    again.run_until(1.0)
    heard(again, 1, 2)
    again.on_frame(said("data", "A", BOOK), NS_PER_S)
    assert 2_200 * NS_PER_S <= again.due_ns() <= int(2400 * RETIRE_SHARE) * NS_PER_S
    assert [type(each) for each in again.run_until(2399.0)] == [Retire]
    assert [type(each) for each in again.run_until(2400.0)] == [Close]


def test_a_book_that_was_agreed_to_and_is_silent_is_renewed_and_then_its_connection_is_doubted():
    session = ready(MadeUp(limits=replace(LIMITS, silence_s_max=1e6)), "A")
    session.run_until(0.5)
    heard(session, 1, 2, at_s=0.5)
    assert asked(session.run_until(0.4 + ACKED_SILENT_S)) == []
    assert asked(session.run_until(1.0 + ACKED_SILENT_S)) == [["unsubscribe", ["A"], BOOK, 3]]
    heard(session, 3, at_s=11.0)
    session.run_until(12.0)
    heard(session, 4, at_s=12.0)
    assert session.run_until(11.9 + 2 * ACKED_SILENT_S) == []
    (doubted,) = session.run_until(12.0 + 2 * ACKED_SILENT_S)
    assert isinstance(doubted, Retire)
    assert session.run_until(11.9 + 6 * ACKED_SILENT_S) == []  # and the next doubt comes later


def test_trades_that_never_came_are_no_silence():
    session = ready(MadeUp(limits=replace(LIMITS, silence_s_max=1e6)), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    session.on_frame(said("data", "A", BOOK), NS_PER_S)
    assert session.run_until(1_000.0) == []


def test_trades_that_fall_silent_again_and_again_are_asked_for_anew_and_never_doubt_the_connection():
    session = ready(MadeUp(limits=replace(LIMITS, silence_s_max=1e6)), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    left = 0
    for second in range(2, 9_000):
        if second < 900:
            session.on_frame(said("data", "A", TRADES), second * NS_PER_S)
        session.on_frame(said("data", "A", BOOK), second * NS_PER_S)
        done = session.run_until(float(second))
        assert not [each for each in done if isinstance(each, Retire)]
        for what, _, channel, number in asked(done):
            assert channel == TRADES
            left += what == "unsubscribe"
            session.on_frame(said("subscribed", number=number), second * NS_PER_S)
    assert left >= 3


def test_a_refusal_by_silence_is_told_to_whoever_asks_later():
    session = ready(MadeUp(limits=replace(LIMITS, silence_s_max=1e6)), "A", "B")
    session.run_until(1.0)
    heard(session, 1)
    for second in range(2, 600):
        for what, symbols, channel, number in asked(session.run_until(float(second))):
            if "B" not in symbols or channel == BOOK or what == "unsubscribe":
                heard(session, number, at_s=second)
    assert session.refused("B").startswith(f"no answer about {TRADES}")
    assert not session.refused("A")


def test_what_a_market_can_be_heard_without_is_asked_for_again_over_the_next_connection():
    session = ready(MadeUp(optional=frozenset({TRADES})), "A")
    session.run_until(1.0)
    assert heard(session, 1) == [Tell("A", "heard", "")]
    session.on_frame(said("refused", number=2, detail="no trades"), NS_PER_S)
    session.on_frame(said("data", "A", BOOK), NS_PER_S)
    assert asked(session.run_until(20.0)) == []
    session.on_closed("gone", 20 * NS_PER_S)
    assert session.run_until(40.0) == [Open()]
    session.on_opened(session.now_ns)
    assert [each[2] for each in asked(session.run_until(session.now_ns / NS_PER_S + 1.0))] == [BOOK, TRADES]


def test_an_image_is_fetched_when_the_venue_sends_what_follows_it():
    for channel, number in ((BOOK, 1), (TRADES, 2)):
        session = ready(MadeUp(has_images=True), "A")
        session.run_until(1.0)
        heard(session, number)
        fetched = [each for each in session.run_until(4.0) if isinstance(each, Fetch)]
        assert bool(fetched) is (channel == BOOK)


def test_a_connection_is_made_anew_where_nothing_shows_what_its_books_lost_and_each_at_its_own_moment():
    moments = set()
    for seed in range(5):
        session = Timed(MadeUp(limits=replace(LIMITS, silence_s_max=1e6, refresh_s=300.0)), Random(seed))
        session.want("A")
        session.on_time(0)
        session.on_opened(0)
        session.run_until(1.0)
        heard(session, 1, 2)
        session.on_frame(said("data", "A", BOOK), NS_PER_S)
        assert session.run_until(149.0) == []
        moments.add(session.due_ns())
        assert session.run_until(301.0) == [Retire("its books are asked for anew")]
    assert len(moments) == 5


def test_a_market_that_comes_back_at_once_is_left_first_and_not_asked_for_twice():
    session = ready(MadeUp(), "A")
    session.run_until(0.5)
    heard(session, 1, 2, at_s=0.5)
    session.drop("A")
    session.want("A")
    sent = asked(session.run_until(5.0))
    assert [each[0] for each in sent] == ["unsubscribe", "unsubscribe"]
    for each in sent:
        session.on_frame(said("subscribed", number=each[3]), 5 * NS_PER_S)
    assert [each[0] for each in asked(session.run_until(6.0))] == ["subscribe", "subscribe"]


def test_a_market_in_anothers_place_is_asked_for_when_the_venue_has_let_go_of_that_one():
    session = ready(MadeUp(), *"ABCD")  # as many as the venue bears
    session.run_until(1.0)
    heard(session, 1, 2, 3, 4)
    session.drop("A")
    session.want("E")
    left = asked(session.run_until(5.0))
    assert [each[:2] for each in left] == [["unsubscribe", ["A"]]] * 2
    for second, (_, _, channel, number) in enumerate(left, start=6):
        assert asked(session.run_until(float(second))) == []
        session.on_frame(said("subscribed", number=number), second * NS_PER_S)
        (sent,) = asked(session.run_until(second + 0.5))
        assert sent[:3] == ["subscribe", ["E"], channel]


def test_a_connection_that_nobody_wants_is_kept_a_while():
    session = ready(MadeUp(), "A")
    session.run_until(1.0)
    heard(session, 1, 2)
    session.drop("A")
    for each in asked(session.run_until(5.0)):
        session.on_frame(said("subscribed", number=each[3]), 2 * NS_PER_S)
    assert session.on_time(2 * NS_PER_S) == []
    assert session.run_until(1.9 + IDLE_S) == []
    assert session.run_until(2.0 + IDLE_S) == [Close("no market wants it")]


def test_a_market_by_two_routes_is_heard_when_both_are():
    pool = Pool(MadeUp(has_routes=True), Random(1))
    pool.want("A")
    assert [step.action for step in pool.on_time(0)] == [Open(), Open()]
    told = []
    for slot, session in enumerate(pool.sessions):
        session.on_opened(0)
        (sent,) = pool.on_time(session.due_ns())
        assert json.loads(sent.action.frame)[2] == session.route.channels[0]
        told += pool.steps(slot, session.on_frame(said("subscribed", number=1), NS_PER_S))
    assert [step.action for step in told] == [Tell("A", "heard", "")]
    lost = pool.steps(0, pool.sessions[0].on_closed("gone", NS_PER_S))
    assert [step.action for step in lost] == [Tell("A", "lost", "gone")]
    known = [Address("A", "/trades"), Tell("A", "lost", "gone")]  # what stands, and what does not
    assert [step.action for step in pool.want("A")] == known


def test_a_market_beyond_what_the_venue_bears_is_refused():
    pool = Pool(MadeUp(limits=replace(LIMITS, markets_max=1, connections_max=2)), Random(1))
    pool.want("A")
    pool.want("B")
    (step,) = pool.want("C")
    assert step.action == Tell("C", "refused", "the venue bears no more markets from here")
    pool.drop("A")
    assert [step.action.state for step in pool.want("C")] == ["lost"]


def test_the_next_try_is_that_of_a_connection_that_waits_and_is_wanted():
    pool = Pool(MadeUp(limits=replace(LIMITS, markets_max=1)), Random(1))
    for symbol in "AB":
        pool.want(symbol)
    assert [step.action for step in pool.on_time(0)] == [Open(), Open()]
    assert pool.next_try_ns() is None
    stands, waits = pool.sessions
    stands.on_opened(0)
    waits.on_failed("HTTP 503", 0, status=503, retry_after_s=60.0)
    assert pool.next_try_ns() == waits.due_ns() > stands.due_ns()
    pool.drop("B")
    assert pool.next_try_ns() is None
