"""A gateway whose exchange ccxt speaks to: what ccxt.pro says becomes frames, which one decoder reads.

Nothing else imports ccxt (74 MB, two seconds and 60 MB of memory): this file is loaded by such a gateway and
by commands that name such a venue. Each market has a task for its book and one for its trades. A book is
passed on BOOK_S apart at most, and cut to LEVELS_MAX a side. What fails is tried again after a random share
of a wait that doubles, within the budget of connects; what cannot heal is told once and left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, wall_ns
from signalnode.errors import VenueError
from signalnode.feeds.live.actions import Address, Moved, Tell, jittered_s
from signalnode.feeds.live.budget import Budget
from signalnode.feeds.live.envelope import PASSED_S
from signalnode.feeds.live.listings.base import Instrument, instrument
from signalnode.feeds.live.outlet import Outlet, Urls
from signalnode.feeds.live.pool import Step
from signalnode.feeds.live.relief import Relief, ended
from signalnode.feeds.live.sessions.ccxt import ccxt_fault, market_name
from signalnode.feeds.venues.ccxt import BookFrame, Frame, Trade, TradesFrame
from signalnode.settings.model import ccxt_exchange

try:
    import ccxt
    from ccxt import pro
except ImportError:  # an extra: `made` says what to do
    ccxt = pro = None

BOOK_S = 0.05  # between two images of a market's book, at least
LEVELS_MAX = 500  # a side
TRADES_KEPT = 200  # of a market, by ccxt
SILENT_S_MAX = 60.0  # of a book, after which its connection is made anew
PAST_S = 5.0  # a first list of trades holds old ones; what is older than this at the start is no news
LIST_S_MAX = 60.0  # for all that an exchange lists
REASON_CHARS_MAX = 200
FOR_GOOD: tuple[type[Exception], ...] = ()  # what asking again does not mend
FAULTS: tuple[type[Exception], ...] = (OSError, TimeoutError, ValueError, LookupError, TypeError)
if ccxt is not None:
    FOR_GOOD = (
        ccxt.BadSymbol,
        ccxt.BadRequest,
        ccxt.NotSupported,
        ccxt.AuthenticationError,
        ccxt.RestrictedLocation,
        ccxt.ArgumentsRequired,
    )
    FAULTS = (ccxt.BaseError, *FAULTS)

_encode = msgspec.json.Encoder().encode


def made(venue: str, urls: Urls) -> Any:
    """ccxt's exchange for a venue, at other addresses where there are such. Raises VenueError."""
    fault = ccxt_fault(venue)
    if fault:
        raise VenueError(fault)
    exchange = getattr(pro, ccxt_exchange(venue))(
        {
            "aiohttp_trust_env": True,
            "cafile": None,
            "newUpdates": True,
            "options": {"tradesLimit": TRADES_KEPT},
        }
    )
    exchange.urls["api"] = _rebased(exchange.urls["api"], urls)
    return exchange


def _rebased(url: Any, urls: Urls) -> Any:
    """ccxt's addresses with another host, where one is given."""
    if isinstance(url, dict):
        return {key: _rebased(each, urls) for key, each in url.items()}
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or not parts.netloc:
        return url
    given = urlsplit(urls.ws if parts.scheme in ("ws", "wss") else urls.rest)
    return parts._replace(scheme=given.scheme, netloc=given.netloc).geturl() if given.netloc else url


def reason_of(error: BaseException) -> str:
    """One line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:REASON_CHARS_MAX]


def book_frame(told: Any, market: Any) -> BookFrame:
    """What ccxt holds of a book."""
    bids, asks = ([(level[0], level[1]) for level in told[side][:LEVELS_MAX]] for side in ("bids", "asks"))
    return BookFrame(market["symbol"], bids, asks, told.get("timestamp"), *_contract(market))


def trades_frame(told: Iterable[Any], market: Any, since_ms: int) -> TradesFrame:
    """Trades as ccxt has them, but those that happened before."""
    trades = [
        Trade(each["price"], each["amount"], each.get("side"), each.get("timestamp"), each.get("id"))
        for each in told
        if (each.get("timestamp") or since_ms) >= since_ms
    ]
    return TradesFrame(market["symbol"], trades, *_contract(market))


def _contract(market: Any) -> tuple[float, bool]:
    size = market.get("contractSize") if market.get("contract") else None
    return float(size or 1.0), bool(market.get("inverse"))


def _once(venue: str, urls: Urls, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `work` gives of a new exchange, which is closed then. Raises VenueError."""

    async def run() -> Any:
        exchange = made(venue, urls)
        try:
            return await asyncio.wait_for(work(exchange), LIST_S_MAX)
        finally:
            await exchange.close()

    try:
        return asyncio.run(run())
    except FAULTS as error:
        raise VenueError(f"{venue}: {reason_of(error) or 'no answer in time'}") from None


def listed_by_ccxt(venue: str, rest_url: str) -> list[tuple[Instrument, float | None]]:
    """Every market that the exchange lists, in the order of names. Raises VenueError."""
    markets = _once(venue, Urls("", rest_url), lambda exchange: exchange.load_markets())
    found = [(_instrument(each), None) for each in markets.values()]
    return sorted(found, key=lambda each: (each[0].market, each[0].symbol))


def _instrument(market: Any) -> Instrument:
    precision = market.get("precision") or {}
    is_open = market.get("active") is not False
    tick_size, size_step = (str(precision.get(key) or "") for key in ("price", "amount"))
    return instrument(
        market_name(market["symbol"]) or market["symbol"],
        market["symbol"],
        tick_size=tick_size,
        size_step=size_step,
        state="" if is_open else "inactive",
        is_open=is_open,
    )


def look_by_ccxt(venue: str, urls: Urls, symbol: str, tell: Callable[[str, str], None]) -> None:
    """Up to a first book, each step told; of the first market listed where none is named.

    Raises VenueError.
    """

    async def look(exchange: Any) -> None:
        markets = await exchange.load_markets()
        tell("markets", f"{len(markets):,} are listed, by ccxt {ccxt.__version__}")
        name = symbol or next((each for each in markets if markets[each].get("active") is not False), "")
        book = book_frame(await exchange.watch_order_book(name), exchange.market(name))
        if book.bids and book.asks:
            tell("first book", f"{name} bid {book.bids[0][0]:,g} ask {book.asks[0][0]:,g}")

    _once(venue, urls, look)


class CcxtMarkets:
    """What `relief.Relief` needs to know and to do; see `pool.Pool`. Pure."""

    def __init__(self) -> None:
        self.newest = 0
        self.numbers: dict[str, int] = {}  # of the connection, by symbol; 0 before the first
        self.told: dict[str, Tell] = {}
        self.has_book: set[str] = set()

    @property
    def symbols(self) -> list[str]:
        """Of the markets that are wanted."""
        return list(self.numbers)

    def number_from(self, newest: int) -> None:
        """Give connections higher numbers than this."""
        self.newest = max(self.newest, newest)

    def begin(self, symbol: str) -> int:
        """A market is asked for anew: the number of what brings it."""
        self.newest += 1
        self.numbers[symbol] = self.newest
        self.has_book.discard(symbol)
        return self.newest

    def drop(self, symbol: str) -> None:
        """Nobody wants it any more."""
        self.numbers.pop(symbol, None)
        self.told.pop(symbol, None)
        self.has_book.discard(symbol)

    def stand_by(self) -> list[Step]:
        """Nothing: no connection is ever replaced here."""
        return []

    def go_on(self) -> None:
        """Nothing, too."""

    def is_settled(self, symbol: str) -> bool:
        """Whether its book has come, or never will."""
        told = self.told.get(symbol)
        return symbol in self.has_book or (told is not None and told.state == "refused")

    def take_over(self, symbol: str) -> list[Step]:
        """What to tell a market that was heard by another process until now."""
        number = self.numbers.get(symbol, 0) or self.newest
        told = self.told.get(symbol, Tell(symbol, "lost", "not connected yet"))
        return [Step(0, number, Moved(symbol, True)), Step(0, number, told)]


class CcxtConnections:
    """See the module; to a gateway it is as `connection.Connections`."""

    def __init__(
        self,
        make: Callable[[], Any],
        markets: CcxtMarkets,
        outlet: Outlet,
        budget: Budget,
        relief: Relief,
    ) -> None:
        self._make, self._markets, self._outlet = make, markets, outlet
        self._budget, self._relief, self._random = budget, relief, Random()
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._listing: asyncio.Task[Any] | None = None

    async def run(self, stopped: asyncio.Event) -> None:
        """Until `stopped` is set; then every connection is closed."""
        self._exchange = self._make()  # of this loop
        loop = asyncio.get_running_loop()
        loop.add_reader(self._outlet.fd, self._on_requests)
        try:
            while not stopped.is_set():
                self._pass_time()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), PASSED_S)
        finally:
            loop.remove_reader(self._outlet.fd)
            for symbol in list(self._tasks):
                self._drop(symbol)
            await self._exchange.close()

    def _pass_time(self) -> None:
        asked = self._outlet.relieved_by()
        if asked is not None:
            self._do(self._relief.stand_by(asked[0], ended(asked[1])))
        self._do(self._relief.turn(monotonic_ns()))
        self._on_requests()
        self._outlet.pass_time(None, self._relief)

    def _on_requests(self) -> None:
        if self._relief.state == "asking":
            return
        for what, symbol in self._outlet.requests():
            if what == "want":
                self._want(symbol)
            elif what == "drop":
                self._drop(symbol)
            elif what == "doubt" and symbol in (self._exchange.markets or {}):
                is_open = self._exchange.markets[symbol].get("active") is not False
                self._outlet.tell_halt(symbol, "" if is_open else "inactive")

    def _want(self, symbol: str) -> None:
        self._relief.want(symbol)
        if symbol in self._tasks:
            told = self._markets.told.get(symbol)
            if told is not None:
                self._outlet.tell(symbol, self._markets.numbers[symbol], told)
            return
        self._markets.numbers[symbol] = 0
        self._tell(Tell(symbol, "lost", "not connected yet"))
        loop = asyncio.get_running_loop()
        watches = (self._books, self._trades)
        self._tasks[symbol] = [loop.create_task(self._follow(symbol, each)) for each in watches]

    def _drop(self, symbol: str) -> None:
        for task in self._tasks.pop(symbol, ()):
            task.cancel()
        self._relief.drop(symbol)
        self._markets.drop(symbol)

    def _do(self, steps: Iterable[Step]) -> None:
        for _, number, action in self._relief.passed(steps):
            if isinstance(action, Tell):
                self._outlet.tell(action.symbol, number, action)
            elif isinstance(action, Address):
                self._outlet.address(action.symbol, number, action.url_path)
            elif isinstance(action, Moved):
                self._outlet.moved(action.symbol, number if action.is_done else 0)
            else:
                self._outlet.beside(action.symbol, number)  # type: ignore[union-attr] # the only one left

    def _tell(self, told: Tell) -> None:
        self._markets.told[told.symbol] = told
        self._do([Step(0, self._markets.numbers[told.symbol], told)])

    async def _follow(self, symbol: str, watch: Callable[[str], Awaitable[None]]) -> None:
        """Hear one channel for as long as it is wanted."""
        failures = 0
        while True:
            begun_ns = monotonic_ns()
            try:
                await self._listed()
                if watch == self._books:
                    number = self._markets.begin(symbol)
                    self._do([Step(0, number, Address(symbol, self._exchange.id))])
                await watch(symbol)
            except FOR_GOOD as error:
                self._tell(Tell(symbol, "refused", reason_of(error)))
                return
            except FAULTS as error:
                self._markets.has_book.discard(symbol)  # its next image says that all is well again
                self._tell(Tell(symbol, "lost", reason_of(error)))
            failures = 1 if monotonic_ns() - begun_ns > SILENT_S_MAX * NS_PER_S else failures + 1
            await asyncio.sleep(jittered_s(self._random, failures))
            await self._granted()

    async def _granted(self) -> None:
        """Wait until the budget has one more connect."""
        wait_ns = self._budget.connect(monotonic_ns())
        if wait_ns:
            await asyncio.sleep(wait_ns / NS_PER_S)
            await self._granted()

    async def _listed(self) -> None:
        """Once for all: what there is to be heard."""
        if self._exchange.markets:
            return
        if self._listing is None or self._listing.done():
            self._listing = asyncio.get_running_loop().create_task(self._exchange.load_markets())
        await asyncio.wait_for(asyncio.shield(self._listing), LIST_S_MAX)

    async def _books(self, symbol: str) -> None:
        market = self._exchange.market(symbol)
        while True:
            told = await asyncio.wait_for(self._exchange.watch_order_book(symbol), SILENT_S_MAX)
            frame = book_frame(told, market)
            if frame.bids and frame.asks:
                if symbol not in self._markets.has_book:
                    self._markets.has_book.add(symbol)
                    self._tell(Tell(symbol, "heard", ""))
                self._pass_on(symbol, frame)
            await asyncio.sleep(BOOK_S)

    async def _trades(self, symbol: str) -> None:
        market = self._exchange.market(symbol)
        since_ms = wall_ns() // NS_PER_MS - int(PAST_S * 1_000)
        while True:
            frame = trades_frame(await self._exchange.watch_trades(symbol), market, since_ms)
            if frame.trades:
                self._pass_on(symbol, frame)

    def _pass_on(self, symbol: str, frame: Frame) -> None:
        self._outlet.frame(symbol, self._markets.numbers[symbol], _encode(frame))
