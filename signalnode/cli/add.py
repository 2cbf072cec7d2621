"""`add`: the files of live markets beside the others, all or none and never over one that is there."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from signalnode.cli.init import addresses_typed, check_live, held, refuse_written, write_new
from signalnode.cli.venues import given_addresses
from signalnode.errors import RuntimeDirectoryError, UsageError
from signalnode.names import market_name_fault, scores_path, socket_path_fault
from signalnode.settings import load_node
from signalnode.settings.environment import config_option
from signalnode.settings.model import MARKETS_MAX
from signalnode.settings.reading import shown
from signalnode.settings.writing import addresses_to_append, live_market_text

MEND = "edit it, delete it first, or give this one another name by --as"


def add(arguments: argparse.Namespace) -> int:
    """Write the files; with `--reload` the running node has the markets at once."""
    venue, markets = arguments.venue, arguments.markets
    check_live("add", venue, markets)
    own_name = _own_name(arguments)
    node = load_node(arguments.config, with_markets=False)
    there = (
        sum(path.suffix == ".toml" for path in node.markets_dir.iterdir()) if node.markets_dir.is_dir() else 0
    )
    if there + len(markets) > MARKETS_MAX:
        raise UsageError(f"add: {there} markets are there; a node takes {MARKETS_MAX}")
    refuse_written((node.markets_dir / f"{market}.toml" for market in own_name or markets), MEND)
    urls = addresses_typed("add", arguments)
    given = given_addresses(arguments).get(venue, {})
    assert node.path is not None
    table = addresses_to_append(node.path, venue, given, urls)
    symbols = held("add", venue, markets, given | urls).symbols
    if own_name:
        (named,) = symbols.items()
        symbols = renamed(venue, named, own_name[0])
    for market in symbols:
        fault = socket_path_fault(scores_path(node.runtime_dir, market))
        if fault:
            raise UsageError(f"add: {market}: {fault}")
    files = {
        f"{name}.toml": live_market_text(venue, name, symbol).encode() for name, symbol in symbols.items()
    }
    with _appended(node.path, table):
        write_new(node.markets_dir, files, MEND)
    if table:
        print(f"{shown(node.path)}: has the addresses of {venue}")
    for name in files:
        print(f"{shown(node.markets_dir / name)}: written, live from {venue}")
    if arguments.reload:
        from signalnode.cli.requests import reload

        return reload(arguments)
    print(f"a running node has it after: signalnode reload{config_option(node.path)}")
    return 0


def renamed(venue: str, market: tuple[str, str], own_name: str) -> dict[str, str]:
    """A market, its name and symbol, by another name of ours, from which its venue's does not follow."""
    from signalnode.feeds.live.sessions import venue_of

    words, (name, symbol) = venue_of(venue), market
    symbol = symbol or words.symbol(name)
    return {own_name: "" if words.symbol(own_name) == symbol else symbol}


def _own_name(arguments: argparse.Namespace) -> list[str]:
    """What `--as` says, if anything."""
    name: str = arguments.own_name
    if not name:
        return []
    fault = market_name_fault(name)
    if fault or len(arguments.markets) > 1:
        raise UsageError(f"add: --as: {fault or 'names one market; name one, or leave it out'}")
    return [name]


@contextlib.contextmanager
def _appended(path: Path, text: str) -> Iterator[None]:
    """A file with `text` behind what it holds; without it, where what follows fails."""
    if not text:
        yield
        return
    try:
        opened = path.open("ab")
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{shown(path)}: cannot be written ({error.strerror}); write the venue's addresses there"
        ) from None
    with opened as file:
        size = file.tell()
        try:
            file.write(text.encode())
            file.flush()
            yield
        except BaseException:
            os.ftruncate(file.fileno(), size)
            raise
