"""The user's own files that the config names: signals in `extra`, strategies as `kind`."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from signalnode.settings.model import MarketSettings, NodeSettings

FilesDigest = Callable[[Iterable[Path]], str]
ALL_BUILT_IN = "all built-in"  # what runs where `[strategies]` is empty


def own_code(node: NodeSettings) -> list[Path]:
    """The files of the strategies and of every market's signals, as often as they are named."""
    assert node.path is not None
    kinds = [table.get("kind") for table in node.strategies.values() if isinstance(table, dict)]
    signals = [file for market in node.markets.values() for file in signal_files(market)]
    return [*_files(kinds, node.path.parent), *signals]


def strategies_made_from(node: NodeSettings, files_digest: FilesDigest) -> dict[str, str]:
    """By name of each strategy that the config asks for, 16 hex digits that change with what makes it.

    An empty table stands for all that are built in, under one name. `files_digest` is that of `meaning`, the
    layer above.
    """
    config = node.path or Path()
    made = {
        name: strategy_made_from(name, table, config, files_digest)
        for name, table in node.strategies.items()
        if isinstance(table, dict) and table.get("enabled", True)
    }
    by_name = made if node.strategies else {ALL_BUILT_IN: ""}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in by_name.items()}


def strategy_made_from(name: str, table: Mapping[str, Any], config: Path, files_digest: FilesDigest) -> str:
    """All that a strategy is made from: kind, keys and, of a user's file, what its code means."""
    kind = strategy_kind(name, table)
    file, _, _ = kind.rpartition(":")
    meaning = files_digest([config.parent / file]) if file.endswith(".py") else ""
    return json.dumps([kind, meaning, strategy_keywords(table)], sort_keys=True, default=repr)


def strategy_kind(name: str, table: Mapping[str, Any]) -> str:
    """Which class: without `kind` the name of its table."""
    return str(table.get("kind", name))


def strategy_keywords(table: Mapping[str, Any]) -> dict[str, Any]:
    """What its class is made with."""
    return {key: value for key, value in table.items() if key not in ("kind", "enabled")}


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
