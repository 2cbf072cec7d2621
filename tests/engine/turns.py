"""Turns of an engine, with what is to be said in each."""

from __future__ import annotations

from typing import NamedTuple

from signalnode.engine.standing import Standing
from signalnode.engine.work import Work
from signalnode.scores import MarketScores


class Told(NamedTuple):
    """A turn; `scores` and `standing` where they are to be sent or told."""

    scores: MarketScores | None
    standing: Standing | None
    heartbeat: bool
    beat: bool
    save: bool
    ended: bool
    wake_ns: int
    listen: bool


def told(work: Work, now_ns: int) -> Told:
    """Take a turn, and say what is to be said."""
    turn = work.turn(now_ns)
    is_told = turn.scores or turn.heartbeat or turn.beat
    return Told(
        work.scores() if turn.scores else None,
        work.standing() if is_told else None,
        *turn[1:],
    )
