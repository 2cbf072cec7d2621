"""From `[strategies.<name>]` tables to strategies: built in, from an entry point, or from a user's file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from signalnode.errors import ConfigError, ExtensionError, in_words
from signalnode.meaning import files_digest
from signalnode.names import name_fault
from signalnode.settings.code import run_file, strategy_keywords, strategy_kind, strategy_made_from
from signalnode.settings.reading import ConfigFaults, read_table, shown
from signalnode.strategies.base import Registered, Strategy

ENTRY_POINT_GROUP = "signalnode.strategies"
STRATEGIES_MAX = 64


class Loaded(NamedTuple):
    """A strategy, and all that it was made from: kind, keys and, of a user's file, what its code means."""

    strategy: Strategy
    made_from: str


NONE_LOADED: Mapping[str, Loaded] = MappingProxyType({})


def load_strategies(
    tables: Mapping[str, object],
    config: Path,
    registered: tuple[Registered, ...],
    living: Mapping[str, Loaded] = NONE_LOADED,
) -> dict[str, Loaded]:
    """A strategy for each table, by name; without any table every registered one, with its defaults.

    `kind` says which class: a registered name, an entry point of group `signalnode.strategies`, or
    `FILE.py:Class` with a path that counts from the config file. Without `kind` the table's name is it.
    `enabled = false` leaves one out. The other keys are the class's keywords; those of a dataclass are
    checked against its fields. One of `living` lives on under its name, with all it remembers, as long as
    all that it was made from is the same.

    Raises ConfigError with a line for each fault, ExtensionError for a class that cannot be loaded or made.
    """
    wanted = tables or {each.name: {} for each in registered}
    faults: list[str] = []
    if len(wanted) > STRATEGIES_MAX:
        faults.append(f"{shown(config)}: strategies: {len(wanted)} of them; {STRATEGIES_MAX} is the most")
    strategies: dict[str, Loaded] = {}
    for name, table in wanted.items():
        fault = name_fault(name, "a strategy")
        if fault:  # it stands in the topic of its decisions
            faults.append(f"{shown(config)}: strategies: {fault}")
            continue
        if not isinstance(table, Mapping):
            faults.append(f"{shown(config)}: strategies.{name}: is not a table; write [strategies.{name}]")
            continue
        try:
            if table.get("enabled", True):
                # Before its file is run: a change since counts.
                made_from = strategy_made_from(name, table, config, files_digest)
                same = name in living and living[name].made_from == made_from
                strategies[name] = (
                    living[name] if same else Loaded(_instance(name, table, config, registered), made_from)
                )
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return strategies


def _instance(
    name: str, table: Mapping[str, Any], config: Path, registered: tuple[Registered, ...]
) -> Strategy:
    make = _class(name, strategy_kind(name, table), config, registered)
    keywords = strategy_keywords(table)
    where = f"strategies.{name}"
    if dataclasses.is_dataclass(make):
        faults = ConfigFaults()
        strategy: Any = None
        try:
            strategy = read_table(make, keywords, config, f"{where}.", faults)
        except (ValueError, TypeError) as error:
            faults.add(config, where, str(error))
        except (Exception, SystemExit) as error:
            raise _refused(config, where, make, error) from error
        if faults.lines:
            raise ConfigError(faults.lines)
    else:
        try:
            strategy = make(**keywords)
        except (Exception, SystemExit) as error:
            raise _refused(config, where, make, error) from error
    if not callable(getattr(strategy, "evaluate_opportunities", None)):
        raise ExtensionError(
            f"{shown(config)}: {where}: {make.__name__} has no evaluate_opportunities(view); add it"
        )
    instance: Strategy = strategy
    return instance


def _refused(config: Path, where: str, make: type[Any], error: BaseException) -> ExtensionError:
    what = f"{make.__name__} refused its keys ({in_words(error)})"
    return ExtensionError(f"{shown(config)}: {where}: {what}; compare its __init__")


def _class(name: str, kind: str, config: Path, registered: tuple[Registered, ...]) -> type[Any]:
    for each in registered:
        if each.name == kind:
            return each.make
    file, colon, attribute = kind.rpartition(":")
    if colon and file.endswith(".py"):
        return _from_file(name, config.parent / file, attribute, config)
    from importlib.metadata import entry_points  # 25 ms, which few need

    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == kind:
            try:
                loaded: type[Any] = point.load()
            except (Exception, SystemExit) as error:
                raise ExtensionError(
                    f"{shown(config)}: strategies.{name}: {point.value} cannot be loaded: {in_words(error)}"
                ) from error
            return loaded
    known = ", ".join(each.name for each in registered)
    raise ConfigError(
        f"{shown(config)}: strategies.{name}.kind: {kind!r} is not known; "
        f"use {known}, the name of an entry point, or FILE.py:Class"
    )


def _from_file(name: str, file: Path, attribute: str, config: Path) -> type[Any]:
    where = f"{shown(config)}: strategies.{name}.kind: {shown(file)}"
    if not file.is_file():
        raise ExtensionError(f"{where}: no such file; mend the path, which counts from the config file")
    try:
        module = run_file(file, f"signalnode_strategy_{name}")
    except (Exception, SystemExit) as error:  # sys.exit() would end `check` as if all were well
        raise ExtensionError(f"{where}: {in_words(error)}; mend the file") from error
    found = getattr(module, attribute, None)
    if not isinstance(found, type):
        raise ExtensionError(f"{where}: holds no class {attribute}; mend the name after the colon")
    return found
