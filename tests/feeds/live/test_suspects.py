"""A venue that closes the connection that asks for a market it does not know, and says no word of which."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from random import Random

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import BACKOFF_S_MAX, Open, Send, Tell
from signalnode.feeds.live.session import STEADY_S_MIN
from signalnode.feeds.live.sessions.base import SOMEBODY
from signalnode.feeds.live.suspects import GUILTY, STRIKES_MAX
from tests.feeds.live.made_up import BOOK, LIMITS, MadeUp, Timed, said
from tests.venues.virtual import Virtual

WAY_NS = NS_PER_S // 4  # longer than from one request to the next
VENUE = MadeUp(closes_on_unknown=True, limits=replace(LIMITS, asks_max=1, markets_max=9, silence_s_max=1e6))


class Played:
    """A session at a venue that closes on `unknown`; `told` is what became of each market."""

    def __init__(self, symbols: str, unknown: str) -> None:
        self.session, self.unknown = Timed(VENUE, Random(1)), set(unknown)
        self.told: dict[str, tuple[str, str]] = {}
        self.closes = 0
        self.sent: deque[tuple[int, bytes]] = deque()  # on the way to the venue, and when it is there
        for symbol in symbols:
            self.session.want(symbol)

    def run(self, seconds: float) -> None:
        session, until_ns = self.session, self.session.now_ns + int(seconds * NS_PER_S)
        while (due_ns := self._due_ns()) <= until_ns:
            session.now_ns = due_ns
            while self.sent and self.sent[0][0] <= due_ns:
                self._answer(self.sent.popleft()[1])
            for action in session.on_time(due_ns):
                if isinstance(action, Open):
                    session.on_opened(due_ns)
                elif isinstance(action, Send):
                    self.sent.append((due_ns + WAY_NS, action.frame))
        session.now_ns = until_ns

    def _due_ns(self) -> int:
        due_ns = max(self.session.now_ns, self.session.due_ns())
        return min(due_ns, self.sent[0][0]) if self.sent else due_ns

    def _answer(self, frame: bytes) -> None:
        method, symbols, _, number = json.loads(frame)
        if method == "subscribe" and not self.unknown.isdisjoint(symbols):
            self.close()
        else:
            done = self.session.on_frame(said(f"{method}d", number=number), self.session.now_ns)
            self.told |= {each.symbol: each[1:] for each in done if isinstance(each, Tell)}

    def close(self) -> None:
        self.closes += 1
        self.sent.clear()
        for each in self.session.on_closed("gone", self.session.now_ns):
            assert isinstance(each, Tell)
            lost = {symbol for symbol in self.session.symbols if not self.session.refused(symbol)}
            self.told |= dict.fromkeys({each.symbol} if each.symbol else lost, each[1:])


def test_each_market_that_is_to_blame_is_found_out_and_no_other() -> None:
    played = Played("ABXCYD", unknown="XY")
    played.run(120.0)
    assert {symbol for symbol, (state, _) in played.told.items() if state == "heard"} == set("ABCD")
    assert played.told["X"] == played.told["Y"] == ("refused", GUILTY)
    closes = played.closes
    assert closes <= 3 + 2 * STRIKES_MAX
    played.run(3_600.0)
    assert played.closes == closes
    played.close()
    played.run(60.0)
    assert played.closes == closes + 1
    assert played.session.refused("X") == GUILTY


def test_a_venue_that_closes_whatever_it_is_asked_has_no_market_refused() -> None:
    played = Played("AB", unknown="AB")
    played.run(1_200.0)
    assert played.closes > 20
    assert played.told["A"] == played.told["B"] == ("lost", "gone")
    played.unknown.clear()
    played.run(2 * BACKOFF_S_MAX)
    assert played.told["A"] == played.told["B"] == ("heard", "")


def test_a_market_that_was_agreed_to_is_asked_for_with_the_others_until_it_had_no_answer_twice() -> None:
    played = Played("AB", unknown="")
    played.run(10.0)
    played.close()
    played.run(2.0)
    assert not any(each.is_suspect for each in played.session.subscriptions.asked.values())
    played.run(10.0)
    played.unknown.add("A")
    played.close()
    played.run(60.0)
    assert played.told == {"A": ("refused", GUILTY), "B": ("heard", "")}


def test_a_coin_that_was_renamed_costs_its_neighbours_a_minute_or_two() -> None:
    world = Virtual("hyperliquid", count=2)
    world.until_sound()
    other = list(world.listeners)[1]
    del world.venue.listings[world.symbol]
    world.venue.close_all(1012)
    world.until(
        lambda: world.feed.outage == f"refused: {GUILTY}", "the blame", seconds=150.0, tick_ns=NS_PER_S // 2
    )
    world.until(lambda: world.listeners[other].is_sound, "the other one")
    broken = len(world.venue.broken_rules)
    world.run(300.0, NS_PER_S)
    assert len(world.venue.broken_rules) == broken


def test_a_connection_that_takes_its_place_does_not_ask_for_it_again() -> None:
    world = Virtual("hyperliquid", count=2)
    world.until_sound()
    world.want("NONE")
    world.until(lambda: world.told.get("NONE") == f"refused {GUILTY}", "the blame")
    world.until_sound()
    broken, number = len(world.venue.broken_rules), world.feed.connection
    world.replace_connections()
    world.until(lambda: world.feed.connection > number, "a handover")
    world.run(5.0)
    assert world.is_sound()
    assert len(world.venue.broken_rules) == broken


def test_a_connection_that_stood_as_long_as_the_wait_before_it_starts_over() -> None:
    session = Timed(VENUE, Random(1))
    session.want("A")
    for _ in range(5):
        session.run_until(session.now_ns / NS_PER_S + 2 * BACKOFF_S_MAX)
        session.on_failed("refused", session.now_ns)
    for stood_s, wait_s_max in ((STEADY_S_MIN, 2 * BACKOFF_S_MAX), (BACKOFF_S_MAX, 1.0)):
        session.run_until(session.now_ns / NS_PER_S + 2 * BACKOFF_S_MAX)
        session.on_opened(session.now_ns)
        session.now_ns += int(stood_s * NS_PER_S)
        session.on_closed("gone", session.now_ns)
        assert session.due_ns() - session.now_ns <= wait_s_max * NS_PER_S
    assert session._failures == 1


def _refusing(symbols: str) -> Timed:
    session = Timed(MadeUp(channels=(BOOK,), limits=VENUE.limits), Random(1))
    for symbol in symbols:
        session.want(symbol)
    session.on_time(0)
    session.on_opened(0)
    return session


def _asked(session: Timed, until_s: float) -> str:
    done = session.run_until(until_s)
    return "".join(json.loads(each.frame)[1][0] for each in done if isinstance(each, Send))


def _told(session: Timed, at_s: float, what: str, number: int) -> list[tuple[str, str]]:
    done = session.on_frame(said(what, number=number, detail="no such pair"), int(at_s * NS_PER_S))
    return [(each.symbol, each.state) for each in done if isinstance(each, Tell)]


def test_a_refusal_without_a_name_is_theirs_who_have_no_other_answer_and_told_when_it_comes_again() -> None:
    session = _refusing("AXBY")
    assert _asked(session, 1.0) == "AXBY"
    for what, number in (("refused", SOMEBODY), ("subscribed", 1), ("refused", SOMEBODY)):
        assert _told(session, 1.0, what, number) == ([("A", "heard")] if number > 0 else [])
    assert _told(session, 1.0, "subscribed", 3) == [("B", "heard")]
    assert sorted(_asked(session, 10.0)) == ["X", "Y"]
    assert _told(session, 10.0, "refused", SOMEBODY) == []
    assert _told(session, 10.0, "refused", SOMEBODY) == [("X", "refused"), ("Y", "refused")]
    assert not {"X", "Y"} & {*_asked(session, 600.0)}


def test_a_refusal_that_is_nobodys_is_forgotten() -> None:
    session = _refusing("A")
    assert _asked(session, 1.0) == "A"
    assert _told(session, 1.0, "subscribed", 1) == [("A", "heard")]
    assert _told(session, 1.0, "refused", SOMEBODY) == []
    session.want("B")
    assert _asked(session, 2.0) == "B"
    assert _told(session, 2.0, "subscribed", 2) == [("B", "heard")]


def test_gemini_says_of_a_market_that_there_is_not_within_seconds() -> None:
    world = Virtual("gemini", count=2)
    world.until_sound()
    world.want("NOUSD")
    world.until(
        lambda: world.told.get("NOUSD", "").startswith("refused NoValid"), "the refusal", seconds=10.0
    )
    assert world.is_sound()
