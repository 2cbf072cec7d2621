"""A session of dYdX's in time made up: what it asks for, and what becomes of its markets."""

from __future__ import annotations

import json
from random import Random

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import RENEW_S_MIN, Close, Deliver, Open, Send, Tell
from signalnode.feeds.live.images import IMAGE
from signalnode.feeds.live.lives import CONNECTION, SUBSCRIPTION
from signalnode.feeds.live.pool import Pool, Step
from signalnode.feeds.live.session import REFUSED_S, Session
from signalnode.feeds.live.sessions import venue_of

DYDX = venue_of("dydx")
GREETING = b'{"type":"connected","connection_id":"c","message_id":0}'


def answer(frame: bytes) -> bytes:
    asked = json.loads(frame)
    told = {"type": asked["type"] + "d", "channel": asked["channel"], "id": asked["id"], "contents": {}}
    return json.dumps(told).encode()


def ready() -> Session:
    session = Session(DYDX, Random(1))
    session.want("BTC-USD")
    assert session.on_time(0) == [Open()]
    session.on_opened(0)
    session.on_frame(GREETING, 0)
    return session


def run_until(session: Session, until_ns: int) -> list[object]:
    done: list[object] = []
    while (due_ns := session.due_ns()) <= until_ns:
        done += session.on_time(due_ns)
    return [each for each in done if not isinstance(each, Send) or each.frame not in DYDX.standing]


def test_a_market_is_asked_for_after_the_greeting_and_heard_when_both_channels_answer():
    session = ready()
    sent = [action for action in run_until(session, NS_PER_S) if isinstance(action, Send)]
    assert [json.loads(one.frame)["channel"] for one in sent] == ["v4_orderbook", "v4_trades"]
    first, second = (session.on_frame(answer(one.frame), NS_PER_S) for one in sent)
    assert [type(action) for action in first] == [Deliver]
    assert second[1:] == [Tell("BTC-USD", "heard", "")]


def test_after_a_rest_as_many_requests_go_at_once_as_the_venue_bears_and_each_more_in_its_turn():
    limits = DYDX.limits
    session = Session(DYDX, Random(1))
    for number in range(limits.markets_max):
        session.want(f"M{number}-USD")
    session.on_time(0)
    session.on_opened(10 * NS_PER_S)
    session.on_frame(GREETING, 10 * NS_PER_S)
    first = session.on_time(10 * NS_PER_S)
    assert len(first) == limits.sends_at_once == len(DYDX.standing) + 2 * limits.markets_max
    for action in first[len(DYDX.standing) :]:
        session.on_frame(answer(action.frame), 10 * NS_PER_S)
    for number in range(limits.markets_max):
        session.drop(f"M{number}-USD")
    turn_ns = int(NS_PER_S / limits.sends_per_s)
    assert len(run_until(session, 10 * NS_PER_S + 7 * turn_ns)) == 7


def test_a_book_starts_over_by_leaving_and_asking_anew_and_not_twice_within_the_least_time():
    session = ready()
    for action in run_until(session, NS_PER_S):
        session.on_frame(answer(action.frame), NS_PER_S)
    session.renew("BTC-USD")
    session.renew("BTC-USD")
    (left,) = run_until(session, int(RENEW_S_MIN * NS_PER_S) + NS_PER_S)
    assert json.loads(left.frame)["type"] == "unsubscribe"
    session.on_frame(answer(left.frame), int(RENEW_S_MIN * NS_PER_S) + NS_PER_S)
    (again,) = run_until(session, 10 * NS_PER_S)
    assert json.loads(again.frame)["type"] == "subscribe"


def test_states_of_markets_go_to_each_and_prices_of_all_to_none():
    session = ready()
    sent = [session.on_time(session.due_ns()) for _ in DYDX.standing]
    assert [each.frame for actions in sent for each in actions] == list(DYDX.standing)
    told = {"type": "channel_data", "channel": "v4_markets"}
    halted = json.dumps({**told, "contents": {"trading": {"BTC-USD": {"status": "PAUSED"}}}}).encode()
    assert session.on_frame(halted, 0) == [Deliver("", halted)]
    assert session.on_frame(json.dumps({**told, "contents": {"oraclePrices": {}}}).encode(), 0) == []


def test_a_refusal_that_cannot_heal_is_told_once_and_tried_again_each_hour():
    session = Session(DYDX, Random(1))
    session.want("BTC-USD")
    session.on_time(0)
    assert session.on_failed("HTTP 403", 0, status=403) == [Tell("", "refused", "HTTP 403")]
    assert not session.on_failed("HTTP 403", 0, status=403)
    assert run_until(session, int(REFUSED_S * NS_PER_S) - 1) == []
    hour_ns = int(REFUSED_S * NS_PER_S)
    assert session.on_time(hour_ns) == [Open()]
    assert session.refused("BTC-USD") == "HTTP 403"
    assert session.on_failed("HTTP 403", hour_ns, status=403) == [], "it is known"
    assert session.on_time(2 * hour_ns) == [Open()]
    session.on_opened(2 * hour_ns)
    assert not session.refused("BTC-USD")


def test_retry_after_is_kept():
    session = Session(DYDX, Random(1))
    session.want("BTC-USD")
    session.on_time(0)
    session.on_failed("HTTP 429", 0, status=429, retry_after_s=30.0)
    assert session.due_ns() >= 30 * NS_PER_S


def test_a_market_that_the_venue_does_not_know_is_refused_and_its_neighbour_is_heard():
    session = ready()
    session.want("NO-USD")
    run_until(session, NS_PER_S)
    told = b'{"type":"error","message":"Invalid subscription id for channel: (v4_orderbook-NO-USD)"}'
    (refused,) = session.on_frame(told, NS_PER_S)
    assert refused.symbol == "NO-USD"
    assert refused.state == "refused"
    assert session.subscriptions.asked["BTC-USD", "v4_trades"].state == "asked"


def test_a_frame_that_cannot_be_read_goes_to_its_own_market_and_else_to_all():
    session = ready()
    torn = b'{"type":"channel_data","id":"BTC-USD","contents'
    assert session.on_frame(torn, 0) == [Deliver("BTC-USD", torn)]
    assert session.on_frame(b"\xff\xfe", 0) == [Deliver("", b"\xff\xfe")]


def test_a_connection_that_must_say_something_and_does_not_is_given_up():
    session = Session(venue_of("coinbase"), Random(1))
    session.want("BTC-USD")
    session.on_time(0)
    session.on_opened(0)
    assert Close("silent for 10 s") in run_until(session, 10 * NS_PER_S)


def test_every_state_can_be_reached_and_only_a_markets_refusal_is_final():
    for table, start, final in (
        (CONNECTION, "resting", set()),
        (SUBSCRIPTION, "wanted", {"refused"}),
        (IMAGE, "idle", {"refused"}),
    ):
        states = {state for state, _ in table} | set(table.values())
        reached = {start}
        for _ in states:
            reached |= {after for (state, _), after in table.items() if state in reached}
        assert reached == states
        assert states - {state for state, _ in table} == final


def test_a_market_that_comes_or_goes_moves_nobody_else():
    pool = Pool(DYDX, Random(1))
    names = [f"M{number}-USD" for number in range(70)]
    for name in names:
        pool.want(name)
    before = {name: slot for slot, one in enumerate(pool.sessions) for name in one.symbols}
    assert [len(one.symbols) for one in pool.sessions] == [32, 32, 6]
    pool.drop("M3-USD")
    pool.want("NEW-USD")
    after = {name: slot for slot, one in enumerate(pool.sessions) for name in one.symbols}
    assert after.pop("NEW-USD") == 0
    del before["M3-USD"]
    assert after == before


def test_what_a_whole_connection_is_told_is_told_to_each_of_its_markets():
    pool = Pool(DYDX, Random(1))
    pool.want("A-USD")
    pool.want("B-USD")
    (step,) = pool.on_time(0)
    assert step == Step(0, 1, Open())
    told = pool.steps(0, pool.sessions[0].on_failed("gone", 0))
    assert [one.action for one in told] == [Tell("A-USD", "lost", "gone"), Tell("B-USD", "lost", "gone")]
