"""The clock of all gateways: this machine's monotonic one, put ahead once to show the time of day.

So receive times never fall, when the wall clock is set back or a gateway starts again. The offset is kept
beside the sockets until the machine starts anew; a gateway that starts later may put it further ahead, but
where that cannot be kept, for the disk is full, it goes by what the others do.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from signalnode.files import replace_file

BOOT = Path("/proc/sys/kernel/random/boot_id")


def agreed_offset_ns(path: Path, wall_ns: int, monotonic_ns: int) -> int:
    """Nanoseconds to add to the monotonic clock, the same or more than any gateway used since the machine
    started. Raises OSError where there is none, and none can be kept.
    """
    boot = BOOT.read_text().strip() if BOOT.exists() else ""
    offset_ns = wall_ns - monotonic_ns
    kept_ns: int | None = None
    try:
        kept = json.loads(path.read_bytes())
        if kept["boot"] == boot:
            kept_ns = int(kept["offset_ns"])
            offset_ns = max(offset_ns, kept_ns)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    content = json.dumps({"boot": boot, "offset_ns": offset_ns}).encode()
    try:
        replace_file(path, content, writer=str(os.getpid()))  # others may start at this moment
    except OSError:
        if kept_ns is None:
            raise
        return kept_ns
    return offset_ns
