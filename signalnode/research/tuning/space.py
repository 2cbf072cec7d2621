"""What is tried: which parameters, between which bounds, and in which trials together.

A signal says which parameters are its own (`Signal.tuned`), a parameter where a search makes sense
(`Parameter.search`). Both are time constants mostly, so draws are even in their logarithm. Each number of a
trial follows from the seed, the trial and its name alone, whatever else is drawn and on how many cores.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from signalnode.features.base import Parameter
from signalnode.research.tuning.decision import NEIGHBOUR_STEP

DIGITS = 2  # that a drawn number has: enough to find, and to read

Values = dict[str, float]


def drawn(parameters: Sequence[Parameter], seed: int, trial: int) -> Values:
    """The numbers of one trial, by name, even in the logarithm between the bounds of each's search."""
    values = {}
    for each in parameters:
        low, high = each.search
        place = np.random.default_rng([seed, trial, zlib.crc32(each.name.encode())]).random()
        values[each.name] = rounded(low * (high / low) ** place)
    return values


def neighbours(values: Mapping[str, float], parameters: Sequence[Parameter]) -> dict[str, Values]:
    """Each parameter by itself a fifth more and a fifth less, within what a market may set; by what it is."""
    found = {}
    for each in parameters:
        for factor in (NEIGHBOUR_STEP, 1.0 / NEIGHBOUR_STEP):
            value = min(max(rounded(values[each.name] * factor, DIGITS + 1), each.minimum), each.maximum)
            if value != values[each.name]:
                found[f"{each.name} {value:g}"] = {**values, each.name: value}
    return found


def rounded(value: float, digits: int = DIGITS) -> float:
    """`value` > 0 with so many digits that count."""
    return round(value, digits - 1 - math.floor(math.log10(value)))


def passes(own: Mapping[str, Sequence[str]], moved_by: Mapping[str, set[str]]) -> list[list[str]]:
    """Signals in as few groups as one goes through the register, such that those of a group can be tried in
    one replay: no parameter that is `own` to one moves another. `moved_by`: the parameters that move it.
    """
    groups: list[list[str]] = []
    for name in own:
        for group in groups:
            if not any(
                moved_by[name] & set(own[other]) or moved_by[other] & set(own[name]) for other in group
            ):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups
