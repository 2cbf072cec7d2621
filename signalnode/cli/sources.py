"""What is to be evaluated: files by market, and markets of the config that play files, within a span."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signalnode.cli.spans import Source, of_recording, recordings_of, span_of
from signalnode.errors import DataError, UsageError
from signalnode.events import TIME_MAX_NS, Events, join_events
from signalnode.feeds import open_decoding
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.decoding import Decoding, Gaps, Marks, Slice
from signalnode.names import checked_name
from signalnode.settings import NodeSettings, config_found, load_node

ROWS = 131_072  # of events in memory that are worked on at once


class Within:
    """The events of a decoding from one kernel time to before another."""

    def __init__(self, decoding: Decoding, from_ns: int, to_ns: int) -> None:
        self._decoding, self._from_ns, self._to_ns = decoding, from_ns, to_ns
        self.faults, self.gaps, self.marks = decoding.faults, decoding.gaps, decoding.marks

    def slices(self) -> Iterator[Slice]:
        """As the decoding's own; nothing is read after the end. Raises DataError."""
        for events, done in self._decoding.slices():
            times = events["time_received_ns"]
            first, stop = np.searchsorted(times, [self._from_ns, self._to_ns]).tolist()
            yield Slice(events[first:stop], done)
            if stop < len(events):
                return

    def gather(self) -> Events:
        """All of them in one array. Raises DataError."""
        return join_events([events for events, _ in self.slices()])


class Given:
    """Events that are at hand, as a decoding."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self.faults, self.gaps, self.marks = Faults(), Gaps(), Marks()

    def slices(self) -> Iterator[Slice]:
        """All of them, ROWS at a time."""
        count = len(self._events)
        for start in range(0, count, ROWS):
            yield Slice(self._events[start : start + ROWS], min(start + ROWS, count) / count)

    def gather(self) -> Events:
        """All of them."""
        return self._events


def sources_of(arguments: argparse.Namespace) -> list[Source]:
    """By `arguments.what`: MARKET=FILE, a FILE (of `--market`, or called as its market), or a MARKET that was
    recorded, or else plays files by the config. Raises UsageError and DataError.
    """
    path = config_found(arguments.config)
    node = load_node(path) if path else None
    from_ns, to_ns = span_of(arguments)
    sources: list[Source] = []
    files: dict[str, list[Path]] = {}
    for word in arguments.what:
        named = _file_of(word, arguments.market)
        if named is not None:
            files.setdefault(named[0], []).append(named[1])
        else:
            sources.append(_of_market(word, arguments, node))
    for market, paths in files.items():
        _check(paths)
        settings = node.markets.get(market) if node else None
        decoding = open_decoding(paths, venue=arguments.venue, market=market, symbol=arguments.symbol)
        sources.append(Source(market, Within(decoding, from_ns, to_ns), settings))
    _check_names([source.market for source in sources])
    return sources


def _file_of(word: str, market: str) -> tuple[str, Path] | None:
    """Market and file, where the word names one."""
    name, equals, file = word.partition("=")
    if equals and not Path(word).exists():
        return checked_name(name), Path(file)
    if not Path(word).is_file():
        return None
    try:
        return checked_name(market or Path(word).name.partition(".")[0]), Path(word)
    except UsageError:
        raise UsageError(f"{word}: which market is it? Write MARKET={word}") from None


def _of_market(word: str, arguments: argparse.Namespace, node: NodeSettings | None) -> Source:
    """What was recorded of a market; nothing, and the files that it plays."""
    from signalnode.feeds.recorded.hours import KINDS, hours_in

    settings = node.markets.get(checked_name(word)) if node else None
    folder = recordings_of(arguments)
    if any(hours_in(folder, kind, market=word) for kind in KINDS):
        return of_recording(arguments, word)
    if settings is None or not settings.feed.paths:
        raise DataError(f"{word}: no file is called so, and nothing of such a market is recorded in {folder}")
    feed = settings.feed
    decoding = open_decoding(feed.paths, venue=feed.venue, market=word, symbol=feed.symbol)
    return Source(word, Within(decoding, 0, TIME_MAX_NS), settings)


def _check_names(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{twice} is named twice; leave one out")


def _check(paths: list[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; mend the path")
        if path.resolve() in seen:
            raise DataError(f"{path}: is named twice, so its volume would be doubled; leave one out")
        seen.add(path.resolve())
