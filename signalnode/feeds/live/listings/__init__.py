"""What each venue lists: one small reader of its REST answers a file, called as the venue is.

LIVE_VENUES in `signalnode/settings/model.py` says which of them can be used.
"""

from __future__ import annotations

import importlib

from signalnode.feeds.live.listings.base import Listing
from signalnode.settings.model import frames_of


def listing_of(venue: str) -> Listing:
    """How a live venue lists its markets: LISTING of the file that has its name; or ccxt's."""
    listing: Listing = importlib.import_module(f"{__name__}.{frames_of(venue)}").LISTING
    return listing
