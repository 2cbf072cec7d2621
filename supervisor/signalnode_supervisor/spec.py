"""What is wanted of one child: what its process is started with, what it may use, how it is treated."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from signalnode_supervisor.errors import SpecError

NAME_BYTES_MAX = 64  # a name becomes part of file names
ARGS_BYTES_MAX = 32_768  # the spec travels to the child in one message
RESERVED_NAMES = ("supervisor", "forkserver")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

Restart = Literal["always", "on-failure", "never"]
# Fields of a spec that its process is never told; one that is not named here counts as told.
POLICY = frozenset(
    {
        "role",
        "order",
        "restart",
        "intensity",
        "period_s",
        "backoff_first_s",
        "backoff_base_s",
        "backoff_max_s",
        "stable_s",
        "retry_s",
        "excused_statuses",
        "start_timeout_s",
        "stop_grace_s",
        "heartbeats_missed_max",
        "rereads",
        "hands_over",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one child may use. None means no limit of ours."""

    memory_max_bytes: int | None = None  # its own, beyond what it shares with the fork server at birth
    nice: int = 0  # added to the supervisor's own niceness, 0 to 19
    cpu_affinity: tuple[int, ...] = ()  # CPU numbers; () = all that the supervisor may use
    files_max: int | None = None  # RLIMIT_NOFILE; None = the supervisor's own


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child, as wanted.

    The first fields are what its process is started with: when one of them changes, `reload` restarts it. The
    rest, POLICY, the supervisor alone applies: a change takes effect at a reload and touches no process.

    `target` is "package.module:function", called in the child as `function(link, args) -> int` (exit status).
    `fingerprint` stands for whatever else the child reads (say, a digest of its config file). Raises
    SpecError when a value is impossible.
    """

    name: str
    target: str
    args: Mapping[str, Any] = field(default_factory=dict)  # anything JSON can hold
    fingerprint: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)  # added to each of its log lines
    reload_signal: int = 0  # sent, when up, at a reload or a new name that leaves it alone; 0 = none
    # Longest time between two `link.beat()` of a healthy child; 0 = none expected.
    heartbeat_interval_s: float = 1.0
    limits: Limits = Limits()
    role: str = "child"
    order: int = 0  # lower starts first and stops last
    # After an end that the supervisor was not asked for. "on-failure" takes any status but 0 for one, and any
    # signal, SIGTERM included: only `stop` keeps a child down. One that catches SIGTERM and then ends with
    # status 0 says that its work is done, and stays down.
    restart: Restart = "always"
    # At more failures than this within period_s the child is given up; None = never.
    intensity: int | None = 5
    period_s: float = 60.0
    backoff_first_s: float = 0.0  # the first restart after a stable time is at once: somebody waits for it
    backoff_base_s: float = 0.5  # the second waits up to this, each further one up to twice as long
    backoff_max_s: float = 30.0
    stable_s: float = 60.0  # up for this long, earlier failures are forgotten
    # Exits that are the machine's fault, a full disk's say: they count for the backoff, and never towards
    # giving up.
    excused_statuses: tuple[int, ...] = ()
    retry_s: float = 300.0  # a given-up child gets one try this often; 0 = never
    start_timeout_s: float = 60.0  # to `link.ready()` from process start, or from the latest progress
    stop_grace_s: float = 5.0  # SIGTERM to SIGKILL
    heartbeats_missed_max: int = 3  # then it counts as hung
    # What it reads again at its reload_signal, each by name with a digest: `reload` answers what has changed.
    rereads: Mapping[str, str] = field(default_factory=dict)
    # A restart that is asked for starts the new process first, and ends the old one when that is ready. The
    # target sees whom it is to relieve in `link.relieves`, and says `ready` when it has taken over.
    hands_over: bool = False

    def __post_init__(self) -> None:
        for wrong, message in _faults(self):
            if wrong:
                raise SpecError(f"child {self.name!r}: {message}")

    def digest(self) -> str:
        """Sixteen hex digits that change when, and only when, a running child must be restarted."""
        started_with = {key: value for key, value in asdict(self).items() if key not in POLICY}
        canonical = json.dumps(started_with, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _faults(spec: ChildSpec) -> list[tuple[bool, str]]:
    times = (
        spec.backoff_first_s,
        spec.backoff_base_s,
        spec.backoff_max_s,
        spec.retry_s,
        spec.heartbeat_interval_s,
    )
    return [
        (
            not _NAME.fullmatch(spec.name),
            "a name starts with a letter or digit; then letters, digits, '.', '_', '-'",
        ),
        (spec.name.lower() in RESERVED_NAMES, "this name is the supervisor's own; choose another"),
        (len(spec.name.encode()) > NAME_BYTES_MAX, f"a name has at most {NAME_BYTES_MAX} bytes"),
        (not _TARGET.fullmatch(spec.target), f"target {spec.target!r} is not 'package.module:function'"),
        (spec.restart not in ("always", "on-failure", "never"), f"restart {spec.restart!r} is no policy"),
        (
            (spec.intensity or 0) < 0 or spec.period_s <= 0,
            "intensity must be at least 0 and period_s above 0",
        ),
        (min(times) < 0 or spec.stable_s < 0, "no time may be negative"),
        (
            spec.start_timeout_s <= 0 or spec.stop_grace_s < 0,
            "start_timeout_s must be above 0, stop_grace_s at least 0",
        ),
        (spec.heartbeats_missed_max < 1, "heartbeats_missed_max must be at least 1"),
        (not 0 <= spec.limits.nice <= 19, "nice must lie within 0 and 19"),
        (not _is_json(spec.args), f"args must be JSON of at most {ARGS_BYTES_MAX} bytes"),
    ]


def _is_json(args: Mapping[str, Any]) -> bool:
    try:
        return len(json.dumps(dict(args)).encode()) <= ARGS_BYTES_MAX
    except (TypeError, ValueError):
        return False
