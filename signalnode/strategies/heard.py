"""A view as it came over the wire, for strategies in a process of their own beside a running node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from signalnode.bus.wire import ViewMessage
from signalnode.strategies.base import Relations, View
from signalnode.strategies.outcomes import NO_OUTCOMES, MarketOutcomes


def view_from(message: ViewMessage, outcomes: Mapping[str, MarketOutcomes] = NO_OUTCOMES) -> View:
    """The view that the message tells of. It carries the relations of the most correlated markets alone: the
    others have no row. Outcomes come a few markets at a time: `outcomes` are those heard so far.
    """
    return View(
        message.time_published_ns,
        message.seq,
        message.markets,
        regime=message.regime,
        measures=message.measures,
        relations=_relations(message),
        gaps=message.gaps,
        outcomes=outcomes,
    )


def _relations(message: ViewMessage) -> Relations:
    markets = tuple(dict.fromkeys(name for each in message.relations for name in each["markets"]))
    row = {name: number for number, name in enumerate(markets)}
    correlation, lead_s, lead_correlation = (np.full((len(row), len(row)), np.nan) for _ in range(3))
    for each in message.relations:
        there = row[each["markets"][0]], row[each["markets"][1]]
        for at, sign in ((there, 1.0), (there[::-1], -1.0)):
            correlation[at] = each["correlation"]
            lead_s[at] = sign * each["lead_s"]
            lead_correlation[at] = each["lead_correlation"]
    return Relations(markets, correlation, lead_s, lead_correlation)
