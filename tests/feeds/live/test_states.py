"""What is asked of a venue's listing to know whether its markets trade, and what is told of the answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import NEVER_NS
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.base import Found, Instrument, Listing, Page, Reading, instrument
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.sessions.base import Limits
from signalnode.feeds.live.states import Asked, States
from signalnode.settings import LIVE_VENUES
from tests.venues.protocol import protocol_of
from tests.venues.venue import Venue

LIMITS = Limits(
    markets_max=1,
    connects_max=1,
    connects_period_s=1.0,
    sends_per_s=1.0,
    requests_max=120.0,
    requests_period_s=60.0,
)
OTHERS = (Instrument("", "Z", "", "", "", True, ""),)


def states(reading: Reading | None) -> States:
    return States(Listing("", (), lambda _page, _body: Found(), reading), LIMITS)


def page_of(symbols: Sequence[str]) -> Page:
    return Page("/" + ",".join(symbols))


NAMED = Reading(page_of, symbols_max=2, is_named=True, every_s=60.0)
WHOLE = Reading(page_of, every_s=60.0)


def listed(symbol: str, state: str = "", identity: str = "") -> Instrument:
    return instrument(
        "A-USD", symbol, tick_size="", size_step="", state=state, is_open=not state, identity=identity
    )


def asked_at(made: States, second: float) -> Asked | None:
    return made.next(int(second * NS_PER_S))


def told(made: States, second: float, *instruments: Instrument) -> dict[str, str]:
    assert asked_at(made, second) is not None
    return dict(made.on_read(instruments, int(second * NS_PER_S)))


def wanting(reading: Reading | None, *symbols: str) -> States:
    made = states(reading)
    for symbol in symbols:
        assert not made.want(symbol, 0)
    return made


def test_a_state_is_told_when_it_changes_and_to_an_engine_that_starts_again() -> None:
    made = wanting(WHOLE, "A", "B")
    assert told(made, 2, listed("A"), listed("B")) == {}
    assert told(made, 62, listed("A", "break"), listed("B")) == {"A": "break"}
    assert told(made, 122, listed("A", "break"), listed("B")) == {}
    assert (made.want("A", 0), made.want("B", 0)) == ("break", "")
    assert told(made, 182, listed("A"), listed("B")) == {"A": ""}


def test_one_that_goes_is_not_taken_for_its_like_of_another_category() -> None:
    made = wanting(WHOLE, "spot:A")
    assert told(made, 2, listed("spot:A"), listed("linear:A")) == {}
    assert told(made, 62, listed("linear:A")) == {"spot:A": "not listed"}


def test_what_was_listed_and_is_not_any_more_is_delisted_and_what_never_was_may_be_called_otherwise() -> None:
    made = wanting(WHOLE, "A", "B")
    assert told(made, 2, listed("A"), *OTHERS) == {}
    assert told(made, 62, *OTHERS) == {"A": "not listed"}
    made.doubt("B", 0)
    assert told(made, 122, *OTHERS) == {"B": "not listed"}
    made.want("linear:C", 0)
    made.doubt("linear:C", 0)
    assert told(made, 182, listed("C"), *OTHERS) == {}


def test_what_goes_on_under_another_name_was_renamed() -> None:
    made = wanting(WHOLE, "OLD")
    assert told(made, 2, listed("OLD", identity="7")) == {}
    assert told(made, 62, listed("NEW", identity="7")) == {"OLD": "renamed to NEW"}


def test_an_answer_without_any_market_delists_none() -> None:
    made = wanting(WHOLE, "A")
    assert told(made, 2, listed("A")) == {}
    assert told(made, 62) == {}
    made = wanting(NAMED, "A")
    assert told(made, 2, listed("A")) == {}
    assert told(made, 62) == {"A": "not listed"}


def test_markets_are_asked_about_together_and_each_alone_where_one_of_them_is_not_known() -> None:
    made = wanting(NAMED, "A", "B", "C")
    asked = asked_at(made, 2)
    assert asked is not None
    assert asked.page == Page("/A,B")
    assert list(made.on_read(None, 2 * NS_PER_S)) == []
    found = {}
    for second in (4, 6, 8):
        asked = asked_at(made, second)
        assert asked is not None
        found[second] = asked.symbols
        known = [listed(symbol) for symbol in asked.symbols if symbol != "A"]
        list(made.on_read(known or None, second * NS_PER_S))
    assert sorted(found.values()) == [("A",), ("B",), ("C",)]
    asked = asked_at(made, 68)
    assert asked is not None
    assert "A" not in asked.symbols or asked.symbols == ("A",)


def test_no_more_than_a_quarter_of_a_venues_limits_is_spent_and_one_thing_is_asked_at_once() -> None:
    made = wanting(Reading(page_of, symbols_max=1, is_named=True, weight=3.0), "A", "B")
    assert asked_at(made, 1.9) is None
    assert asked_at(made, 2) is not None
    assert asked_at(made, 60) is None
    list(made.on_read([], 60 * NS_PER_S))
    assert asked_at(made, 65.9) is None  # 30 of weight a minute, of 120
    assert asked_at(made, 66) is not None


def test_what_may_not_be_asked_or_is_not_answered_is_asked_again_later() -> None:
    made = wanting(WHOLE, "A")
    for second, wait_ns, again in ((2, 5 * NS_PER_S, 7), (7, 0, 67)):
        assert asked_at(made, second) is not None
        made.on_unread(wait_ns, second * NS_PER_S)
        assert asked_at(made, again - 0.1) is None
    assert asked_at(made, 67) is not None


def test_where_frames_tell_states_the_listing_is_read_for_what_is_doubted_once_in_five_minutes() -> None:
    made = wanting(None, "A", "B")
    assert asked_at(made, 10_000) is None
    for symbol in ("A", "B", "unwanted"):
        made.doubt(symbol, 0)
    asked = asked_at(made, 0)
    assert asked == (("A", "B"), None, LIMITS.requests_max / 2, True)
    assert dict(made.on_read([listed("A"), listed("B", "gone")], 0)) == {"A": "", "B": "gone"}
    made.doubt("A", NS_PER_S)
    assert asked_at(made, 299) is None
    assert asked_at(made, 300) is not None


def test_a_market_that_comes_to_an_open_connection_is_looked_up_where_frames_have_told_already() -> None:
    made = wanting(None, "A", "B")
    assert asked_at(made, 10.0) is None
    made.join("B", 10 * NS_PER_S)
    assert asked_at(made, 10.0) == Asked(("B",), None, made._weight, is_of_all=True)
    assert dict(made.on_read((listed("A"), listed("B", "paused")), 11 * NS_PER_S)) == {"B": "paused"}


def test_nobody_asks_about_what_nobody_wants_or_what_nothing_tells_of() -> None:
    made = wanting(Reading(page_of, group=lambda _symbol: None), "A")
    assert asked_at(made, NEVER_NS // NS_PER_S // 2) is None
    made = wanting(WHOLE, "A")
    made.drop("A")
    assert asked_at(made, 1_000) is None
    assert made.want("A", 0) == ""


@pytest.mark.parametrize("name", [each for each in LIVE_VENUES if listing_of(each).states is not None])
def test_a_venue_tells_of_a_market_what_its_listing_says_and_of_one_it_does_not_know_nothing(
    name: str,
) -> None:
    venue, listing = Venue(protocol_of(name)), listing_of(name)
    assert listing.states is not None
    symbol = next(iter(venue.listings))
    for is_halted in (False, True):
        venue.listings[symbol].halted = is_halted
        page = listing.states.page([symbol])
        answer = venue.answer(venue.protocol.rest_path + page.url_path, 0.0, page.body)
        found = {each.symbol: each for each in listing.read(page, answer.body).instruments}
        assert answer.status == 200
        assert found[symbol].is_open is not is_halted
    page = listing.states.page([venue_of(name).symbol("NO-USDT")])
    answer = venue.answer(venue.protocol.rest_path + page.url_path, 0.0, page.body)
    if answer.status == 200:
        assert (not listing.read(page, answer.body).instruments) is listing.states.is_named
    else:
        assert answer.status == 400
