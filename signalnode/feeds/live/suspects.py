"""Who is to blame where a venue closes the connection that asks for a market it does not know. Pure.

Such a venue says no word of which it was, and all markets of the connection are lost with it. So what had no
answer yet when a connection was closed is suspected from then on, unless it was ever agreed to. Suspects come
last on the next connection, one at a time. The one that alone waits for its answer when that is closed as
well, after others were agreed to, was to blame; STRIKES_MAX times, and its market is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from signalnode.feeds.live.lives import Asked, Key

STRIKES_MAX = 2
GUILTY = f"the venue closed the connection that asked for it, {STRIKES_MAX} times: it knows no such market"


def suspect(asked: Mapping[Key, Asked]) -> str:
    """Note that a connection of these is closed; the market that is to be refused, "" for none."""
    waiting = {key: each for key, each in asked.items() if each.state == "asked"}
    is_proof = len(waiting) == 1 and any(each.state == "active" for each in asked.values())
    for (symbol, _), each in waiting.items():
        if is_proof and each.is_suspect:
            each.strikes += 1
            if each.strikes >= STRIKES_MAX:
                return symbol
        each.is_suspect = not each.is_known
    return ""


def must_wait(asked: Mapping[Key, Asked]) -> bool:
    """Whether no suspect may be asked for now."""
    return any(
        each.state == "asked" or (each.state == "wanted" and not each.is_suspect) for each in asked.values()
    )
