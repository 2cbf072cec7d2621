"""Who is to blame where a venue closes the connection that asks for a market it does not know. Pure.

Such a venue says no word of which it was, and all markets of the connection are lost with it. So what had no
answer yet when a connection was closed is suspected from then on; after UNANSWERED_MAX such connections in a
row also what was ever agreed to, for markets are renamed. Suspects come last on the next connection, one at a
time, those of a market first that was seldom alone when one was closed. Who alone waits for an answer when it
is closed, after others were agreed to, was to blame; STRIKES_MAX times, and its market is refused.

Another venue refuses a request and says no word of which. Those who have no answer were meant once there are
no more of them than such refusals; they are asked for again, and refused after NAMELESS_MAX requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from signalnode.feeds.live.lives import Asked, Key

STRIKES_MAX, UNANSWERED_MAX = 2, 2
NAMELESS_MAX = 2
NAMELESS = f"the venue refused it {NAMELESS_MAX} times: it knows no such market"
GUILTY = f"the venue closed the connection that asked for it, {STRIKES_MAX} times: it knows no such market"


def suspect(asked: Mapping[Key, Asked]) -> str:
    """Note that a connection of these is closed; the market that is to be refused, "" for none."""
    waiting = {key: each for key, each in asked.items() if each.state == "asked"}
    is_proof = any(each.state == "active" for each in asked.values())
    for key, each in waiting.items():
        each.unanswered += 1
        if len(waiting) == 1:
            for its in _of(key[0], asked):
                its.alone += 1
                its.strikes += is_proof and each.is_suspect
            if each.strikes >= STRIKES_MAX:
                return key[0]
        each.is_suspect = not each.is_known or each.unanswered >= UNANSWERED_MAX
    return ""


def turn_of(asked: Mapping[Key, Asked]) -> Key | None:
    """The suspect that may be asked for now, if any."""
    found: Key | None = None
    for key, each in asked.items():
        if each.state == "asked" or (each.state == "wanted" and not each.is_suspect):
            return None
        if each.state == "wanted" and (found is None or each.alone < asked[found].alone):
            found = key
    return found


def clear(symbol: str, asked: Mapping[Key, Asked]) -> None:
    """The venue has agreed to a channel of a market, so it knows it."""
    for each in _of(symbol, asked):
        each.is_known, each.is_suspect = True, False
        each.unanswered = each.alone = each.strikes = 0


def nameless(asked: Mapping[Key, Asked], count: int) -> list[tuple[Key, Literal["refused", "failed"]]] | None:
    """What so many refusals without a name mean; None while that cannot be told."""
    waiting = {key: each for key, each in asked.items() if each.state == "asked"}
    if len(waiting) > count:
        return None
    return [(key, "refused" if each.tries >= NAMELESS_MAX else "failed") for key, each in waiting.items()]


def _of(symbol: str, asked: Mapping[Key, Asked]) -> list[Asked]:
    return [each for key, each in asked.items() if key[0] == symbol]
