"""Layer 5's strategies, one a file, with parameters in TOML; to add one: its file, its line in STRATEGIES."""

from signalnode.bus.wire import MarketState
from signalnode.strategies.base import Decision, Registered, Relation, Relations, Stateful, Strategy, View
from signalnode.strategies.catch_up import CatchUp
from signalnode.strategies.divergence import Divergence
from signalnode.strategies.ranking import Ranking
from signalnode.strategies.sniper import Sniper
from signalnode.strategies.threshold import Threshold

STRATEGIES: tuple[Registered, ...] = (
    Registered("threshold", Threshold),
    Registered("ranking", Ranking),
    Registered("sniper", Sniper),
    Registered("divergence", Divergence),
    Registered("catch_up", CatchUp),
)

__all__ = [
    "STRATEGIES",
    "Decision",
    "MarketState",
    "Registered",
    "Relation",
    "Relations",
    "Stateful",
    "Strategy",
    "View",
]
