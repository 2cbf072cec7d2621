"""`venues`: which there are, whether they can be heard live, and what they bear."""

from __future__ import annotations

import argparse
import difflib
import json
from typing import Any

from signalnode.errors import UsageError
from signalnode.feeds.live.sessions.ccxt import INSTALL, ccxt_fault
from signalnode.panels.table import table_lines
from signalnode.settings import LIVE_VENUES, VENUE_NAMES, config_found, is_live_venue, load_node

COLUMNS = ("venue", "heard", "loss seen by", "markets", "connects", "sends/s", "address")
_NUMBERS = frozenset({"markets", "connects", "sends/s"})


def venues(arguments: argparse.Namespace) -> int:
    """Print a row for each venue."""
    given = given_addresses(arguments)
    found = [_facts(venue, given.get(venue, {})) for venue in VENUE_NAMES]
    if arguments.json:
        print(json.dumps({"venues": found}))
        return 0
    print("\n".join(table_lines(COLUMNS, [_cells(each) for each in found], _NUMBERS)))
    print("markets: on one connection · connects: of this address, within so many seconds")
    print(f"any other exchange: ccxt-EXCHANGE, ccxt-kucoin say, by ccxt ({INSTALL})")
    return 0


def given_addresses(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """What `[venues.<venue>]` of the config says, by venue; nothing where there is no config. Raises
    ConfigError where it has a fault.
    """
    path = config_found(arguments.config)
    node = load_node(path, with_markets=False) if path else None
    tables = node.venues if node else {}
    return {venue: table for venue, table in tables.items() if isinstance(table, dict)}


def checked_live(venue: str, what: str) -> str:
    """`venue` where it can be heard live, else UsageError; `what` says where it stands."""
    fault = ccxt_fault(venue)
    if fault:
        raise UsageError(f"{what}: {fault}")
    if is_live_venue(venue):
        return venue
    near = difflib.get_close_matches(venue.lower().replace("-", "_"), LIVE_VENUES, n=1)
    mend = f"did you mean {near[0]}" if near else f"use {', '.join(LIVE_VENUES)}, or ccxt-EXCHANGE"
    raise UsageError(f"{what}: {venue!r} cannot be heard live; {mend}")


def _facts(venue: str, given: dict[str, str]) -> dict[str, Any]:
    from signalnode.feeds.venues import loss_seen_by

    facts: dict[str, Any] = {
        "venue": venue,
        "live": venue in LIVE_VENUES,
        "loss_seen_by": loss_seen_by(venue),
    }
    if venue not in LIVE_VENUES:
        return facts
    from signalnode.feeds.live.listings import listing_of
    from signalnode.feeds.live.sessions import venue_of

    words = venue_of(venue)
    return facts | {
        "markets_max": words.limits.markets_max,
        "connects_max": words.limits.connects_max,
        "connects_period_s": words.limits.connects_period_s,
        "sends_per_s": words.limits.sends_per_s,
        "ws_url": given.get("ws_url") or words.ws_url,
        "rest_url": given.get("rest_url") or listing_of(venue).rest_url,
    }


def _cells(facts: dict[str, Any]) -> tuple[str, ...]:
    heard = "live" if facts["live"] else "captures only"
    if not facts["live"]:
        return (facts["venue"], heard, facts["loss_seen_by"], "-", "-", "-", "-")
    return (
        facts["venue"],
        heard,
        facts["loss_seen_by"],
        str(facts["markets_max"]),
        f"{facts['connects_max']}/{facts['connects_period_s']:g} s",
        f"{facts['sends_per_s']:g}",
        facts["ws_url"],
    )
