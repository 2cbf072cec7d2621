"""Who holds a market that several sources tell of, as a table: what a source says of it, whose it is, and
what is done. Pure.

                                              nobody's   another's   its own
    nothing: it has not heard the market yet   ADOPT      LEAVE       FOLLOW
    an older score than is known               LEAVE      LEAVE       FOLLOW
    the known score, published before          LEAVE      LEAVE       TAKE
    the very same                              TAKE       LEAVE       TAKE
    a newer one                                TAKE       TAKE        TAKE

Newer is by (epoch, seq, time of publication). A market is nobody's when its source no longer names it, or is
silent itself. TAKE: the whole row, and it is that source's. ADOPT: it is that source's, scores stay as they
are known. FOLLOW: how the market's process stands. The third line is a clock that was set back.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from signalnode.bus.digest import Array

Codes = npt.NDArray[np.int8]


class News(IntEnum):
    """What a source says of a market, beside what is known."""

    NOTHING = 0
    OLDER = 1
    BEFORE = 2
    SAME = 3
    NEWER = 4


class Whose(IntEnum):
    """Whose the market is, seen from that source."""

    NOBODYS = 0
    ANOTHERS = 1
    ITS_OWN = 2


class Step(IntEnum):
    """What is done."""

    LEAVE = 0
    FOLLOW = 1
    ADOPT = 2
    TAKE = 3


TABLE: dict[News, tuple[Step, Step, Step]] = {  # in the order of Whose
    News.NOTHING: (Step.ADOPT, Step.LEAVE, Step.FOLLOW),
    News.OLDER: (Step.LEAVE, Step.LEAVE, Step.FOLLOW),
    News.BEFORE: (Step.LEAVE, Step.LEAVE, Step.TAKE),
    News.SAME: (Step.TAKE, Step.LEAVE, Step.TAKE),
    News.NEWER: (Step.TAKE, Step.TAKE, Step.TAKE),
}
_STEPS = np.array([TABLE[each] for each in News], np.int8)
Key = tuple[Array, Array, Array]  # epoch, seq, time of publication, a row each


def news_of(said: Key, known: Key, is_heard: npt.NDArray[np.bool_]) -> Codes:
    """A News a row; `is_heard`: whether the source has heard that market at all."""
    is_epoch = said[0] == known[0]
    is_score = is_epoch & (said[1] == known[1])
    is_newer = (said[0] > known[0]) | (is_epoch & (said[1] > known[1])) | (is_score & (said[2] > known[2]))
    news = np.where(is_score, np.where(said[2] == known[2], News.SAME, News.BEFORE), News.OLDER)
    news = np.where(is_heard, news, News.NOTHING)
    news[is_newer] = News.NEWER
    return news.astype(np.int8)


def steps_of(news: Codes, whose: Codes) -> Codes:
    """A Step a row."""
    steps: Codes = _STEPS[news, whose]
    return steps
