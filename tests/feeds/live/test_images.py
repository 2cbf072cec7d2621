"""Books that come over REST, in time made up: when they are fetched, and what is made of each answer."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import RENEW_S_MIN, Answer, Fetch, Open, Send, Tell
from signalnode.feeds.live.images import FETCHES_MAX
from signalnode.feeds.live.pool import Pool
from tests.feeds.live.made_up import BOOK, LIMITS, MadeUp, Timed, said


def heard(*symbols: str) -> Timed:
    limits = replace(LIMITS, silence_s_max=1e6, asks_max=10, markets_max=10)
    session = Timed(MadeUp(has_images=True, limits=limits), Random(1))
    for symbol in symbols:
        session.want(symbol)
    assert session.on_time(0) == [Open()]
    session.on_opened(0)
    while session.due_ns() < NS_PER_S:
        session.on_time(session.due_ns())
    for number in (1, 2):
        session.on_frame(said("subscribed", number=number), NS_PER_S)
    for symbol in symbols:
        session.on_frame(said("data", symbol, BOOK), NS_PER_S)
    return session


FETCH = Fetch("A", "/depth?symbol=A", 5.0)


def test_a_market_that_is_left_and_wanted_again_at_once_is_not_fetched_twice_within_the_least_time():
    session = heard("A", "B")
    assert FETCH in session.run_until(1.0)
    session.on_answer(FETCH, 200, b"book", NS_PER_S)
    session.drop("A")
    session.want("A")
    session.images.need("A")
    assert FETCH not in session.run_until(0.9 + RENEW_S_MIN)
    assert FETCH in session.run_until(1.1 + RENEW_S_MIN)


def test_a_book_is_fetched_once_its_changes_come_and_passed_on():
    session = heard("A")
    assert session.run_until(1.0) == [FETCH]
    assert session.on_answer(FETCH, 200, b"book", 2 * NS_PER_S) == [Answer("A", "/depth?symbol=A", b"book")]
    assert session.on_answer(FETCH, 200, b"book", 2 * NS_PER_S) == []
    assert session.run_until(1_000.0) == []


def test_a_market_whose_book_is_refused_is_heard_no_more_and_not_asked_for_again():
    session = heard("A", "B")
    assert FETCH in session.run_until(1.0)
    told = session.on_answer(FETCH, 400, b"", NS_PER_S, reason="HTTP 400")
    assert told == [Tell("A", "refused", "HTTP 400")]
    assert (session.is_heard("A"), session.is_heard("B")) == (False, True)
    session.on_closed("gone", 2 * NS_PER_S)
    assert session.run_until(60.0) == [Open()]
    session.on_opened(session.now_ns)
    asked = [each for each in session.run_until(session.now_ns / NS_PER_S + 1.0) if isinstance(each, Send)]
    assert asked
    assert not [each for each in asked if b'"A"' in each.frame]


def test_a_market_by_two_routes_that_is_refused_over_one_is_not_lost_with_the_other():
    pool = Pool(MadeUp(has_routes=True, has_images=True), Random(1))
    pool.want("A")
    pool.on_time(0)
    for slot, session in enumerate(pool.sessions):
        session.on_opened(0)
        pool.steps(slot, session.on_time(NS_PER_S))
        pool.steps(slot, session.on_frame(said("subscribed", number=1), NS_PER_S))
    book, trades = pool.sessions
    (fetch,) = [each for each in book.on_time(2 * NS_PER_S) if isinstance(each, Fetch)]
    told = pool.steps(0, book.on_answer(fetch, 404, b"", 2 * NS_PER_S, reason="HTTP 404"))
    assert [step.action for step in told] == [Tell("A", "refused", "HTTP 404")]
    assert pool.steps(1, trades.on_closed("gone", 3 * NS_PER_S)) == []
    assert [step.action for step in pool.want("A")][-1] == Tell("A", "refused", "HTTP 404")


def test_an_answer_for_a_market_that_is_gone_is_nobodys():
    session = heard("A", "B")
    assert FETCH in session.run_until(1.0)
    session.drop("A")
    assert session.on_answer(FETCH, 200, b"book", 2 * NS_PER_S) == []
    session.on_fetch_denied(FETCH, NS_PER_S, 2 * NS_PER_S)


def test_a_book_that_must_start_over_is_fetched_again_and_its_changes_go_on():
    session = heard("A")
    session.run_until(1.0)
    session.renew("A")
    assert session.run_until(10.0) == []  # one is under way
    session.on_answer(FETCH, 200, b"book", NS_PER_S)
    session.renew("A")
    assert session.run_until(0.9 + RENEW_S_MIN) == []
    assert session.run_until(1.0 + RENEW_S_MIN) == [FETCH]


def test_not_more_than_so_many_are_fetched_at_once():
    session = heard(*"ABCDEFG")
    fetches = session.run_until(1.0)
    assert len(fetches) == FETCHES_MAX
    session.on_answer(fetches[0], 200, b"book", NS_PER_S)
    assert len(session.run_until(1.0)) == 1


def test_what_is_asked_too_often_waits_as_long_as_it_is_told():
    session = heard("A")
    session.run_until(1.0)
    assert session.on_answer(FETCH, 429, b"", NS_PER_S, retry_after_s=30.0) == []
    assert session.run_until(30.9) == []
    assert session.run_until(31.0) == [FETCH]


@pytest.mark.parametrize("status", [301, 400, 403, 404, 451])
def test_what_cannot_heal_is_told_once_and_left(status):
    session = heard("A")
    session.run_until(1.0)
    reason = f"HTTP {status}"
    assert session.on_answer(FETCH, status, b"", NS_PER_S, reason=reason) == [Tell("A", "refused", reason)]
    session.renew("A")
    assert session.run_until(1_000.0) == []
    assert session.refused("A") == reason


@pytest.mark.parametrize("status", [0, 408, 418, 500, 503])
def test_what_may_heal_is_fetched_again(status):
    session = heard("A")
    session.run_until(1.0)
    assert session.on_answer(FETCH, status, b"", NS_PER_S) == []
    assert session.run_until(10.0) == [FETCH]


def test_a_budget_that_is_spent_is_waited_for_and_a_lost_answer_is_not():
    session = heard("A")
    session.run_until(1.0)
    session.on_fetch_denied(FETCH, 20 * NS_PER_S, NS_PER_S)
    assert session.run_until(20.9) == []
    assert session.run_until(21.0) == [FETCH]
    assert len(session.run_until(100.0)) == 1  # its answer never came


def test_an_image_that_comes_after_its_connection_has_gone_is_nobodys():
    session = heard("A")
    session.run_until(1.0)
    session.on_closed("gone", 2 * NS_PER_S)
    assert session.on_answer(FETCH, 200, b"book", 2 * NS_PER_S) == []


def knowing() -> Timed:
    session = Timed(MadeUp(has_facts=True), Random(1))
    session.want("A")
    session.on_time(0)
    session.on_opened(0)
    return session


FACTS = Fetch("A", "/facts?symbol=A", 1.0)


def test_facts_come_before_a_market_is_asked_for():
    session = knowing()
    assert session.run_until(5.0) == [FACTS]
    assert session.on_answer(FACTS, 200, b"facts", 5 * NS_PER_S) == [Answer("A", "/facts?symbol=A", b"facts")]
    assert [type(each) for each in session.run_until(6.0)] == [Send, Send]


def test_facts_that_cannot_be_had_are_fetched_again_and_known_ones_stay_known_over_a_reconnect():
    session = knowing()
    session.run_until(5.0)
    session.on_answer(FACTS, 503, b"", 5 * NS_PER_S)
    assert session.run_until(20.0) == [FACTS]
    session.on_closed("gone", 20 * NS_PER_S)
    session.on_time(session.due_ns())
    session.on_opened(30 * NS_PER_S)
    assert session.run_until(31.0) == [FACTS]
    session.on_answer(FACTS, 200, b"facts", 31 * NS_PER_S)
    session.on_closed("gone", 32 * NS_PER_S)
    session.on_time(session.due_ns())
    session.on_opened(40 * NS_PER_S)
    assert [type(each) for each in session.run_until(40.5)] == [Send, Send]


def test_a_book_that_starts_over_has_the_facts_fetched_again():
    session = knowing()
    session.run_until(1.0)
    session.on_answer(FACTS, 200, b"facts", NS_PER_S)
    session.run_until(2.0)
    for number in (1, 2):
        session.on_frame(said("subscribed", number=number), 2 * NS_PER_S)
    session.on_frame(said("data", "A", BOOK), 2 * NS_PER_S)
    session.renew("A")
    assert {type(each) for each in session.run_until(8.0)} == {Fetch, Send}
