"""Where events come from. FEEDS is the register of kinds; the venues have theirs in `feeds/venues/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from signalnode.errors import ConfigError
from signalnode.feeds.base import DEPTH_BPS, Feed
from signalnode.feeds.faults import DataWarning, Faults
from signalnode.feeds.files.capture import CaptureDecoding
from signalnode.feeds.files.loading import load_events, load_events_with_faults, one_of, open_decoding
from signalnode.feeds.files.playback import PlaybackFeed
from signalnode.feeds.files.recording import RecordingDecoding
from signalnode.feeds.files.store import code_digest
from signalnode.feeds.health import ChannelHealth
from signalnode.feeds.synthetic import SyntheticFeed, synthetic_events
from signalnode.feeds.venues import decoder_of
from signalnode.settings import VENUE_NAMES, MarketSettings, frames_of, gateway_of

if TYPE_CHECKING:
    from signalnode.feeds.recorded.tape import Tape

__all__ = [
    "FEEDS",
    "ChannelHealth",
    "DataWarning",
    "Faults",
    "Feed",
    "load_events",
    "load_events_with_faults",
    "open_decoding",
    "open_feed",
    "rehearse",
    "synthetic_events",
]


def _capture(settings: MarketSettings, directory: Path) -> Feed:
    feed, market = settings.feed, settings.market
    if frames_of(feed.venue) not in VENUE_NAMES:
        where = settings.path or market
        raise ConfigError(f"{where}: feed.venue: {feed.venue!r} is no venue known; {one_of(VENUE_NAMES)}")
    decoder, symbol = decoder_of(feed.venue), feed.symbol or market
    return PlaybackFeed(
        feed.paths,
        directory,
        code=(CaptureDecoding, decoder),
        facts=("capture", feed.venue, symbol, DEPTH_BPS),
        make_decoding=lambda: CaptureDecoding(feed.paths, decoder, symbol, DEPTH_BPS, Faults()),
        loop=feed.loop,
    )


def _recording(settings: MarketSettings, directory: Path) -> Feed:
    feed = settings.feed
    symbol = feed.symbol or settings.market
    return PlaybackFeed(
        feed.paths,
        directory,
        code=(RecordingDecoding,),
        facts=("recording", symbol),
        make_decoding=lambda: RecordingDecoding(feed.paths, symbol, Faults()),
        loop=feed.loop,
    )


def _synthetic(settings: MarketSettings, _directory: Path) -> Feed:
    feed = settings.feed
    return SyntheticFeed(feed.seed, events_per_s=feed.events_per_s, price=feed.price)


def _live(
    settings: MarketSettings,
    directory: Path,
    tape: Tape | None = None,
) -> Feed:
    from signalnode.feeds.live.envelope import frames_endpoint
    from signalnode.feeds.live.feed import LiveFeed
    from signalnode.feeds.live.sessions import venue_of

    feed, gateway = settings.feed, gateway_of(settings)
    symbol = feed.symbol or venue_of(feed.venue).symbol(settings.market)
    endpoint = frames_endpoint(directory, gateway)
    decoder = decoder_of(feed.venue)
    if tape is not None:
        from signalnode.feeds.recorded.taped import TapedFeed

        return TapedFeed(endpoint, gateway, symbol, decoder, DEPTH_BPS, tape=tape, venue=feed.venue)
    return LiveFeed(endpoint, gateway, symbol, decoder, DEPTH_BPS, venue=feed.venue)


FEEDS: dict[str, Callable[[MarketSettings, Path], Feed]] = {
    "capture": _capture,
    "live": _live,
    "recording": _recording,
    "synthetic": _synthetic,
}


def open_feed(
    settings: MarketSettings,
    state_dir: Path,
    runtime_dir: Path = Path(),
    tape: Tape | None = None,
) -> Feed:
    """The feed of one market, at its beginning; what it decodes it keeps in `state_dir/<MARKET>/`. A live
    one hears its gateway in `runtime_dir`, and tells `tape` all that it hears.

    Nothing is decoded yet: that is `Feed.prepare`. Raises ConfigError for an unknown kind or venue, DataError
    for a file that is missing.
    """
    feed = settings.feed
    if feed.kind not in FEEDS:
        raise ConfigError(f"{settings.path or settings.market}: feed.kind: {feed.kind!r}; {one_of(FEEDS)}")
    if feed.kind == "live":
        return _live(settings, runtime_dir, tape)
    return FEEDS[feed.kind](settings, state_dir / settings.market)


def rehearse() -> None:
    """Work out what each decoder means, once for all processes that are forked from this one."""
    from signalnode.feeds.live.rehearsal import rehearse as rehearse_live

    code_digest(RecordingDecoding)
    for venue in VENUE_NAMES:
        code_digest(CaptureDecoding, decoder_of(venue))
    rehearse_live()
