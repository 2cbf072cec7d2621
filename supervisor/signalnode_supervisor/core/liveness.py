"""What a child says over its heartbeat pipe, and when its silence means that it hangs.

One message is one JSON line below PIPE_BUF bytes, so that the kernel never mixes two of them:
`{"kind": "beat", "at_ns": 123, "facts": {"seq": 7}}`, with `ready` beside `beat`. `at_ns` is
CLOCK_MONOTONIC of the moment it was sent: a supervisor that reads late still judges by when the child lived.

One fact means something here: `progress`, the share of its start that a child has behind it, a number from
0 to 1. A child that says it before it is `ready` may take longer than its `start_timeout_s`: whenever the
number is higher than any before, that time begins anew, up to PREPARE_S_MAX after the process started. One
that stands still is late in the end, and one that falls silent meanwhile hangs, as if it were up. With 1 all
is prepared: what is left has `start_timeout_s` once more, and no heartbeat is expected until `ready`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalnode_supervisor.durations import ns
from signalnode_supervisor.spec import ChildSpec

MESSAGE_BYTES_MAX = 2048  # below PIPE_BUF (4096): a write is then whole or not at all
PENDING_BYTES_MAX = 65_536  # what one pipe can hold; more without a newline is no message
KINDS = ("ready", "beat")
PREPARE_S_MAX = 3600.0  # longest start, in seconds from process start, of a child that reports progress
PROGRESS_WHOLE = 1.0  # `progress` of a child that has all its preparations behind it

_encode = json.JSONEncoder(separators=(",", ":")).encode  # `dumps` makes an encoder each time


@dataclass(frozen=True, slots=True)
class ChildMessage:
    """One line from a child. `facts` are small JSON values that `status` shows."""

    kind: str
    at_ns: int
    facts: dict[str, Any]


def encode(kind: str, at_ns: int, facts: Mapping[str, Any]) -> bytes:
    """The line for a message; facts that cannot be encoded or are too large are left out."""
    try:
        line = _encode({"kind": kind, "at_ns": at_ns, "facts": facts}).encode()
    except (TypeError, ValueError):
        line = b""
    if not line or len(line) >= MESSAGE_BYTES_MAX:
        line = _encode({"kind": kind, "at_ns": at_ns, "facts": {}}).encode()
    return line + b"\n"


def decode(pending: bytes, data: bytes) -> tuple[list[ChildMessage], bytes]:
    """Messages in `pending + data`, and the unfinished rest. What is no message is passed over in silence."""
    *lines, rest = (pending + data).split(b"\n")
    messages = [message for line in lines if (message := _parse(line)) is not None]
    return messages, rest if len(rest) < PENDING_BYTES_MAX else b""


def merged(messages: list[ChildMessage]) -> list[ChildMessage]:
    """The same with each run of beats made one: the latest time, and of each fact the latest word."""
    short: list[ChildMessage] = []
    for message in messages:
        if short and short[-1].kind == message.kind == "beat":
            short[-1] = ChildMessage("beat", message.at_ns, {**short[-1].facts, **message.facts})
        else:
            short.append(message)
    return short


def _parse(line: bytes) -> ChildMessage | None:
    try:
        raw = json.loads(line)
        kind, at_ns, facts = raw["kind"], raw["at_ns"], raw["facts"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if kind not in KINDS or not isinstance(at_ns, int) or not isinstance(facts, dict):
        return None
    return ChildMessage(kind, at_ns, facts)


def hung_at_ns(spec: ChildSpec, last_ns: int) -> int | None:
    """When a child last heard at `last_ns` counts as hung; None when no heartbeats are expected of it."""
    if spec.heartbeat_interval_s == 0:
        return None
    return last_ns + spec.heartbeats_missed_max * ns(spec.heartbeat_interval_s)


def progress_of(facts: Mapping[str, Any]) -> float | None:
    """What a child says of its progress, 0 to 1; None where it says nothing that is one."""
    said = facts.get("progress")
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0.0 <= said <= PROGRESS_WHOLE else None


def is_ahead(progress: float | None, furthest: float | None) -> bool:
    """Whether this is progress at all: beyond the furthest that was said before, None when nothing was."""
    return progress is not None and (furthest is None or progress > furthest)


def late_at_ns(spec: ChildSpec, started_ns: int, moved_ns: int) -> int:
    """When a child that is not ready counts as late: `moved_ns` is its start or its latest progress."""
    longest_s = max(PREPARE_S_MAX, spec.start_timeout_s)
    return min(moved_ns + ns(spec.start_timeout_s), started_ns + ns(longest_s))
