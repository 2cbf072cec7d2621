"""Verbs that listen: subscribe, top."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from signalnode.bus.curve import trusted_key
from signalnode.bus.subscriber import Subscription
from signalnode.bus.subscriber import subscribe as open_subscription
from signalnode.bus.wire import SILENT_AFTER_S, Score
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.errors import ClusterError, ConfigError
from signalnode.panels.view import known_scores, price, rounded
from signalnode.settings import FeedSettings, NodeSettings, find_node, load_node, market_names_of
from signalnode.settings.environment import config_option

KNOWN_MAX = 10  # markets of the config that one line names
ASK_AGAIN_NS = 15 * NS_PER_S  # where a cluster's Layer 5 is heard; each question takes seconds of a processor


@dataclass(slots=True)
class Source:
    """Where scores are heard, and by which keys. `ask` says where now, for one that may move: a cluster's.

    A cluster may also change its keys, in the files in `keys`.
    """

    endpoint: str
    keys: Path | None = None
    ask: Callable[[], str] | None = None
    _asked_ns: int = 0
    _key: bytes = b""

    def __post_init__(self) -> None:
        self._key = self._trusted()

    @property
    def is_clusters(self) -> bool:
        """Whether it is a cluster's Layer 5, which begins elsewhere when its host is lost."""
        return self.ask is not None

    def has_moved(self, now_ns: int) -> bool:
        """Ask, unless that was just done; whether `endpoint`, or the key to trust there, is another since."""
        if self.ask is None or now_ns - self._asked_ns < ASK_AGAIN_NS:
            return False
        self._asked_ns = now_ns
        before = self.endpoint, self._key
        self._key = self._trusted()
        with contextlib.suppress(ClusterError):  # its head is away: what is heard is heard where it was
            self.endpoint = self.ask()
        return (self.endpoint, self._key) != before

    def _trusted(self) -> bytes:
        """What is trusted there; as before where that is just being replaced."""
        with contextlib.suppress(ConfigError):
            return trusted_key(self.keys) if self.keys is not None and self.is_clusters else b""
        return self._key


def subscribe(arguments: argparse.Namespace) -> int:
    """Print scores as they come, `--count` of them or until Ctrl-C."""
    source = _source(arguments)
    option = "" if arguments.endpoint else config_option(arguments.config)
    known = [] if arguments.endpoint else market_names_of(find_node(arguments.config))
    absent = _absent(arguments.markets, known)
    here = None if arguments.endpoint or source.is_clusters else find_node(arguments.config).control_path
    left = arguments.count or -1
    while left:
        with open_subscription(
            *arguments.markets, endpoint=source.endpoint, keys=source.keys, newest=arguments.newest
        ) as heard:
            score = _first(heard, source, arguments.markets, option, absent, here=here)
            while score is not None:
                _print(score, arguments.json)
                left -= 1
                score = _next(heard, source) if left else None
    return 0


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.endpoint:
        return Source(arguments.endpoint, arguments.keys)
    aggregator = find_node(arguments.config, bus=True).aggregator
    with contextlib.suppress(ConfigError):  # a fault elsewhere locks nobody out of a node that runs
        if load_node(arguments.config, with_markets=False).cluster is not None:
            from signalnode.cli.cluster import heard_at

            ask = partial(heard_at, arguments.config)
            endpoint, keys = ask()
            return Source(endpoint, arguments.keys or keys, lambda: ask()[0])
    return Source(aggregator.endpoint, arguments.keys or aggregator.keys_dir)


def _next(heard: Subscription, source: Source) -> Score | None:
    """The next score; None where it is heard elsewhere by now."""
    while True:
        message = heard.receive(SILENT_AFTER_S if source.is_clusters else None)
        if isinstance(message, Score):
            return message
        if message is None and source.has_moved(monotonic_ns()):
            return None


def _absent(markets: Sequence[str], known: Sequence[str]) -> str:
    """Those that the config does not have, and what it has; "" where there is nothing to say."""
    unknown = [market for market in markets if market not in known]
    if not unknown or not known:
        return ""
    more = f" and {len(known) - KNOWN_MAX} more" if len(known) > KNOWN_MAX else ""
    return f"; the config has no {', '.join(unknown)}, but {', '.join(known[:KNOWN_MAX])}{more}"


def _first(
    heard: Subscription,
    source: Source,
    markets: Sequence[str],
    option: str = "",
    absent: str = "",
    *,
    here: Path | None = None,
) -> Score | None:
    """The first score; None where it is heard elsewhere by now.

    ZeroMQ waits without a word for a node that is not there, so we have to say it.
    """
    told = False
    while True:
        score = heard.receive(None if told and not source.is_clusters else SILENT_AFTER_S)
        if isinstance(score, Score):
            return score
        if not told:
            told = True
            why = _nothing(source.endpoint, markets, heard.answered(), here)
            verb = "cluster status" if source.is_clusters else "status"
            print(f"signalnode: {why} `signalnode {verb}{option}`{absent}", file=sys.stderr)
        elif score is None and source.has_moved(monotonic_ns()):
            return None


def _nothing(endpoint: str, markets: Sequence[str], is_answered: bool, here: Path | None = None) -> str:
    """Why nothing may be heard; `here`: where the node of the config takes requests."""
    if not is_answered and here is not None and _is_running(here):
        return f"nothing heard on {endpoint} yet; the node runs, and is on its way: see"
    if not is_answered:
        return f"nothing heard on {endpoint} yet; is the node running? See"
    whom = ", ".join(markets) or "any market"
    return f"a node answers on {endpoint}, but nothing is heard of {whom} yet; see"


def _is_running(control_path: Path) -> bool:
    from signalnode_supervisor.control import request
    from signalnode_supervisor.errors import SupervisorError

    try:
        return bool(request(control_path, "ping", timeout_s=SILENT_AFTER_S).get("ok"))
    except (SupervisorError, OSError):
        return False


def _print(score: Score, as_json: bool) -> None:
    """One line, at once: a reader behind a pipe wants it now."""
    if as_json:
        text = msgspec.json.encode(score).decode()
    else:
        scores = " ".join(f"{name}={rounded(value, 1)}" for name, value in known_scores(score).items())
        head = f"{score.market} seq={score.seq} mid={price(score.mid)}"
        why = f": {score.health.reason}" if score.health is not None and score.health.reason else ""
        text = f"{head} {scores} warm={score.warm:.2f} {score.status}{why}"
    print(text, flush=True)


def top(arguments: argparse.Namespace) -> int:
    """Watch the board until Ctrl-C."""
    from signalnode.panels.watch import EventPipe, watch

    node = find_node(arguments.config, bus=True)
    notes: Mapping[str, str] = dict.fromkeys(market_names_of(node), "")

    def newest() -> Mapping[str, str]:
        nonlocal notes
        with contextlib.suppress(ConfigError):  # being edited; what we have will do
            notes = _notes(load_node(arguments.config))
        return notes

    events = EventPipe(sys.stdin.fileno()) if arguments.events else None
    assert node.path is not None
    option = config_option(node.path)
    page = f"http://{node.panel.endpoint}" if node.panel.endpoint else ""
    source = _source(arguments)
    return watch(source.endpoint, newest, events, source.keys, config_option=option, page=page)


def _notes(node: NodeSettings) -> dict[str, str]:
    return {name: _note(market.feed, node) for name, market in node.markets.items()}


def _note(feed: FeedSettings, node: NodeSettings) -> str:
    """What a trader must know of where a market's numbers come from; nothing where they are its venue's."""
    if feed.kind == "live":
        given = node.venues.get(feed.venue)
        url = str(given.get("ws_url", "")) if isinstance(given, dict) else ""
        return f"at {urlsplit(url).hostname}" if url else ""
    if feed.kind == "synthetic":
        return "synthetic"
    speed = "" if feed.speed == 1.0 else f" ×{feed.speed:g}" if feed.speed else " at full speed"
    return f"replay{speed}"
