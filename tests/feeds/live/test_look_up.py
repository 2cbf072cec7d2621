"""Markets that fell silent, held against what their venue lists."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from signalnode.feeds.live.connection import Connections, Urls
from signalnode.feeds.live.listings import asked
from signalnode.feeds.live.listings.asked import Listed, halts_of
from signalnode.feeds.live.listings.base import instrument
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.relief import Crew, Relief
from signalnode.feeds.live.rest import StatusError
from signalnode.feeds.live.sessions import venue_of


def listed(symbol: str, state: str, *, is_open: bool) -> Listed:
    each = instrument("A-USD", symbol, tick_size="1", size_step="1", state=state, is_open=is_open)
    return Listed(each, None)


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        listed("linear:BTCUSDT", "trading", is_open=True),
        listed("ETHUSDT", "break", is_open=False),
        listed("SOLUSDT", "", is_open=False),
    ]
    monkeypatch.setattr(asked, "ask", lambda _venue, _rest_url: found)


@pytest.mark.usefixtures("listing")
def test_a_market_is_halted_by_its_venues_word_and_another_spelling_says_nothing() -> None:
    symbols = ["linear:BTCUSDT", "ETHUSDT", "SOLUSDT", "btcusdt", "GONEUSDT"]
    halts = {"linear:BTCUSDT": "", "ETHUSDT": "break", "SOLUSDT": "not open", "GONEUSDT": "not listed"}
    assert halts_of("bybit", "", symbols) == halts


class Outlet:
    """Engines that want two markets, and doubt them again and again."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def requests(self) -> Iterator[tuple[str, str]]:
        for what in ("want", "doubt"):
            yield from ((what, "ETHUSDT"), (what, "GONEUSDT"))

    def tell(self, *_: object) -> None: ...

    def tell_halt(self, symbol: str, halt: str) -> None:
        self.told.append((symbol, halt))


class Budget:
    """`wait_ns`: for how long nothing may be asked for."""

    def __init__(self, wait_ns: int = 0) -> None:
        self.wait_ns = wait_ns
        self.weights: list[float] = []
        self.banned_s: list[float] = []

    def request(self, weight: float, _now_ns: int) -> int:
        self.weights.append(weight)
        return self.wait_ns

    def ban(self, wait_s: float, _now_ns: int) -> None:
        self.banned_s.append(wait_s)


def run(budget: Budget) -> list[tuple[str, str]]:
    """What was told after the same doubts came twice, of a venue whose frames tell states."""
    outlet = Outlet()

    async def work() -> None:
        pool = Pool(venue_of("okx"), Random(1))
        relief = Relief(pool, Crew(*[lambda: None] * 4), None)
        made: Any = Connections(pool, Urls("", ""), outlet, budget, relief)  # type: ignore[arg-type]
        made._on_requests()
        made._on_requests()
        await asyncio.gather(*made._tasks)

    asyncio.run(work())
    return outlet.told


@pytest.mark.usefixtures("listing")
def test_all_that_is_doubted_is_looked_up_once_in_a_while_within_the_venues_limits() -> None:
    budget = Budget()
    assert sorted(run(budget)) == [("ETHUSDT", "break"), ("GONEUSDT", "not listed")]
    assert budget.weights == [venue_of("okx").limits.requests_max / 2]


@pytest.mark.usefixtures("listing")
def test_nothing_is_told_where_nothing_may_be_asked_or_nothing_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(Budget(wait_ns=1)) == []

    def refuse(_venue: str, _rest_url: str) -> list[Listed]:
        raise StatusError("HTTP 429", 429, "40")

    monkeypatch.setattr(asked, "ask", refuse)
    budget = Budget()
    assert run(budget) == []
    assert budget.banned_s == [40.0]
