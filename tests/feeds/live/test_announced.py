"""What venues announce of all their markets: when it is asked for, and what each market is told."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import Any

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live import connection
from signalnode.feeds.live.actions import NEVER_NS
from signalnode.feeds.live.announced import NOTHING, Announced, Said, in_words
from signalnode.feeds.live.away import Away
from signalnode.feeds.live.connection import Connections, Urls
from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.base import UNREADABLE, Announcing, Notice, Page, ns_of_ms
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.relief import Crew, Relief
from signalnode.feeds.live.rest import StatusError
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.venues.base import trade_row
from signalnode.settings import LIVE_VENUES
from tests.effort import widely
from tests.venues.venue import Maintenance
from tests.venues.virtual import OFFSET_NS, Virtual

MINUTE_NS = 60 * NS_PER_S
NOON_NS = 1_795_003_200 * NS_PER_S  # 2026-11-18 12:00 UTC
ANNOUNCING = Announcing(Page("/status"), lambda _body: [])
COMING = Notice("maintenance", NOON_NS, NOON_NS + 90 * MINUTE_NS, is_under_way=False, title="Upgrade")
UNDER_WAY = COMING._replace(is_under_way=True)
ANNOUNCERS = [name for name in LIVE_VENUES if listing_of(name).announcing is not None]


def announced(*notices: Notice) -> Announced:
    made = Announced(ANNOUNCING)
    assert made.want("A", 0) == NOTHING
    assert made.on_read(notices, NOON_NS) == list(notices)
    return made


def test_it_is_asked_for_at_the_first_market_and_each_minute_as_long_as_there_is_one() -> None:
    made = Announced(ANNOUNCING)
    assert made.next(NEVER_NS - 1) is None
    made.want("A", 0)
    times_s = [second for second in range(200) if made.next(second * NS_PER_S) is not None]
    assert times_s == [1, 61, 121, 181]
    made.on_unread(7 * NS_PER_S, 181 * NS_PER_S)
    assert made.next(187 * NS_PER_S) is None
    assert made.next(188 * NS_PER_S) is ANNOUNCING
    made.drop("A")
    assert made.next(NEVER_NS - 1) is None


def test_a_venue_that_announces_nothing_by_rest_is_never_asked() -> None:
    made = Announced(None)
    assert made.want("A", 0) == NOTHING
    assert made.next(NEVER_NS - 1) is None
    assert not list(made.news(NOON_NS))


def test_what_is_to_come_is_said_when_its_time_has_come_and_when_it_is_over() -> None:
    made = announced(COMING)
    said = [(minute, *each) for minute in range(-5, 95) for each in made.news(NOON_NS + minute * MINUTE_NS)]
    assert said == [(0, "A", Said(False, "maintenance until 13:30 UTC")), (90, "A", NOTHING)]


def test_what_is_under_way_halts_until_the_venue_says_otherwise() -> None:
    made = announced(UNDER_WAY)
    assert dict(made.news(NOON_NS)) == {"A": Said(True, "maintenance until 13:30 UTC")}
    assert not dict(made.news(NOON_NS + MINUTE_NS))
    assert made.want("A", 0) == Said(True, "maintenance until 13:30 UTC")
    assert dict(made.news(NOON_NS + 90 * MINUTE_NS)) == {"A": Said(True, "maintenance")}
    assert made.on_read([UNDER_WAY], NOON_NS) == []
    assert made.on_read([], NOON_NS) == []
    assert dict(made.news(NOON_NS + 91 * MINUTE_NS)) == {"A": NOTHING}


def test_of_a_venue_that_tells_only_of_what_is_to_come_what_has_begun_goes_on_until_its_end() -> None:
    made = Announced(ANNOUNCING._replace(tells_begun=False))
    made.want("A", 0)
    cancelled = COMING._replace(begin_ns=NOON_NS + 30 * MINUTE_NS)
    assert made.on_read([COMING, cancelled], NOON_NS - MINUTE_NS) == [COMING, cancelled]
    assert not made.on_read([], NOON_NS)
    said = [(minute, *each) for minute in range(95) for each in made.news(NOON_NS + minute * MINUTE_NS)]
    assert said == [(0, "A", Said(False, "maintenance until 13:30 UTC")), (90, "A", NOTHING)]


def test_what_stops_trading_is_told_before_what_only_may_cost_a_connection() -> None:
    streams = UNDER_WAY._replace(halts=False, end_ns=NOON_NS + 26 * 60 * MINUTE_NS)
    others = UNDER_WAY._replace(covers=lambda symbol: symbol == "B")
    made = announced(others, streams)
    assert dict(made.news(NOON_NS)) == {"A": Said(False, "maintenance until 2026-11-19 14:00 UTC")}
    made.want("B", 0)
    assert dict(made.news(NOON_NS)) == {"B": Said(True, "maintenance until 13:30 UTC")}


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        (COMING, "maintenance from 2026-11-18 12:00 to 13:30 UTC (Upgrade)"),
        (
            COMING._replace(end_ns=NOON_NS + 13 * 60 * MINUTE_NS, title=""),
            "maintenance from 2026-11-18 12:00 to 2026-11-19 01:00 UTC",
        ),
        (Notice("locked"), "locked"),
    ],
)
def test_it_is_put_in_one_line(notice: Notice, words: str) -> None:
    assert in_words(notice) == words


def test_a_loss_and_a_halt_have_it_as_their_reason_and_a_trade_is_proof_against_it() -> None:
    away, until = Away(), "maintenance until 13:30 UTC"
    away.hear("heard", "")
    away.hear("announced", until)
    assert not away.reason("")
    assert away.reason("suspend") == f"halted by the venue: suspend; venue {until}"
    away.hear("lost", "closed: 1012")
    assert away.reason("") == f"lost: closed: 1012; venue {until}"
    away.hear("heard", "")
    away.hear("maintained", until)
    assert away.is_halted
    assert away.reason("") == f"halted by the venue: {until}"
    assert away.reason(until) == f"halted by the venue: {until}"
    away.hear_rows([trade_row(0, 0, 1, 1.0, 1.0)])
    assert not away.reason("")
    away.hear("lost", "HTTP 503")
    assert away.reason("") == f"lost: HTTP 503; venue {until}"
    away.hear("announced", "")
    assert away.reason("") == "lost: HTTP 503"


def test_four_venues_announce_by_rest() -> None:
    assert set(ANNOUNCERS) == {"bybit", "okx", "deribit", "kraken"}


@pytest.mark.parametrize("venue", widely(["kraken", "okx", "bybit"], 1))
def test_a_market_that_is_lost_says_until_when_as_its_venue_announced_by_rest(venue: str) -> None:
    world = Virtual(venue, count=2)
    world.until_sound()
    end_ns = OFFSET_NS + 30 * MINUTE_NS
    world.venue.script.maintenance = Maintenance(OFFSET_NS + 2 * MINUTE_NS, end_ns, False)
    world.run(65.0, NS_PER_S)
    assert world.is_sound()
    world.run(60.0, NS_PER_S)
    world.venue.script.status = world.venue.script.rest_status = 503
    world.venue.close_all(1012)
    world.run(20.0, NS_PER_S)
    assert world.feed.outage.startswith("lost: HTTP 503; venue maintenance until ")
    world.venue.script.status = world.venue.script.rest_status = 0
    world.venue.script.maintenance = None
    world.run(65.0, NS_PER_S)
    world.until_sound()
    assert not world.feed.outage


@pytest.mark.parametrize("venue", ["bybit", "okx"])
def test_maintenance_of_trading_halts_a_market_and_no_other_that_trades(venue: str) -> None:
    world = Virtual(venue, count=2)
    world.until_sound()
    still, other = world.venue.listings.values(), list(world.listeners)[1]
    next(iter(still)).trades.clear()
    next(iter(still)).market.step = lambda: next(iter(still)).step._replace(bids={}, asks={}, trades=())  # type: ignore[method-assign]
    world.venue.script.maintenance = Maintenance(OFFSET_NS, OFFSET_NS + 30 * MINUTE_NS, True)
    world.run(62.0, NS_PER_S)
    assert world.feed.outage.startswith("halted by the venue: maintenance until ")
    world.until(lambda: not world.listeners[other].feed.outage, "a trade of the other", seconds=5.0)
    assert world.feed.outage.startswith("halted by the venue: maintenance until ")


def test_an_index_that_was_locked_before_anybody_was_connected_is_told() -> None:
    world = Virtual("deribit", count=2)
    world.venue.listings[world.symbol].halted = True
    world.run(5.0)
    assert world.feed.outage == "halted by the venue: locked"
    assert not world.listeners[list(world.listeners)[1]].feed.outage
    world.venue.listings[world.symbol].halted = False
    world.until_sound()


@pytest.mark.parametrize("venue", ANNOUNCERS)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"data":[{}]}', b'{"result":{}}'])
def test_what_is_no_announcement_is_none(venue: str, body: bytes) -> None:
    announcing = listing_of(venue).announcing
    assert announcing is not None
    with contextlib.suppress(UNREADABLE):
        assert not announcing.read(body)
    for text in ("x", "-5", "9" * 30):
        with pytest.raises(ValueError, match=r"no time|invalid literal"):
            ns_of_ms(text)


def test_numbers_and_words_of_each_venue_are_read_as_they_are_documented() -> None:
    def read(venue: str, body: bytes) -> list[Notice]:
        announcing = listing_of(venue).announcing
        assert announcing is not None
        return announcing.read(body)

    okx = b'{"data":[{"begin":"1764666600000","end":"","env":"%s","serviceType":"%s","state":"%s"}]}'
    assert [each.halts for each in read("okx", okx % (b"1", b"5", b"pre_open"))] == [True]
    assert [each.halts for each in read("okx", okx % (b"1", b"0", b"ongoing"))] == [False]
    for fields in ((b"1", b"11", b"ongoing"), (b"1", b"5", b"completed"), (b"2", b"5", b"ongoing")):
        assert not read("okx", okx % fields)
    bybit = b'{"result":{"list":[{"state":"ongoing","begin":"1","end":"2","serviceTypes":%s,"product":[2]}]}}'
    (notice,) = read("bybit", bybit % b"[1,4]")
    assert [notice.covers(each) for each in ("spot:BTCUSDT", "linear:BTCUSDT")] == [True, False]
    assert [each.halts for each in read("bybit", bybit % b"[5]")] == [False]
    assert not read("bybit", bybit % b"[2]")
    kraken = (
        b'{"error":[],"result":{"events":[{"event_id":34,"title":"REST API upgrade","phase":"announced",'
        b'"expected_start_utc":"2026-11-18T12:00:00Z","expected_end_utc":"2026-11-18T13:30:00Z",'
        b'"affected_services":["spot_rest","%s"]}]}}'
    )
    assert read("kraken", kraken % b"spot_ws") == [COMING._replace(title="REST API upgrade")]
    assert not read("kraken", kraken % b"futures_ws")
    assert not read("kraken", b'{"error":["EGeneral:Unknown method"]}')
    with pytest.raises(ValueError, match="Unavailable"):
        read("kraken", b'{"error":["EService:Unavailable"]}')
    deribit = b'{"result":{"locked":%s}}'
    assert [each.what for each in read("deribit", deribit % b'"true"')] == ["locked"]
    assert not read("deribit", deribit % b'"false"')
    (notice,) = read("deribit", deribit % b'true,"locked_currencies":["BTC"]')
    assert [notice.covers(each) for each in ("BTC-PERPETUAL", "ETH-PERPETUAL")] == [True, False]
    (notice,) = read("deribit", deribit % b'"partial","locked_indices":["sol_usdc"]')
    assert [notice.covers(each) for each in ("SOL_USDC-PERPETUAL", "SOL-PERPETUAL")] == [True, False]


class Outlet:
    """An engine that wants a market."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool, str]] = []
        self.noted: list[str] = []

    def requests(self) -> list[tuple[str, str]]:
        return [("want", "BTC-USDT")]

    def tell(self, *_: object) -> None: ...

    def tell_announced(self, symbol: str, *, halts: bool, text: str) -> None:
        self.told.append((symbol, halts, text))

    def note_announced(self, words: str) -> None:
        self.noted.append(words)


class Budget:
    """`wait_ns`: for how long nothing may be asked for."""

    def __init__(self, wait_ns: int = 0) -> None:
        self.wait_ns, self.banned_s = wait_ns, list[float]()

    def request(self, _weight: float, _now_ns: int) -> int:
        return self.wait_ns

    def ban(self, wait_s: float, _now_ns: int) -> None:
        self.banned_s.append(wait_s)


def run(budget: Budget, monkeypatch: pytest.MonkeyPatch, read: Any) -> Outlet:
    """What a gateway does a minute after it began to want a market."""
    outlet, now_ns = Outlet(), [NS_PER_S]
    monkeypatch.setattr(connection, "announced_on", read)
    monkeypatch.setattr(connection, "monotonic_ns", lambda: now_ns[0])
    monkeypatch.setattr(connection, "wall_ns", lambda: NOON_NS)

    async def work() -> None:
        pool = Pool(venue_of("okx"), Random(1))
        relief = Relief(pool, Crew(*[lambda: None] * 4), None)
        made: Any = Connections(pool, Urls("", ""), outlet, budget, relief)  # type: ignore[arg-type]
        made._on_requests()
        now_ns[0] += 2 * NS_PER_S
        made._on_requests()
        await asyncio.gather(*made._tasks)
        made._on_requests()

    asyncio.run(work())
    return outlet


def test_a_gateway_reads_it_and_tells_its_markets_and_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = run(Budget(), monkeypatch, lambda _venue, _rest_url: [UNDER_WAY])
    assert outlet.told == [("BTC-USDT", True, "maintenance until 13:30 UTC")]
    assert outlet.noted == [in_words(UNDER_WAY)]


def test_what_may_not_be_asked_or_is_not_answered_is_told_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_venue: str, _rest_url: str) -> list[Notice]:
        raise StatusError("HTTP 429", 429, "40")

    assert not run(Budget(wait_ns=1), monkeypatch, refuse).told
    budget = Budget()
    assert not run(budget, monkeypatch, refuse).told
    assert budget.banned_s == [40.0]
