"""Layer 5's strategies:

one a file, with parameters in TOML. To add one: its file, and its line in STRATEGIES.
"""

from signalnode.bus.wire import MarketState
from signalnode.strategies.base import Decision, Registered, Relation, Relations, Strategy, View

STRATEGIES: tuple[Registered, ...] = ()

__all__ = ["STRATEGIES", "Decision", "MarketState", "Registered", "Relation", "Relations", "Strategy", "View"]
