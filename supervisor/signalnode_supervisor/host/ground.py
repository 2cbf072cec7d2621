"""The ground under a running supervisor: whatever of ours somebody removed from the disk is made again.

A cleaner of temporary files, an `rm` in the wrong directory: the processes live on and notice nothing, but
nobody reaches them any more, and what falls does not come back. So it is looked at every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.errors import SupervisorError

LOOK_NS = 2 * NS_PER_S

Note = Callable[[str, str, str, Mapping[str, Any]], None]


class Ground:
    """`put_back` makes again what is gone and returns its paths; it raises OSError or AlreadyRunning."""

    def __init__(self, put_back: Callable[[], list[str]], note: Note) -> None:
        self.next_ns = 0
        self._put_back = put_back
        self._note = note
        self._fault = ""

    def tick(self, now_ns: int) -> None:
        """Look, when it is time, and say what was gone; what cannot be made is said once."""
        if now_ns < self.next_ns:
            return
        self.next_ns = now_ns + LOOK_NS
        fault = ""
        try:
            for path in self._put_back():
                self._note("warning", "somebody removed it, made again", "", {"path": path})
        except OSError as error:
            fault = f"{error.strerror or error}: {error.filename}"
        except SupervisorError as error:  # another node began in the place that was cleared
            fault = str(error)
        if fault and fault != self._fault:
            self._note("error", "what is gone cannot be made again", "", {"reason": fault})
        self._fault = fault
