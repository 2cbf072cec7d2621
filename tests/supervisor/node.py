"""Runs a supervisor as a program of its own for tests, with the path of a config as its argument.

The file has `{"settings": {…}, "specs": [{…}, …]}`; it is read again at each reload, which takes as long as
somebody takes to open and close the pipe `gate`, where it names one. Events go to stdout as JSON lines.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from signalnode_supervisor import ChildSpec, Limits, Settings, SupervisorError, run


def _specs(path: Path) -> list[ChildSpec]:
    wanted = json.loads(path.read_text())
    if "gate" in wanted:
        subprocess.run(["cat", wanted["gate"]], check=True)
    if "fault" in wanted:
        raise ValueError(wanted["fault"])
    return [_spec(raw) for raw in wanted["specs"]]


def _spec(raw: dict[str, Any]) -> ChildSpec:
    limits = Limits(**raw.pop("limits", {}))
    return ChildSpec(limits=limits, **raw)


def _settings(path: Path) -> Settings:
    raw = json.loads(path.read_text())["settings"]
    runtime_dir, state_dir = Path(raw.pop("runtime_dir")), Path(raw.pop("state_dir"))
    return Settings(
        runtime_dir=runtime_dir, state_dir=state_dir, preload=tuple(raw.pop("preload", ())), **raw
    )


def _show(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> int:
    path = Path(sys.argv[1])
    try:
        return run(_settings(path), _specs(path), reload=lambda _: _specs(path), on_event=_show)
    except SupervisorError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 9
