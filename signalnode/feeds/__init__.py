"""Where events come from. `VENUES` and `FEEDS` are the registries: one file and one line for each."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np

from signalnode.errors import DataError
from signalnode.events import EVENT, Events
from signalnode.feeds.base import DEPTH_BPS, Faults
from signalnode.feeds.binance import BinanceDecoder
from signalnode.feeds.capture import CaptureDecoding, DecoderOf

VENUES: dict[str, DecoderOf] = {
    "binance": BinanceDecoder,
}


def load_events(
    paths: Iterable[str | PathLike[str]], *, venue: str, market: str, depth_bps: float = DEPTH_BPS
) -> Events:
    """The events of some files, played one after the other: captures of `venue`.

    Shape (n,), dtype EVENT, in kernel time order. Faults in the files are passed over;
    `load_events_with_faults` tells them. Raises DataError for a missing or unreadable file, an unknown venue,
    or files without a single event.
    """
    return load_events_with_faults(paths, venue=venue, market=market, depth_bps=depth_bps)[0]


def load_events_with_faults(
    paths: Iterable[str | PathLike[str]], *, venue: str, market: str, depth_bps: float = DEPTH_BPS
) -> tuple[Events, Faults]:
    """As `load_events`, and what was wrong with the files."""
    faults = Faults()
    if venue not in VENUES:
        raise DataError(f"unknown venue {venue!r}: one of {', '.join(sorted(VENUES))}")
    files = [Path(path) for path in paths]
    decoding = CaptureDecoding(files, VENUES[venue], market, depth_bps, faults)
    chunks = [piece.events for piece in decoding.slices()]
    return np.concatenate(chunks) if chunks else np.zeros(0, EVENT), faults
