"""What the family of takers measures, from its docstring: sums over every trade that there was."""

from __future__ import annotations

import math


def _sum(steps: list[tuple[float, float]], t: float, tau: float) -> float:
    return math.fsum(x * math.exp(-(t - at) / tau) for at, x in steps)


def taken_of(
    takings: list[tuple[float, float, float]], t: float, tau: float, usual_s: float
) -> dict[str, float]:
    """Signed roots of sizes, each up to 8 usual ones, over all of them and two usual ones; and as usual."""
    if not takings:
        return {"taken": 0.0, "taken_usual": 0.0}
    signed, whole, usual = _signed(takings, t, tau)
    signed_usual, whole_usual, _ = _signed(takings, takings[-1][0], usual_s)
    as_usual = signed_usual / (whole_usual + 64.0 * usual)
    against = whole + 2.0 * usual
    return {"taken": signed / against, "taken_usual": as_usual * whole / against}


def _signed(takings: list[tuple[float, float, float]], t: float, tau: float) -> tuple[float, float, float]:
    """The sum of signed roots, that of their sizes, and the usual root."""
    usual, counted = 0.0, []
    for n, (at, side, root) in enumerate(takings):
        x = root if n < 3 else min(root, 8.0 * usual)
        usual += (x - usual) / min(n + 1, 256)
        counted.append((at, side, x))
        if n == 2:
            usual = min(x for _, _, x in counted)
            then = counted[1][0]
            sums = (_sum([(u, y**k * x) for u, y, x in counted[:2]], then, tau) for k in (1, 0))
            total, whole = (max(min(x, 24.0 * usual), -24.0 * usual) for x in sums)
            counted = [(then, total / whole, whole), (at, side, min(x, 8.0 * usual))]
    signed, whole = (_sum([(at, y**power * x) for at, y, x in counted], t, tau) for power in (1, 0))
    return signed, whole, usual
