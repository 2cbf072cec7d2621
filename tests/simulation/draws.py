"""What a simulated world is made of: specs and processes, drawn by its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from signalnode_supervisor.spec import POLICY, ChildSpec

INTENSITY_MAX = 3


@dataclass(slots=True)
class Fake:
    """A process: what it is going to do was drawn at its birth."""

    name: str
    pid: int
    spec: ChildSpec
    born_ns: int
    deaf: bool  # SIGTERM and SIGABRT do nothing
    ready: bool = False
    silent_since_ns: int | None = None
    heard_ns: int = 0
    progress: float | None = None  # the furthest it said
    moved_ns: int = 0  # when it said that
    ending: bool = False


def draw_spec(rng: random.Random, name: str) -> ChildSpec:
    """A child that may be anything."""
    pick = rng.choice
    return ChildSpec(
        name=name,
        target="x:y",
        order=pick((0, 0, 1, 2)),
        restart=pick(("always", "always", "on-failure", "never")),
        intensity=pick((0, 1, INTENSITY_MAX)),
        period_s=pick((5.0, 60.0)),
        backoff_first_s=pick((0.0, 0.2)),
        backoff_base_s=pick((0.1, 0.5)),
        backoff_max_s=pick((0.3, 5.0)),
        stable_s=pick((0.0, 2.0)),
        retry_s=pick((0.0, 20.0)),
        start_timeout_s=pick((0.5, 2.0)),
        stop_grace_s=pick((0.0, 0.3, 1.0)),
        heartbeat_interval_s=pick((0.0, 0.2, 1.0)),
        heartbeats_missed_max=pick((1, 3)),
        fingerprint=str(rng.randrange(3)),
        hands_over=pick((False, True)),
    )


def draw_policy(rng: random.Random, spec: ChildSpec) -> ChildSpec:
    """The same process under another policy."""
    other = draw_spec(rng, spec.name)
    return replace(spec, **{key: getattr(other, key) for key in sorted(POLICY)})
