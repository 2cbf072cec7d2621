"""The venues that can be heard live: one file each, named as its decoder's is.

LIVE_VENUES in `signalnode/settings/model.py` is the one list of them.
"""

from __future__ import annotations

import importlib

from signalnode.feeds.live.sessions import ccxt
from signalnode.feeds.live.sessions.base import Venue
from signalnode.settings.model import ccxt_exchange


def venue_of(name: str) -> Venue:
    """The words and limits of a venue in LIVE_VENUES: VENUE of the file that has its name.

    Of one that is heard by ccxt: its name for a market, and limits of ours.
    """
    if ccxt_exchange(name):
        return ccxt.CcxtVenue(name)
    venue: Venue = importlib.import_module(f"{__name__}.{name}").VENUE
    return venue
