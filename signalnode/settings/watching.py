"""What can be set of the processes that watch a node: the page with its metrics, and alerts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from signalnode.settings.bounds import Within

AlertState = Literal[
    "stale",
    "degraded",
    "behind",
    "silent",
    "unheard",
    "given_up",
    "backing_off",
    "down",
    "restarted",
    "troubled",
    "failing",
    "withheld",
    "dark",
    "lost",
    "unshipped",
    "unplaced",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """`[panel]`: the web page, the metrics and the health of the node, in a process of their own."""

    # Where browsers and Prometheus ask, as host:port; none = no such process. Beyond this machine only with
    # `token_file`, and behind a proxy that speaks TLS.
    endpoint: str = ""
    # Without the page there are metrics and health alone.
    page: bool = True
    # Whether each score of each market is among the metrics: eight series a market.
    scores: bool = True
    # Browsers at once; each further one is told to come back later.
    clients_max: Annotated[int, Within(1, 1_000)] = 32
    # Names, beside those of `endpoint`, by which browsers may ask for the page: a proxy's.
    hosts: tuple[str, ...] = ()
    # A file with the words that whoever asks has to know.
    token_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """`[alerts]`: who is told when something is wrong, in a process of its own."""

    # Where each message is posted as JSON, https://, or http:// on this machine; none = nowhere.
    webhook: str = ""
    # A file that holds that address, read for each message; in place of `webhook`.
    webhook_file: Path | None = None
    # A program with its arguments, run for each message, which it reads from stdin; none = no program.
    command: tuple[str, ...] = ()
    # What is told of markets, processes, strategies, Layer 5 and a cluster, and when it is over. A market
    # that somebody stopped is `down`, and a gap is mended in seconds.
    states: tuple[AlertState, ...] = (
        "stale",
        "degraded",
        "behind",
        "silent",
        "unheard",
        "given_up",
        "restarted",
        "troubled",
        "failing",
        "withheld",
        "dark",
        "lost",
        "unshipped",
        "unplaced",
    )
    # Strategies whose decisions are told, by name or pattern; none = none.
    decisions: tuple[str, ...] = ()
    # Markets, processes, strategies and kinds of which nothing is told, by name or pattern.
    silent: tuple[str, ...] = ()
    # A state is told when it has lasted so long: most outages are over sooner.
    after_s: Annotated[float, Within(0.0, 86_400.0)] = 15.0

    @property
    def is_on(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.webhook or self.webhook_file or self.command)
