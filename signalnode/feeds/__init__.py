"""Where events come from. `VENUES` and `FEEDS` are the registries: one file and one line for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path

from signalnode.errors import ConfigError, DataError
from signalnode.events import Events
from signalnode.feeds.base import DEPTH_BPS, Faults, Feed
from signalnode.feeds.binance import BinanceDecoder
from signalnode.feeds.capture import CaptureDecoding
from signalnode.feeds.coinbase import CoinbaseDecoder
from signalnode.feeds.decoded import Decoding, code_digest
from signalnode.feeds.health import ChannelHealth
from signalnode.feeds.recording import RecordingDecoding
from signalnode.feeds.stored import StoredFeed
from signalnode.feeds.synthetic import SyntheticFeed, synthetic_events
from signalnode.feeds.venue import DecoderOf
from signalnode.settings import MarketSettings

__all__ = [
    "FEEDS",
    "VENUES",
    "ChannelHealth",
    "Faults",
    "Feed",
    "load_events",
    "load_events_with_faults",
    "open_decoding",
    "open_feed",
    "rehearse",
    "synthetic_events",
]

RECORDING_SUFFIX = ".parquet"

VENUES: dict[str, DecoderOf] = {
    "binance": BinanceDecoder,
    "coinbase": CoinbaseDecoder,
}


def _capture(settings: MarketSettings, directory: Path) -> Feed:
    feed, market = settings.feed, settings.market
    if feed.venue not in VENUES:
        where = settings.path or market
        raise ConfigError(f"{where}: feed.venue: {feed.venue!r} is no venue known; {_one_of(VENUES)}")
    decoder_of = VENUES[feed.venue]
    return StoredFeed(
        feed.paths,
        directory,
        code=(CaptureDecoding, decoder_of),
        facts=("capture", feed.venue, market, DEPTH_BPS),
        decoding_of=lambda: CaptureDecoding(feed.paths, decoder_of, market, DEPTH_BPS, Faults()),
        loop=feed.loop,
    )


def _recording(settings: MarketSettings, directory: Path) -> Feed:
    feed, market = settings.feed, settings.market
    return StoredFeed(
        feed.paths,
        directory,
        code=(RecordingDecoding,),
        facts=("recording", market),
        decoding_of=lambda: RecordingDecoding(feed.paths, market, Faults()),
        loop=feed.loop,
    )


def _synthetic(settings: MarketSettings, _directory: Path) -> Feed:
    feed = settings.feed
    return SyntheticFeed(feed.seed, events_per_s=feed.events_per_s, price=feed.price)


FEEDS: dict[str, Callable[[MarketSettings, Path], Feed]] = {
    "capture": _capture,
    "recording": _recording,
    "synthetic": _synthetic,
}


def open_feed(settings: MarketSettings, state_dir: Path) -> Feed:
    """The feed of one market, at its beginning; what it decodes it keeps in `state_dir/<MARKET>/`.

    Nothing is decoded yet: that is `Feed.prepare`. Raises ConfigError for an unknown kind or venue, DataError
    for a file that is missing.
    """
    feed = settings.feed
    if feed.kind not in FEEDS:
        raise ConfigError(f"{settings.path or settings.market}: feed.kind: {feed.kind!r}; {_one_of(FEEDS)}")
    return FEEDS[feed.kind](settings, state_dir / settings.market)


def rehearse() -> None:
    """Work out what each decoder means, once for all processes that are forked from this one."""
    code_digest(RecordingDecoding)
    for decoder_of in VENUES.values():
        code_digest(CaptureDecoding, decoder_of)


def load_events(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    venue: str = "",
    market: str = "",
    depth_bps: float = DEPTH_BPS,
) -> Events:
    """The events of some files, played one after the other: captures of `venue`, or recordings (`.parquet`).

    Shape (n,), dtype EVENT, in kernel time order. Faults in the files are passed over;
    `load_events_with_faults` tells them. Raises DataError for a missing or unreadable file, an unknown venue,
    or files without one event.
    """
    return load_events_with_faults(paths, venue=venue, market=market, depth_bps=depth_bps)[0]


def load_events_with_faults(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    venue: str = "",
    market: str = "",
    depth_bps: float = DEPTH_BPS,
) -> tuple[Events, Faults]:
    """As `load_events`, and what was wrong with the files."""
    decoding = open_decoding(paths, venue=venue, market=market, depth_bps=depth_bps)
    return decoding.gather(), decoding.faults


def open_decoding(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    venue: str = "",
    market: str = "",
    depth_bps: float = DEPTH_BPS,
) -> Decoding:
    """The events of some files as `slices()` of bounded size, for files that do not fit into memory.

    Each slice is `(events, done)`, with `done` the fraction read; `faults` grow as it goes on. Raises
    DataError as `load_events` does, here or while slices are drawn.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    if not files:
        raise DataError("no file named: give at least one capture or recording")
    recorded = [path.suffix == RECORDING_SUFFIX for path in files]
    if all(recorded):
        return RecordingDecoding(files, market, Faults())
    if any(recorded):
        raise DataError(f"{files[recorded.index(True)]}: a recording among captures: load one kind at a time")
    if not venue:
        raise DataError(f"{files[0]}: whose frames are in it? Name the venue, {_one_of(VENUES)}")
    if venue not in VENUES:
        raise DataError(f"unknown venue {venue!r}: {_one_of(VENUES)}")
    return CaptureDecoding(files, VENUES[venue], market, depth_bps, Faults())


def _one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(sorted(names))
