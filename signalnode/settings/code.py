"""The user's own files that the config names: signals in `extra`, strategies as `kind`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from signalnode.settings.model import MarketSettings, NodeSettings


def own_code(node: NodeSettings) -> list[Path]:
    """The files of the strategies and of every market's signals, as often as they are named."""
    assert node.path is not None
    kinds = [table.get("kind") for table in node.strategies.values() if isinstance(table, dict)]
    signals = [file for market in node.markets.values() for file in signal_files(market)]
    return [*_files(kinds, node.path.parent), *signals]


def signal_files(market: MarketSettings) -> list[Path]:
    """The files of one market's own signals."""
    extra = market.signals.get("extra")
    return _files(extra, Path()) if isinstance(extra, list) else []  # absolute since they were loaded


def run_file(file: Path, name: str) -> ModuleType:
    """The module `name`, made by running the file. Raises whatever that raises, SystemExit included."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while they are made
    spec.loader.exec_module(module)
    return module


def _files(places: Iterable[object], base: Path) -> list[Path]:
    sources = [place.rpartition(":")[0] for place in places if isinstance(place, str)]
    return [base / source for source in sources if source.endswith(".py")]
