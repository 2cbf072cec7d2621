"""`check`, and what `run` and `reload` check as well: the config beyond what one file can show."""

from __future__ import annotations

import argparse
from pathlib import Path

from signalnode.errors import ConfigError, SignalnodeError
from signalnode.settings import MarketSettings, NodeSettings, load_node
from signalnode.settings.reading import shown


def check(arguments: argparse.Namespace) -> int:
    """Check the config; every fault is listed by the ConfigError."""
    node = checked_node(arguments.config)
    assert node.path is not None
    print(f"{shown(node.path)}: no faults; markets: {', '.join(node.markets)}")
    return 0


def checked_node(path: Path | None) -> NodeSettings:
    """The whole config, after all that can be checked without starting anything. Raises ConfigError."""
    node = load_node(path)
    faults = [fault for market in node.markets.values() for fault in _market_faults(market)]
    if faults:
        raise ConfigError(faults)
    return node


def _market_faults(market: MarketSettings) -> list[str]:
    assert market.path is not None
    file = shown(market.path)
    faults = []
    if market.feed.kind == "capture":
        from signalnode.feeds import VENUES

        if market.feed.venue not in VENUES:
            known = ", ".join(sorted(VENUES))
            faults.append(f"{file}: feed.venue: {market.feed.venue!r} is not known; use one of {known}")
    if market.signals:
        from signalnode.signals import check_parameters

        try:
            check_parameters(market.signals)
        except SignalnodeError as error:
            faults += [f"{file}: signals: {line}" for line in str(error).splitlines()]
    return faults
