"""The venues: one decoder a file, called as the venue is.

VENUE_NAMES in `signalnode/settings/model.py` is the one list of them: config and completion are read by
processes that do without decoders.
"""

from __future__ import annotations

import importlib

from signalnode.feeds.venues.base import DecoderClass


def decoder_of(venue: str) -> DecoderClass:
    """The decoder of a venue in VENUE_NAMES: DECODER of the file that has its name."""
    decoder: DecoderClass = importlib.import_module(f"{__name__}.{venue}").DECODER
    return decoder
