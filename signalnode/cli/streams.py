"""Verbs that listen: subscribe, top."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from signalnode.bus.subscriber import Subscription
from signalnode.bus.subscriber import subscribe as open_subscription
from signalnode.bus.wire import SILENT_AFTER_S, Score
from signalnode.errors import ConfigError
from signalnode.panels.view import known_scores, price, rounded
from signalnode.settings import FeedSettings, NodeSettings, find_node, load_node, market_names_of
from signalnode.settings.environment import config_option

KNOWN_MAX = 10  # markets of the config that one line names


def subscribe(arguments: argparse.Namespace) -> int:
    """Print scores as they come, `--count` of them or until Ctrl-C."""
    endpoint, keys = _source(arguments)
    newest = arguments.newest
    with open_subscription(*arguments.markets, endpoint=endpoint, keys=keys, newest=newest) as heard:
        option = "" if arguments.endpoint else config_option(arguments.config)
        known = [] if arguments.endpoint else market_names_of(find_node(arguments.config))
        absent = _absent(arguments.markets, known)
        here = None if arguments.endpoint else find_node(arguments.config).control_path
        _print(_first(heard, endpoint, arguments.markets, option, absent, here=here), arguments.json)
        left = (arguments.count or 0) - 1
        while left:
            score = heard.receive()
            if isinstance(score, Score):
                _print(score, arguments.json)
                left -= 1
    return 0


def _source(arguments: argparse.Namespace) -> tuple[str, Path | None]:
    if arguments.endpoint:
        return arguments.endpoint, arguments.keys
    aggregator = find_node(arguments.config, bus=True).aggregator
    return aggregator.endpoint, arguments.keys or aggregator.keys_dir


def _absent(markets: Sequence[str], known: Sequence[str]) -> str:
    """Those that the config does not have, and what it has; "" where there is nothing to say."""
    unknown = [market for market in markets if market not in known]
    if not unknown or not known:
        return ""
    more = f" and {len(known) - KNOWN_MAX} more" if len(known) > KNOWN_MAX else ""
    return f"; the config has no {', '.join(unknown)}, but {', '.join(known[:KNOWN_MAX])}{more}"


def _first(
    heard: Subscription,
    endpoint: str,
    markets: Sequence[str],
    option: str = "",
    absent: str = "",
    *,
    here: Path | None = None,
) -> Score:
    """The first score. ZeroMQ waits without a word for a node that is not there, so we have to say it."""
    told = False
    while True:
        score = heard.receive(None if told else SILENT_AFTER_S)
        if isinstance(score, Score):
            return score
        if not told:
            told = True
            why = _nothing(endpoint, markets, heard.answered(), here)
            print(f"signalnode: {why} `signalnode status{option}`{absent}", file=sys.stderr)


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
    return watch(
        node.aggregator.endpoint, newest, events, node.aggregator.keys_dir, config_option=option, page=page
    )


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
