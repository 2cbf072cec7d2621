"""Who may go on with what an engine has learnt: only one whose formulas mean the same."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from signalnode.meaning import CLOSED, DIGITS, NO_PYTHON, files_digest, meaning_of, own_digest
from signalnode.signals.base import Signal

# From the kernel everything is reached that events pass on their way to a score.
FORMULAS = (
    "signalnode.signals.kernel",
    "signalnode.signals:SIGNALS",
    "signalnode.signals.extra:ExtraSignals",
)
OPTIONAL_FORMULAS = "signalnode.signals:OPTIONAL"


@functools.cache
def formulas_digest() -> str:
    """DIGITS hex digits over all that decides what a built-in score is."""
    return own_digest(*FORMULAS)


def table_digest(signals: Mapping[str, object]) -> str:
    """The same for a market's whole `[signals]` table: its numbers, and its extras without loading them."""
    extra = signals.get("extra")
    places = [str(place).rpartition(":") for place in extra] if isinstance(extra, list) else []
    code = [
        (files_digest([Path(source)]) if source.endswith(".py") else source, name)
        for source, _, name in places
    ]
    optional = own_digest(OPTIONAL_FORMULAS) if any(not source for source, _, _ in places) else ""
    numbers = {key: value for key, value in signals.items() if key != "extra"}
    made_from = [formulas_digest(), optional, code, numbers]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=repr).encode()).hexdigest()[:DIGITS]


def added_digest(places: Iterable[str], signals: Iterable[Signal]) -> str:
    """The same for signals of the user's own at `places`: names and shapes, and all of the module that each
    stands in, and of the one that its reading does.
    """
    digest = hashlib.sha256()
    for place, signal in zip(places, signals, strict=True):
        functions = [getattr(each, "py_func", each) for each in (signal.reading, signal.activity) if each]
        homes = (str(getattr(function, "__module__", "")) for function in functions)
        modules = dict.fromkeys((place.rpartition(":")[0], *homes))
        code = " ".join(map(_module_digest, modules))
        shape = (signal.scores, signal.spread, signal.floor, signal.anchored, signal.needs)
        names = [getattr(function, "__qualname__", "") for function in functions]
        digest.update(f"{shape} {' '.join(names)} {code} ".encode())
    return digest.hexdigest()[:DIGITS]


def _module_digest(name: str) -> str:
    """Of a file of the user's, or of a module that is loaded, with what it imports from its own package."""
    if name.endswith(".py"):
        return files_digest([Path(name)])
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if not file:
        return name  # built in, or made by hand
    top = name.partition(".")[0]
    homes = [Path(home) for home in getattr(sys.modules[top], "__path__", ())] or [Path(file)]
    try:
        return meaning_of({top: homes[0]}, name, closed=CLOSED).digest
    except (OSError, *NO_PYTHON):
        return files_digest([Path(file)])
