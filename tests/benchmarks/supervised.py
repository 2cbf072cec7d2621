"""Real engines under a real supervisor: `python -m tests.benchmarks.supervised CONFIG keep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from signalnode.cli.specs import PRELOAD, specs_of
from signalnode.settings import NodeSettings, load_node
from signalnode_supervisor import ChildSpec, Settings, run


def engines_of(node: NodeSettings) -> list[ChildSpec]:
    """The engines alone: what is measured is not the aggregator."""
    return [spec for spec in specs_of(node) if spec.role == "engine"]


def main() -> int:
    node = load_node(Path(sys.argv[1]))
    settings = Settings(
        runtime_dir=node.runtime_dir,
        state_dir=node.state_dir,
        preload=PRELOAD,
        on_supervisor_death="keep" if sys.argv[2] == "keep" else "terminate",
    )
    return run(
        settings, engines_of(node), reload=lambda _: engines_of(load_node(Path(sys.argv[1]))), on_event=show
    )


def show(event: dict[str, Any]) -> None:
    """One line for each engine that is up: name, pid, and whether it was adopted."""
    if event["event"] in ("up", "adopted"):
        print(event["event"], event["child"], event["pid"], flush=True)


if __name__ == "__main__":
    sys.exit(main())
