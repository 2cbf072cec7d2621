"""The venues: one decoder a file, called as the venue is.

VENUE_NAMES in `signalnode/settings/model.py` is the one list of them: config and completion are read by
processes that do without decoders.
"""

from __future__ import annotations

import importlib

from signalnode.feeds.venues.base import DecoderClass, LossSeenBy
from signalnode.settings.model import frames_of


def decoder_of(venue: str) -> DecoderClass:
    """The decoder of a venue in VENUE_NAMES: DECODER of the file that has its name; or ccxt's."""
    decoder: DecoderClass = importlib.import_module(f"{__name__}.{frames_of(venue)}").DECODER
    return decoder


def loss_seen_by(venue: str) -> LossSeenBy:
    """What shows at a venue in VENUE_NAMES that an update of the book was lost."""
    seen_by: LossSeenBy = importlib.import_module(f"{__name__}.{venue}").DECODER.loss_seen_by
    return seen_by
