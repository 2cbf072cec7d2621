"""What the supervisor itself is told: where its files are and how it treats its children as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OnDeath = Literal["terminate", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Paths are absolute; both directories exist or are created with mode 0700."""

    runtime_dir: Path  # node.lock, control.sock, and the run records that adoption needs
    state_dir: Path  # desired state, exit records and logs/<NAME>.log
    # Modules that the fork server imports once; the preload() of each is called, where it has one.
    preload: tuple[str, ...] = ()
    version: str = ""  # of what is preloaded, for whoever asks: what stands on disk may be another by then
    on_supervisor_death: OnDeath = "terminate"  # "keep": children work on and the next supervisor adopts them
    # Number of a group of ours that may ask as well; runtime_dir is then 0710.
    control_group: int | None = None
    starts_at_once_max: int = 8  # children between process start and readiness at any time
    start_slot_s: float = 0.5  # a slow starter holds its place in that queue no longer than this
    order_wait_s: float = 10.0  # children of a higher order wait at most this long for those before them
    log_file_bytes_max: int = 2_000_000  # of each of a child's two: the present one and the one before
    log_lines_per_s: float = 50.0  # lines a child may write in the long run; the rest is counted
    log_lines_burst_max: int = 500  # lines it may write at once before that rate applies

    @property
    def lock_path(self) -> Path:
        return self.runtime_dir / "node.lock"

    @property
    def control_path(self) -> Path:
        return self.runtime_dir / "control.sock"

    @property
    def standing_path(self) -> Path:
        """Where each child's state, restarts and reason can be read; see `host/standing.py`."""
        return self.runtime_dir / "standing.json"

    def log_path(self, name: str) -> Path:
        """Where the log of the child `name` is kept, as JSON lines."""
        return self.state_dir / "logs" / f"{name}.log"
