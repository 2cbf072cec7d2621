"""`add`: the files of live markets beside the others, all or none and never over one that is there."""

from __future__ import annotations

import argparse

from signalnode.cli.init import check_live, refuse_written, write_new
from signalnode.cli.markets import rest_url_of, symbols_of
from signalnode.errors import UsageError
from signalnode.names import scores_path, socket_path_fault
from signalnode.settings import load_node
from signalnode.settings.environment import config_option
from signalnode.settings.model import MARKETS_MAX
from signalnode.settings.reading import shown
from signalnode.settings.writing import live_market_text

MEND = "edit it, or delete it first"


def add(arguments: argparse.Namespace) -> int:
    """Write the files; with `--reload` the running node has the markets at once."""
    venue, markets = arguments.venue, arguments.markets
    check_live("add", venue, markets)
    node = load_node(arguments.config, with_markets=False)
    there = (
        sum(path.suffix == ".toml" for path in node.markets_dir.iterdir()) if node.markets_dir.is_dir() else 0
    )
    if there + len(markets) > MARKETS_MAX:
        raise UsageError(f"add: {there} markets are there; a node takes {MARKETS_MAX}")
    refuse_written((node.markets_dir / f"{market}.toml" for market in markets), MEND)
    symbols = symbols_of("add", venue, markets, rest_url_of(arguments, venue)).symbols
    for market in symbols:
        fault = socket_path_fault(scores_path(node.runtime_dir, market))
        if fault:
            raise UsageError(f"add: {market}: {fault}")
    files = {
        f"{name}.toml": live_market_text(venue, name, symbol).encode() for name, symbol in symbols.items()
    }
    write_new(node.markets_dir, files, MEND)
    for name in files:
        print(f"{shown(node.markets_dir / name)}: written, live from {venue}")
    if arguments.reload:
        from signalnode.cli.requests import reload

        return reload(arguments)
    print(f"a running node has it after: signalnode reload{config_option(node.path)}")
    return 0
