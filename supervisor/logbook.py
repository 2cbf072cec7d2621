"""The one thread that writes logs, so that a slow disk or a stopped terminal never holds up the loop."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from supervisor.clock import wall_ns
from supervisor.settings import Settings

ENTRIES_MAX = 20_000  # waiting to be written; beyond that they are counted instead
CLOSE_S = 2.0  # longest wait at the end for a disk or terminal that does not take any more

Entry = dict[str, Any]


class Logbook:
    """`note` from the loop; files under `state_dir/logs` and `on_event` are served by a thread."""

    def __init__(self, settings: Settings, on_event: Callable[[Entry], object] | None) -> None:
        self._settings = settings
        self._on_event = on_event
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._lost = 0
        self._sizes: dict[Path, int] = {}
        self._thread = threading.Thread(target=self._write_all, name="logbook", daemon=True)
        self._thread.start()

    def note(self, level: str, event: str, child: str = "", fields: Mapping[str, Any] | None = None) -> None:
        """Take down what happened. Never waits; when nobody writes any more, entries are lost and counted."""
        if self._entries.qsize() >= ENTRIES_MAX:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self.note("warning", "log entries left out", "", {"count": lost})
        entry: Entry = {"time_ns": wall_ns(), "level": level, "event": event}
        if child:
            entry["child"] = child
        entry.update((key, value) for key, value in (fields or {}).items() if key not in entry)
        self._entries.put(entry)

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._entries.put(None)
        self._thread.join(CLOSE_S)

    def _write_all(self) -> None:
        while (entry := self._entries.get()) is not None:
            time_ns = entry.pop("time_ns")
            stamp = datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
            entry = {"time": stamp.replace("+00:00", "Z"), **entry}
            with contextlib.suppress(OSError):
                self._write(self._settings.log_path(entry.get("child", "supervisor")), entry)
            if self._on_event is not None:
                with contextlib.suppress(Exception):  # a broken terminal must not end the log
                    self._on_event(entry)

    def _write(self, path: Path, entry: Entry) -> None:
        line = json.dumps(entry, separators=(",", ":"), ensure_ascii=False, default=str) + "\n"
        size = self._sizes.get(path)
        if size is None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            size = path.stat().st_size if path.exists() else 0
        if size > self._settings.log_file_bytes_max:
            path.replace(path.with_suffix(".log.1"))
            size = 0
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
        self._sizes[path] = size + len(line)
