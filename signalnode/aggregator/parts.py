"""What an aggregator process is put together from, as its config has it."""

from __future__ import annotations

from collections.abc import Mapping

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.journal import Journal, journal_dir
from signalnode.aggregator.measures.grid import Relating
from signalnode.aggregator.runner import StrategyRunner
from signalnode.aggregator.sources import digest_writer
from signalnode.errors import RuntimeDirectoryError
from signalnode.settings import NodeSettings
from signalnode.signals.identity import table_digest
from signalnode.strategies.base import Strategy
from signalnode.strategies.loading import Loaded


def objects_of(loaded: Mapping[str, Loaded]) -> dict[str, Strategy]:
    """The strategies by name."""
    return {name: each.strategy for name, each in loaded.items()}


def core_of(
    node: NodeSettings, runner: StrategyRunner, epoch: int, now_ns: int, relating: Relating | None
) -> Aggregator:
    """The core for the markets of `node`; without `relating` it relates them itself."""
    writer, markets = digest_writer(node), node.markets
    settings, assets = node.aggregator, node.assets
    return Aggregator(
        settings, markets, runner, epoch, now_ns, assets=assets, writer=writer, relating=relating
    )


def formulas_of(node: NodeSettings) -> dict[str, str]:
    """By market, what its scores are made from."""
    return {name: table_digest(market.signals) for name, market in node.markets.items()}


def journal_of(node: NodeSettings) -> Journal:
    """Where its decisions are kept; raises RuntimeDirectoryError where that cannot be."""
    directory = journal_dir(node.state_dir)
    try:
        return Journal(directory, node.aggregator.journal_bytes_max, node.aggregator.journal_files_max)
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{directory}: {error.strerror}; check who owns the directory and its mode"
        ) from None
