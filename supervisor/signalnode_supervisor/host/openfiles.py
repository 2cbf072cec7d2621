"""How many files the supervisor holds open for its children, and what it keeps free for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Any

from signalnode_supervisor.core.messages import Asked
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.linux.files import file_limit, files_left

FILES_EACH = 3  # of each child: its pidfd, its heartbeat and its output
FILES_OWN = 128  # everything else: connections, spares, logs, sockets
FILES_TO_START = FILES_EACH + 2  # the far ends of two pipes, until they are sent
RESERVE = 24  # below so many left no child is started: to hear, to log and to end needs some
LOOK_NS = NS_PER_S  # between two looks whether there are files again
NOTE_NS = 60 * NS_PER_S  # between two lines that there are none
MEND = "raise the limit (`ulimit -n`, LimitNOFILE=) or run fewer"

Note = Callable[[str, str, str, Mapping[str, Any]], None]


def too_many(children: int) -> str:
    """Why there cannot be so many children with the present limit, and what to do; "" where there can."""
    limit, needed = file_limit(), FILES_OWN + FILES_EACH * children
    if limit is None or needed <= limit:
        return ""
    return f"{children} children need {needed} open files and the limit is {limit}; {MEND}"


class FilesLeft:
    """Whether another child can be started. Where not, `look_ns` says when to look again, and the log why."""

    def __init__(self, note: Note) -> None:
        self.look_ns: int | None = None
        self._note = note
        self._noted_ns: int | None = None

    def are_short(self, waiting: int, now_ns: int) -> bool:
        """Asked before each start, with how many children wait for one."""
        self.look_ns = None
        if files_left() >= RESERVE + FILES_TO_START:
            return False
        self.look_ns = now_ns + LOOK_NS
        if self._noted_ns is None or now_ns - self._noted_ns >= NOTE_NS:
            self._noted_ns = now_ns
            self._note("error", "no files left to start children", "", {"waiting": waiting, "reason": MEND})
        return True


def affordable(asked: Asked, there: Set[str]) -> Asked:
    """The request as it was read; refused where it adds children to those that are `there`, for which there
    are not files enough.
    """
    if asked.specs is None:
        return asked
    wanted = {spec.name for spec in asked.specs}
    if asked.verb != "reload":  # nobody leaves, and none comes but by name
        wanted = (wanted & set(asked.names)) | there
    fault = too_many(len(wanted)) if len(wanted) > len(there) else ""
    return replace(asked, specs=None, fault=fault) if fault else asked
