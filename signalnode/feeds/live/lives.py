"""The lives of a connection and of a subscription, as tables, and how a subscription stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from signalnode.feeds.live.actions import NEVER_NS

ConnectionState = Literal["resting", "connecting", "greeting", "ready", "closing", "refused"]

CONNECTION: dict[tuple[ConnectionState, str], ConnectionState] = {
    ("resting", "due"): "connecting",
    ("connecting", "opened"): "greeting",
    ("connecting", "failed"): "resting",
    ("connecting", "refused"): "refused",
    ("refused", "due"): "connecting",
    ("greeting", "greeted"): "ready",
    ("greeting", "given_up"): "closing",
    ("greeting", "closed"): "resting",
    ("ready", "given_up"): "closing",
    ("ready", "closed"): "resting",
    ("closing", "closed"): "resting",
}

State = Literal["wanted", "asked", "active", "leaving", "left", "refused"]
Key = tuple[str, str]  # symbol, channel

HELD = frozenset({"asked", "active", "leaving", "left"})

SUBSCRIPTION: dict[tuple[State, str], State] = {
    ("wanted", "sent"): "asked",
    ("asked", "subscribed"): "active",
    ("asked", "failed"): "wanted",
    ("asked", "refused"): "refused",
    ("asked", "overdue"): "leaving",
    ("active", "renewed"): "leaving",
    ("active", "unsubscribed"): "wanted",  # by the venue's own will
    ("leaving", "sent"): "left",
    ("leaving", "unsubscribed"): "wanted",
    ("left", "unsubscribed"): "wanted",
    ("asked", "closed"): "wanted",
    ("active", "closed"): "wanted",
    ("leaving", "closed"): "wanted",
    ("left", "closed"): "wanted",
}


class Change(NamedTuple):
    """What became of a subscription: it is active, refused, or doubted with its connection."""

    symbol: str
    channel: str
    state: Literal["active", "refused", "doubted"]
    detail: str = ""


@dataclass(slots=True)
class Asked:
    """How one channel of one market stands."""

    state: State = "wanted"
    is_wanted: bool = True  # else it is let go as soon as the venue has answered
    is_alone: bool = False  # to be asked for without others
    is_joint: bool = False  # whether it was asked for with others
    due_ns: int = 0  # before it may be sent, or when its answer is overdue
    is_known: bool = False  # whether the venue has agreed to it, over any connection
    is_suspect: bool = False  # see `suspects.py`
    unanswered: int = 0  # connections in a row that were closed before there was an answer
    alone: int = 0  # of these, those on which it alone was asked for
    strikes: int = 0  # and of these, those on which others had been agreed to
    tries: int = 0  # since the last answer
    sent_ns: int = -NEVER_NS
    silent_ns: int = NEVER_NS  # when it will have brought nothing for too long; NEVER_NS once it has spoken
    has_spoken: bool = False  # over any connection
    is_early: bool = False  # whether it has brought something before the answer
    silences: int = 0  # in a row
    spoke_ns: int = 0  # last over this connection; 0: not yet
    frames: int = 0  # of all connections
    longest_ns: int = 0  # wait between two of them, which is forgotten slowly
