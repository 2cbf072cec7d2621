"""How much one event may weigh in what is usual, so that one wild value is forgotten when its moment is over.

A usual is an average over minutes, and a return of 220% in a market that moves by a hundredth of a percent
would stand in it for hours. So what one event adds is limited (a Huber weight, 1964) by what such events
have added so far: their mean, kept event by event with the usual's own memory. Two things keep a limit from
being a wall:

- *witnesses*: as much as the two events before it both had is never too much. So what three in a row say is
  believed whole, and a market that wakes is followed at once;
- *a beginning*: until KNOWN_FROM events have been there is no usual. The least of the first KNOWN_FROM then
  stands for each of them, so that a first one that was wild is forgotten too.

All of this is continuous in every value, so that rounding can't make it jump.
"""

from __future__ import annotations

from signalnode.compiled import compiled

INFLUENCE_MAX = 64.0  # of the mean: eight deviations where squares are summed, 64 sizes where sizes are
LEVEL_MAX = 3.0  # of the usual, where a level is averaged over the time that it stands
KNOWN_FROM = 3  # events; of two that differ neither can be told to be wild


@compiled
def least(a: float, b: float, c: float) -> float:
    """The smallest of three."""
    return min(a, min(b, c))  # noqa: PLW3301 - two instructions each; numba's min of three loops


@compiled
def middle(a: float, b: float, c: float) -> float:
    """The median of three."""
    return max(min(a, b), min(max(a, b), c))


@compiled
def limited(x: float, most: float, before: float, earlier: float) -> float:
    """x ≥ 0, but no more than `most`, unless the two values before it, `before` and `earlier`, were both."""
    return min(x, max(most, min(before, earlier)))
