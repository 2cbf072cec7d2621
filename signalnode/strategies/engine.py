"""StrategyEngine: strategies in one Python process, without a node, asked about plain scores or a view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from signalnode.bus.wire import ViewMessage
from signalnode.errors import EventOrderError
from signalnode.names import checked_name
from signalnode.settings import load_node
from signalnode.strategies import STRATEGIES
from signalnode.strategies.base import Decision, Strategy, UnknownScoreError, View, decisions_in, shown_value
from signalnode.strategies.heard import view_from
from signalnode.strategies.loading import load_strategies
from signalnode.strategies.outcomes import HeardOutcomes
from signalnode.strategies.plain import Scores, view_of

BEFORE_ALL_NS = -(2**63)
# Where no config is named: lines of faults say it, and files count from the working directory.
_HERE = Path("StrategyEngine")


class StrategyEngine:
    """Strategies by name, asked in their order.

    `strategies` is what `[strategies]` of a config holds: a table of keys by name, as
    `{"threshold": {"entry": 80.0}}`. Names alone will do for defaults, and instead of its table a strategy
    itself. None: those of `config`, the path of a `signalnode.toml`; without that every built-in one. The
    file of a `kind` counts from the config, else from the working directory.

    Raises ConfigError for a table or a config at fault, ExtensionError for a strategy that cannot be loaded.
    """

    def __init__(
        self,
        strategies: Mapping[str, object] | Iterable[str] | None = None,
        *,
        config: Path | str | None = None,
    ) -> None:
        where, in_config = _HERE, dict[str, object]()
        if config is not None:
            node = load_node(Path(config), with_markets=False)
            assert node.path is not None
            where, in_config = node.path, node.strategies
        given = _by_name(in_config if strategies is None else strategies)
        _check_kinds(given)
        own = {name: each for name, each in given.items() if hasattr(each, "evaluate_opportunities")}
        tables = {name: table for name, table in given.items() if name not in own}
        loaded = load_strategies(tables, where, STRATEGIES) if tables or not own else {}
        made = {name: each.strategy for name, each in loaded.items()} | {
            checked_name(name, "a strategy"): _object(each) for name, each in own.items()
        }
        self.strategies: Mapping[str, Strategy] = {name: made[name] for name in given or made if name in made}
        self._seq = 0
        self._outcomes = HeardOutcomes()
        self._time_ns = BEFORE_ALL_NS

    def evaluate_opportunities(self, scores: Scores, time_ns: int | None = None) -> list[Decision]:
        """What every strategy decides now, each decision with the name of its `strategy`; mostly nothing.

        `scores` is a dict of scores by market, each as `await engine.get_continuous_scores()` gives it, or a
        View, which knows more (see `strategies/plain.py`), as does one that `subscribe` heard. `time_ns` is
        when, in ns since 1970; None: now. Strategies have a memory, so time must not step back:
        EventOrderError. TypeError and ValueError say what are no scores, LookupError which score a strategy
        goes by and none of the markets has. What a strategy raises is raised, with its name as a note.
        """
        view = self._view(scores, time_ns)
        self._seq, self._time_ns = self._seq + 1, view.time_ns
        decisions: list[Decision] = []
        for name, strategy in self.strategies.items():
            try:
                answer = decisions_in(strategy.evaluate_opportunities(view))
            except UnknownScoreError as error:
                raise LookupError(
                    _lacking(name, error, plain=not isinstance(scores, View | ViewMessage))
                ) from error
            except Exception as error:
                error.add_note(f"in strategy {name}")
                raise
            decisions += [replace(decision, strategy=name) for decision in answer]
        return decisions

    def _view(self, scores: Scores, time_ns: int | None) -> View:
        """A view that is not before the one before; the machine's own clock may be set back, and is held."""
        if isinstance(scores, ViewMessage):
            self._outcomes.hear(scores.outcomes)
            scores = view_from(scores, MappingProxyType(self._outcomes))
        view = view_of(scores, time_ns, self._seq + 1)
        if view.time_ns >= self._time_ns:
            return view
        if time_ns is None and view is not scores:
            return view_of(scores, self._time_ns, self._seq + 1)
        what = f"{view.time_ns} is before {self._time_ns}, when these strategies were last asked"
        raise EventOrderError(f"{what}; ask in order of time, or make a new StrategyEngine")


def _lacking(strategy: str, error: UnknownScoreError, *, plain: bool) -> str:
    """One line: whose it is, and the mend, of scores that were handed over and of a view."""
    if not plain or error.near:
        return f"strategy {strategy}: {error}"
    return (
        f"strategy {strategy}: the scores given have no {error.name}, which it goes by; "
        "add it, or name the strategies that you want"
    )


def _by_name(strategies: Mapping[str, object] | Iterable[str]) -> dict[str, object]:
    if isinstance(strategies, Mapping):
        return dict(strategies)
    names = [strategies] if isinstance(strategies, str) else list(strategies)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{shown_value(names)} has no names; write {{name: strategy}}")
    return {name: {} for name in names}


def _check_kinds(given: Mapping[str, object]) -> None:
    for name, each in given.items():
        if not isinstance(each, Mapping) and not hasattr(each, "evaluate_opportunities"):
            what = f"{shown_value(each)} has no evaluate_opportunities(view)"
            raise TypeError(f"strategy {name}: {what}; give a strategy, or a table of keys")


def _object(given: object) -> Strategy:
    strategy: Strategy = given() if isinstance(given, type) else given  # type: ignore[assignment]
    return strategy
