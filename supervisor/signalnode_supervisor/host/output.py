"""The output pipe of one child, read at a bounded pace and taken down in the log."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.host.flow import LineFlow, Note
from signalnode_supervisor.host.logbook import Logbook
from signalnode_supervisor.host.poller import Poller

READ_BYTES_MAX = 65_536  # one read
PAUSE_NS = 50_000_000  # after a full read, or over the line rate: the child drops what does not fit meanwhile
WORDS_CHARS_MAX = 300  # of a child's last words
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})


class Output:
    """Reads when there is something, pauses when it is too much."""

    def __init__(
        self,
        poller: Poller,
        file: int,
        flow: LineFlow,
        logbook: Logbook,
        *,
        name: str,
        fields: Mapping[str, Any],
    ) -> None:
        self.flow = flow
        self.fields = dict(fields)
        self.resume_ns: int | None = None
        self.closed = False
        self._poller = poller
        self._file = file
        self._logbook = logbook
        self._name = name
        poller.watch(file, lambda: self.read(monotonic_ns()))

    def read(self, now_ns: int, *, resuming: bool = True) -> None:
        """Take one read's worth down; `resuming` says whether there will be another."""
        if self.closed:
            return
        try:
            data = os.read(self._file, READ_BYTES_MAX)
        except BlockingIOError:
            return
        if not data:
            self.close(now_ns)  # nobody is left who could write
            return
        for note in self.flow.feed(data, now_ns):
            self._log(note)
        if resuming and (len(data) == READ_BYTES_MAX or self.flow.exhausted):
            self._poller.unwatch(self._file)
            self.resume_ns = now_ns + PAUSE_NS

    def resume(self, now_ns: int) -> None:
        if self.resume_ns is not None and self.resume_ns <= now_ns and not self.closed:
            self.resume_ns = None
            self._poller.watch(self._file, lambda: self.read(monotonic_ns()))

    def close(self, now_ns: int) -> None:
        """Take down what is left of the last line and close the pipe."""
        if self.closed:
            return
        self.closed, self.resume_ns = True, None
        for note in self.flow.finish(now_ns):
            self._log(note)
        self._poller.unwatch(self._file)
        os.close(self._file)

    def last_words(self) -> str:
        """The last line it printed; of a structured one its event and, where it gives one, the reason."""
        said = _parsed(self.flow.last_line)
        if said is None:
            return self.flow.last_line[:WORDS_CHARS_MAX]
        parts = [str(said[key]) for key in ("event", "reason") if said.get(key)]
        return ": ".join(parts)[:WORDS_CHARS_MAX]

    def _log(self, note: Note) -> None:
        if note.count:
            event = "line repeated" if note.repeated else "lines left out"
            fields = {**self.fields, "count": note.count} | ({"line": note.line} if note.repeated else {})
            self._logbook.note("warning", event, self._name, fields)
            return
        said = _parsed(note.line)
        if said is None:
            self._logbook.note("info", "output", self._name, {**self.fields, "line": note.line})
            return
        level, event = said.pop("level", "info"), said.pop("event", "output")
        known = level if level in LEVELS else "info"
        self._logbook.note(known, str(event), self._name, {**said, **self.fields})


def _parsed(line: str) -> dict[str, Any] | None:
    """A line that is a JSON object, as a structured logger prints it; None for any other."""
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
