"""What a session wants done, and the times that its parts share."""

from __future__ import annotations

from random import Random
from typing import Literal, NamedTuple

from signalnode.clock import NS_PER_S

NEVER_NS = 2**63 - 1
BACKOFF_S, BACKOFF_S_MAX = 1.0, 60.0
RENEW_S_MIN = 2.0  # between two requests for the same
RETRY_AFTER_S_MAX = 3_600.0
HEALING = frozenset({408, 418, 425, 429})  # of 4xx: slow, banned for a time, too early, too often


class Open(NamedTuple):
    """Connect to the venue."""


class Send(NamedTuple):
    """Send a frame."""

    frame: bytes


class Close(NamedTuple):
    """Close the connection; `closed` is to be told when it is."""

    reason: str


class Retire(NamedTuple):
    """Make a new connection to take this one's place, and only then let it go."""

    reason: str


class Deliver(NamedTuple):
    """Pass a frame on to a market; symbol "" for all of the connection."""

    symbol: str
    frame: bytes


class Tell(NamedTuple):
    """Tell a market what became of it; symbol "" for all of the connection."""

    symbol: str
    state: Literal["heard", "lost", "refused"]
    reason: str


class Fetch(NamedTuple):
    """Ask the venue's REST for a market's book; `on_answer` is to be told what came."""

    symbol: str
    url_path: str
    weight: float


class Answer(NamedTuple):
    """Pass on to a market what was fetched for it."""

    symbol: str
    url_path: str
    body: bytes


class Address(NamedTuple):
    """Tell a market where its connection goes, behind the venue's `ws_url`; symbol "" for all of it."""

    symbol: str
    url_path: str


class Beside(NamedTuple):
    """Tell a market that this connection comes beside the one it has."""

    symbol: str


class Moved(NamedTuple):
    """Tell a market that the connections that came beside have taken over, or (False) that they have gone."""

    symbol: str
    is_done: bool


Action = Open | Send | Close | Retire | Deliver | Tell | Fetch | Answer | Address | Beside | Moved


def ns_of(seconds: float) -> int:
    """Whole nanoseconds; NEVER_NS at most."""
    return min(int(min(seconds, 1e9) * NS_PER_S), NEVER_NS)


def backoff_s(failures: int) -> float:
    """A wait that doubles with each failure in a row, BACKOFF_S to BACKOFF_S_MAX."""
    return min(BACKOFF_S_MAX, BACKOFF_S * 2.0 ** min(failures - 1, 16))


def jittered_s(random: Random, failures: int) -> float:
    """A random share of that wait."""
    return random.random() * backoff_s(failures)


def cannot_heal(status: int) -> bool:
    """Whether an HTTP status says no for good: a redirect, which is not followed, or 4xx but HEALING."""
    return 300 <= status < 500 and status not in HEALING
