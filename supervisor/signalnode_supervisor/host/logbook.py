"""Logs, written by threads of their own: a slow disk or a stopped terminal never holds up the loop."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signalnode_supervisor.clock import wall_ns
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.linux.files import ensure_directory
from signalnode_supervisor.logs import older
from signalnode_supervisor.settings import Settings

ENTRIES_MAX = 20_000  # waiting to be written; beyond that they are counted instead
CLOSE_S = 2.0  # longest wait at the end for a disk or terminal that does not take any more

Entry = dict[str, Any]


class Logbook:
    """`note` from the loop. Files and `on_event` have a thread each: none stops the other."""

    def __init__(self, settings: Settings, on_event: Callable[[Entry], object] | None) -> None:
        self._files = LogFiles(settings)
        self._outlets = [Outlet(self._files.write)]
        if on_event is not None:
            self._outlets.append(Outlet(on_event))

    def note(self, level: str, event: str, child: str = "", fields: Mapping[str, Any] | None = None) -> None:
        """Take down what happened. Never waits; what an outlet cannot take any more is counted."""
        stamp = datetime.fromtimestamp(wall_ns() / NS_PER_S, UTC).isoformat(timespec="milliseconds")
        entry: Entry = {"time": stamp.replace("+00:00", "Z"), "level": level, "event": event}
        if child:
            entry["child"] = child
        entry.update((key, value) for key, value in (fields or {}).items() if key not in entry)
        for outlet in self._outlets:
            outlet.put(entry)

    def later(self, call: Callable[[], object]) -> None:
        """Have the thread of the files do something that waits for a disk."""
        self._outlets[0].put(call)

    def close(self) -> None:
        """Write what is waiting, and end; an outlet that is stuck is left behind."""
        for outlet in self._outlets:
            outlet.close()


class Outlet:
    """A thread that hands entries to one function, or calls what it is given; a bounded queue before it."""

    def __init__(self, write: Callable[[Entry], object]) -> None:
        self._write = write
        self._entries: queue.SimpleQueue[Entry | Callable[[], object] | None] = queue.SimpleQueue()
        self._lost = 0
        self._thread = threading.Thread(target=self._write_all, name="logbook", daemon=True)
        self._thread.start()

    def put(self, entry: Entry | Callable[[], object]) -> None:
        if self._entries.qsize() >= ENTRIES_MAX:
            self._lost += 1
            return
        if self._lost and not callable(entry):
            lost, self._lost = self._lost, 0
            note = {"level": "warning", "event": "log entries left out", "count": lost}
            self._entries.put({"time": entry["time"], **note})
        self._entries.put(entry)

    def close(self) -> None:
        self._entries.put(None)
        self._thread.join(CLOSE_S)

    def _write_all(self) -> None:
        while (entry := self._entries.get()) is not None:
            with contextlib.suppress(Exception):  # a full disk or a closed terminal must not end the log
                if callable(entry):
                    entry()
                else:
                    self._write(dict(entry))


class LogFiles:
    """One bounded file of JSON lines for each child, and one for the supervisor itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sizes: dict[Path, int] = {}

    def write(self, entry: Entry) -> None:
        """Append; a file over its limit becomes the one before, and a new one begins.

        What somebody removed meanwhile, a file or the whole directory, is made again.
        """
        path = self._settings.log_path(entry.get("child", "supervisor"))
        line = json.dumps(entry, separators=(",", ":"), ensure_ascii=False, default=str).encode() + b"\n"
        try:
            self._append(path, line)
        except FileNotFoundError:
            self._sizes.clear()
            self._append(path, line)

    def _append(self, path: Path, line: bytes) -> None:
        size = self._sizes.get(path)
        if size is None:
            ensure_directory(path.parent)
            size = path.stat().st_size if path.exists() else 0
        if size > self._settings.log_file_bytes_max:
            path.replace(older(path))
            size = 0
        with path.open("ab") as file:
            file.write(line)
        self._sizes[path] = size + len(line)
