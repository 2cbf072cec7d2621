"""A witness in each engine of a real node: what it published, and as of which kernel time.

Every interpreter whose PYTHONPATH has this folder imports this by itself. The wire tells the time of the
newest event; a score moves on without one, so the law of the recording needs the time that it is as of.
A line of `<WITNESS>/<market>` for each score: JSON, whose floats keep their bits.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

WITNESS = "SIGNALNODE_WITNESS"  # in the environment: the folder
CORE, PUBLISHER = "signalnode.engine.core", "signalnode.bus.publisher"


class Watching(importlib.abc.MetaPathFinder):
    """Changes two classes as soon as their modules are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at_ns = 0  # kernel time of the newest step

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Of the two modules; of others nothing."""
        if name not in {CORE, PUBLISHER}:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.loader is not None
        execute, watch = spec.loader.exec_module, self.watch_core if name == CORE else self.watch_publisher

        def exec_module(module: ModuleType) -> None:
            execute(module)
            watch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def watch_core(self, module: Any) -> None:
        """Note the time of each step."""
        step = module.SignalEngine.step

        def watched(*given: Any, **named: Any) -> Any:
            found = step(*given, **named)
            self.at_ns = found[2]
            return found

        module.SignalEngine.step = watched

    def watch_publisher(self, module: Any) -> None:
        """Note each score, before it is sent."""
        send = module.Publisher.send_written

        def watched(publisher: Any, framed: bytes) -> None:
            import msgpack

            said = msgpack.unpackb(content_of(framed))
            told = {"epoch": said["epoch"], "seq": said["seq"], "at_ns": self.at_ns, "scores": said["scores"]}
            file = os.open(self.folder / publisher.market, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, json.dumps(told).encode() + b"\n")
            os.close(file)
            send(publisher, framed)

        module.Publisher.send_written = watched


def content_of(framed: bytes) -> bytes:
    """What stands in the second frame of a message, behind its topic's."""
    at = 2 + framed[1]
    return framed[at + (9 if framed[at] & 2 else 2) :]  # a length takes eight bytes, or one


if WITNESS in os.environ:
    sys.meta_path.insert(0, Watching(Path(os.environ[WITNESS])))
