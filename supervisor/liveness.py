"""What a child says over its heartbeat pipe, and when its silence means that it hangs. Pure.

One message is one JSON line below PIPE_BUF bytes, so that the kernel never mixes two of them:
`{"kind": "beat", "at_ns": 123, "facts": {"seq": 7}}`, with `ready` beside `beat`. `at_ns` is
CLOCK_MONOTONIC of the moment it was sent: the supervisor may read late, and still judges by when the child
was alive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.child import ChildSpec
from supervisor.clock import ns

MESSAGE_BYTES_MAX = 2048  # below PIPE_BUF (4096): a write is then whole or not at all
PENDING_BYTES_MAX = 65_536  # what one pipe can hold; more without a newline is no message
KINDS = ("ready", "beat")


@dataclass(frozen=True, slots=True)
class Message:
    """One line from a child. `facts` are small JSON values that `status` shows."""

    kind: str
    at_ns: int
    facts: dict[str, Any]


def encode(kind: str, at_ns: int, facts: Mapping[str, Any]) -> bytes:
    """The line for a message; facts that cannot be encoded or are too large are left out."""
    try:
        line = json.dumps({"kind": kind, "at_ns": at_ns, "facts": facts}, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        line = b""
    if not line or len(line) >= MESSAGE_BYTES_MAX:
        line = json.dumps({"kind": kind, "at_ns": at_ns, "facts": {}}, separators=(",", ":")).encode()
    return line + b"\n"


def decode(pending: bytes, data: bytes) -> tuple[list[Message], bytes]:
    """Messages in `pending + data`, and the unfinished rest. What is no message is passed over in silence."""
    *lines, rest = (pending + data).split(b"\n")
    messages = [message for line in lines if (message := _parse(line)) is not None]
    return messages, rest if len(rest) < PENDING_BYTES_MAX else b""


def merged(messages: list[Message]) -> list[Message]:
    """The same with each run of beats made one: the latest time, and of each fact the latest word."""
    short: list[Message] = []
    for message in messages:
        if short and short[-1].kind == message.kind == "beat":
            short[-1] = Message("beat", message.at_ns, {**short[-1].facts, **message.facts})
        else:
            short.append(message)
    return short


def _parse(line: bytes) -> Message | None:
    try:
        raw = json.loads(line)
        kind, at_ns, facts = raw["kind"], raw["at_ns"], raw["facts"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if kind not in KINDS or not isinstance(at_ns, int) or not isinstance(facts, dict):
        return None
    return Message(kind, at_ns, facts)


def hung_at_ns(spec: ChildSpec, last_ns: int) -> int | None:
    """When a child last heard at `last_ns` counts as hung; None when no heartbeats are expected of it."""
    if spec.heartbeat_interval_s == 0:
        return None
    return last_ns + spec.heartbeats_missed_max * ns(spec.heartbeat_interval_s)
