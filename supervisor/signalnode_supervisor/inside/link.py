"""A child's end of its line to the supervisor: what a target is given as `link`."""

from __future__ import annotations

import os
from typing import Any

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.core.liveness import PROGRESS_WHOLE, encode
from signalnode_supervisor.durations import NS_PER_S

# Of an interval, the least between two beats: `beat` may be called far more often, the supervisor need not
# read more. Where only one may be missed the next comes as soon as there is one.
STRICT_SHARE, PATIENT_SHARE = 0.25, 0.6


class Link:
    """Says that the child is ready, and that its work loop turns.

    `file` is the write end of the heartbeat pipe, None when nobody listens; then every call does nothing.
    `interval_s` is the longest between two beats, of which `missed_max` may be missed.
    """

    def __init__(
        self, file: int | None, interval_s: float = 1.0, relieves: int | None = None, missed_max: int = 1
    ) -> None:
        self.relieves = relieves  # pid of the process that goes on until this one is ready, if there is one
        self._file = file
        self._pause_ns = int(interval_s * NS_PER_S * (STRICT_SHARE if missed_max == 1 else PATIENT_SHARE))
        self._next_ns = 0
        self._prepared = False
        self._owed: dict[str, Any] | None = None  # facts of a `ready` that nobody was there to take

    def ready(self, **facts: Any) -> None:
        """Say once that the child is up. Facts are small JSON values; `status` shows them."""
        self._owed = None if self._send("ready", monotonic_ns(), facts) else facts

    def beat(self, **facts: Any) -> None:
        """Say that the work loop turns. Cheap enough for each turn: most calls send nothing.

        Before `ready`, `progress` from 0 to 1 buys a long start its time; see `core.liveness`. Say 1 at
        its end: it is sent in any case, for until then silence counts as a hang.
        """
        now_ns = monotonic_ns()
        last_step = not self._prepared and facts.get("progress") == PROGRESS_WHOLE
        if now_ns >= self._next_ns or last_step:
            self._prepared = self._prepared or last_step
            self._next_ns = now_ns + self._pause_ns
            if self._owed is None:
                self._send("beat", now_ns, facts)
            elif self._send("ready", now_ns, {**self._owed, **facts}):
                self._owed = None

    def _send(self, kind: str, now_ns: int, facts: dict[str, Any]) -> bool:
        """Whether it lies in the pipe, where this supervisor or the next one reads it."""
        if self._file is None:
            return True
        try:
            os.write(self._file, encode(kind, now_ns, facts))
        except OSError:  # full: the supervisor sleeps; broken: it is gone, its successor opens the pipe again
            return False
        return True
