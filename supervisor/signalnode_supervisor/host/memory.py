"""What outlives a supervisor: who is stopped, how each child ended, and who is running (for adoption)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signalnode_supervisor.linux.files import ensure_directory, replace_file

EXITS_MAX = 20  # records kept of each child


class Memory:
    """Small JSON files, each replaced as a whole: a reader or a crash never meets half of one."""

    def __init__(self, runtime_dir: Path, state_dir: Path) -> None:
        self._runs = runtime_dir / "children"
        self._kept = state_dir / "supervisor"
        self._exits: dict[str, list[dict[str, Any]]] = {}
        for directory in (self._runs, self._kept / "exits"):
            ensure_directory(directory)

    def put_back(self, stopped: frozenset[str]) -> list[str]:
        """Make again what somebody removed of the directories, and who is stopped; the paths."""
        gone = [path for path in (self._runs, self._kept / "exits") if not path.is_dir()]
        for directory in gone:
            ensure_directory(directory)
        if stopped and not (self._kept / "stopped.json").exists():
            self.set_stopped(stopped)
            gone.append(self._kept / "stopped.json")
        return [str(path) for path in gone]

    def has_run(self, name: str) -> bool:
        """Whether a record of the running child is there."""
        return (self._runs / f"{name}.json").exists()

    # names that somebody stopped

    def stopped(self) -> frozenset[str]:
        names = _load(self._kept / "stopped.json", [])
        return (
            frozenset(name for name in names if isinstance(name, str))
            if isinstance(names, list)
            else frozenset()
        )

    def set_stopped(self, names: frozenset[str]) -> None:
        """Durable when it returns: whoever asked is told so only after."""
        _save(self._kept / "stopped.json", sorted(names), durable=True)

    # how children ended

    def exits(self, name: str) -> list[dict[str, Any]]:
        """The latest exits of a child, oldest first."""
        if name not in self._exits:
            entries = _load(self._kept / "exits" / f"{name}.json", [])
            self._exits[name] = (
                [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
            )
        return self._exits[name]

    def add_exit(self, name: str, entry: Mapping[str, Any]) -> None:
        """Keep it in mind; `write_exits` puts it on disk, from whatever thread can wait for one."""
        self._exits[name] = [*self.exits(name), dict(entry)][-EXITS_MAX:]

    def write_exits(self, name: str) -> None:
        _save(self._kept / "exits" / f"{name}.json", self.exits(name))

    # who is running

    def lock_path(self, name: str) -> Path:
        """The file that a child's process holds a lock on for as long as it lives."""
        return self._runs / f"{name}.lock"

    def set_run(self, name: str, run: Mapping[str, Any]) -> None:
        _save(self._runs / f"{name}.json", dict(run))

    def runs(self) -> dict[str, dict[str, Any]]:
        """What an earlier supervisor wrote down about its running children."""
        found = {path.stem: _load(path, None) for path in self._runs.glob("*.json")}
        return {name: run for name, run in found.items() if isinstance(run, dict)}

    def forget_run(self, name: str) -> None:
        with contextlib.suppress(OSError):  # where it stays, it names a process that is no more
            (self._runs / f"{name}.json").unlink(missing_ok=True)

    def forget_runs(self) -> None:
        """At a clean end: no record, no lock file, no directory left."""
        for path in self._runs.glob("*"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._runs.rmdir()


def _load(path: Path, otherwise: Any) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return otherwise


def _save(path: Path, value: Any, *, durable: bool = False) -> None:
    content = json.dumps(value, separators=(",", ":")).encode()
    try:
        replace_file(path, content, durable=durable)
    except FileNotFoundError:  # somebody removed the directory
        ensure_directory(path.parent)
        replace_file(path, content, durable=durable)
