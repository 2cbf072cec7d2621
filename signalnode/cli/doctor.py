"""`doctor`: what is wrong between here and a venue, step by step with times."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from signalnode.cli.venues import checked_live
from signalnode.clock import NS_PER_MS, monotonic_ns
from signalnode.errors import UsageError, VenueError
from signalnode.settings import (
    LIVE_VENUES,
    MarketSettings,
    NodeSettings,
    ccxt_exchange,
    config_found,
    load_node,
)
from signalnode.settings.addresses import URL_SCHEMES, url_fault

Tell = Callable[[str, str], None]  # a step that is done, and what was seen
USUAL_MARKET = "BTC-USD"  # where neither the config, the command line nor the venue names one


def doctor(arguments: argparse.Namespace) -> int:
    """Look at each venue; the faults are lines on stderr, and make the status VenueError's."""
    path = config_found(arguments.config)
    node = load_node(path) if path else None
    if arguments.venue:
        venues = [checked_live(arguments.venue, "doctor")]
    else:
        if arguments.ws_url or arguments.rest_url:
            raise UsageError("doctor: --ws-url and --rest-url are a venue's; name it")
        used = _used(node, arguments.market)
        others = sorted(used - set(LIVE_VENUES))
        venues = [*(venue for venue in LIVE_VENUES if venue in used or not used), *others]
    sound = [_look_at(venue, arguments, node) for venue in venues]
    return 0 if all(sound) else VenueError.exit_status


def _live(node: NodeSettings | None) -> list[MarketSettings]:
    return [each for each in node.markets.values() if each.feed.kind == "live"] if node else []


def _used(node: NodeSettings | None, market: str) -> set[str]:
    """The venues of the config, or that of one market of it."""
    used = {each.feed.venue for each in _live(node) if market in {"", each.market}}
    if market and not used:
        raise UsageError(f"doctor: --market {market} is no live market of the config; name its venue")
    return used


def _look_at(venue: str, arguments: argparse.Namespace, node: NodeSettings | None) -> bool:
    """Whether all is well with one venue."""
    from signalnode.feeds.live import probe
    from signalnode.feeds.live.listings import listing_of
    from signalnode.feeds.live.sessions import venue_of

    words, urls = venue_of(venue), _urls(venue, arguments, node)
    if ccxt_exchange(venue):
        return _looked_by_ccxt(venue, urls, _symbol(venue, arguments.market, node))
    suggested: list[str] = []
    told: set[str] = set()
    ours = {} if arguments.market else _symbols(venue, node)

    def rest(tell: Tell) -> None:
        suggested.append(probe.look_at_rest(venue, urls["rest_url"], tell))
        probe.look_at_announced(venue, urls["rest_url"], tell)
        if ours:
            probe.look_at_markets(venue, urls["rest_url"], ours, tell)

    def websocket(tell: Tell) -> None:
        symbol = _symbol(venue, arguments.market, node) or "".join(suggested) or words.symbol(USUAL_MARKET)
        probe.look_at_socket(words, probe.Place(ws_url, urls["rest_url"], symbol), tell)

    print(venue)
    is_sound = True
    if urls["ws_url"] and not urls["rest_url"]:
        print("  rest       not looked at: ws_url is another address, and rest_url is not given")
    else:
        is_sound = _passed(venue, "rest", urls["rest_url"] or listing_of(venue).rest_url, rest, told)
    ws_url = urls["ws_url"] or words.ws_url
    is_sound = _passed(venue, "websocket", ws_url, websocket, told) and is_sound
    print(f"{venue}: {'can be heard' if is_sound else 'not all is well'}", flush=True)
    return is_sound


def _looked_by_ccxt(venue: str, urls: dict[str, str], symbol: str) -> bool:
    from signalnode.feeds.live.sessions.ccxt import ccxt_fault

    def look(tell: Tell) -> None:
        fault = ccxt_fault(venue)
        if fault:
            raise VenueError(fault)
        from signalnode.feeds.live.by_ccxt import look_by_ccxt
        from signalnode.feeds.live.outlet import Urls

        look_by_ccxt(venue, Urls(urls["ws_url"], urls["rest_url"]), symbol, tell)

    is_sound = _passed(venue, "ccxt", urls["rest_url"] or "its own addresses", look, set())
    print(f"{venue}: {'can be heard' if is_sound else 'not all is well'}", flush=True)
    return is_sound


def _passed(venue: str, what: str, url: str, look: Callable[[Tell], None], told: set[str]) -> bool:
    """Print each step with the time it took, and the fault that ends them; one that is `told`, not again."""
    print(f"  {what:<11}{url}", flush=True)
    before_ns = monotonic_ns()

    def tell(step: str, seen: str) -> None:
        nonlocal before_ns
        now_ns = monotonic_ns()
        print(f"    {step:<12}{(now_ns - before_ns) / NS_PER_MS:>7,.0f} ms  {seen}", flush=True)
        before_ns = now_ns

    try:
        look(tell)
    except VenueError as error:
        if str(error) in told:
            print("  the same fault", flush=True)
        else:
            print(f"signalnode: {venue}: {error}", file=sys.stderr, flush=True)
        told.add(str(error))
        return False
    return True


def _urls(venue: str, arguments: argparse.Namespace, node: NodeSettings | None) -> dict[str, str]:
    """Addresses other than the venue's own: as typed, else as the config gives them; "" for none."""
    table = node.venues.get(venue) if node else None
    urls = {}
    for key, schemes in URL_SCHEMES.items():
        typed: str = getattr(arguments, key)
        fault = url_fault(typed, schemes) if typed else None
        if fault:
            raise UsageError(f"doctor: --{key.replace('_', '-')}: {fault}")
        urls[key] = typed or (str(table.get(key, "")) if isinstance(table, dict) else "")
    return urls


def _symbols(venue: str, node: NodeSettings | None) -> dict[str, str]:
    """The config's markets of a venue: our names, by what it calls them."""
    from signalnode.feeds.live.sessions import venue_of

    symbol = venue_of(venue).symbol
    ours = [each for each in _live(node) if each.feed.venue == venue]
    return {each.feed.symbol or symbol(each.market): each.market for each in ours}


def _symbol(venue: str, market: str, node: NodeSettings | None) -> str:
    """What the venue calls the market named, or the config's first of it; "" for none."""
    from signalnode.feeds.live.sessions import venue_of

    ours = [each for each in _live(node) if each.feed.venue == venue and market in {"", each.market}]
    if ours and ours[0].feed.symbol:
        return ours[0].feed.symbol
    named = market or (ours[0].market if ours else "")
    return venue_of(venue).symbol(named) if named else ""
