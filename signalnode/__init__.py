"""signalnode: feed → events → features → signals → scores, a process a market; bus → board → decisions.

The names below are loaded when they are first used, so that `import signalnode` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # of `typing`, which costs more than all of this
if TYPE_CHECKING:
    from signalnode.bus.subscriber import subscribe as subscribe
    from signalnode.cli.evaluation import evaluate as evaluate
    from signalnode.engine.core import SignalEngine as SignalEngine
    from signalnode.events import EVENT as EVENT
    from signalnode.feeds import load_events as load_events
    from signalnode.feeds.files.tables import events_from as events_from
    from signalnode.strategies.engine import StrategyEngine as StrategyEngine

__version__ = "0.1.0"
__all__ = [
    "EVENT",
    "SignalEngine",
    "StrategyEngine",
    "__version__",
    "evaluate",
    "events_from",
    "load_events",
    "subscribe",
]

_MODULES = {
    "EVENT": "signalnode.events",
    "SignalEngine": "signalnode.engine.core",
    "StrategyEngine": "signalnode.strategies.engine",
    "evaluate": "signalnode.cli.evaluation",
    "events_from": "signalnode.feeds.files.tables",
    "load_events": "signalnode.feeds",
    "subscribe": "signalnode.bus.subscriber",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'signalnode' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
