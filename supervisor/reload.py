"""What a reload changes: the children that are there against the specs that are wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.child import Child, ChildSpec, ChildState
from supervisor.messages import Send


@dataclass(frozen=True, slots=True)
class Difference:
    """Nothing else than what is named here is touched."""

    added: tuple[ChildSpec, ...]
    removed: tuple[Child, ...]
    changed: tuple[tuple[Child, ChildSpec], ...]
    kept: int

    @property
    def touched(self) -> set[str]:
        """Names whose coming to rest the answer waits for; a changed child that is stopped stays stopped."""
        restarted = {child.name for child, _ in self.changed}
        return restarted | {spec.name for spec in self.added} | {child.name for child in self.removed}

    def signals(self, children: Iterable[Child]) -> list[Send]:
        """What tells the children left alone of the reload, where their specs name a signal for it."""
        return [
            Send(child.name, child.pid, child.spec.reload_signal)
            for child in children
            if child.pid is not None and child.state is ChildState.UP
            if child.spec.reload_signal and child.name not in self.touched
        ]

    def summary(self) -> dict[str, Any]:
        """For the answer and the log: who was added, removed, restarted, and how many were left alone."""
        return {
            "added": sorted(spec.name for spec in self.added),
            "removed": sorted(child.name for child in self.removed),
            "restarted": sorted(child.name for child, _ in self.changed if child.wanted),
            "kept": self.kept,
        }


def difference(children: Mapping[str, Child], specs: Iterable[ChildSpec]) -> Difference:
    """Compare by name and digest. A child on its way out counts as not there."""
    wanted = {spec.name: spec for spec in specs}
    there = {name: child for name, child in children.items() if not child.leaving}
    changed = tuple(
        (child, wanted[name])
        for name, child in there.items()
        if name in wanted and wanted[name].digest() != child.spec.digest()
    )
    added = tuple(spec for name, spec in wanted.items() if name not in there)
    removed = tuple(child for name, child in there.items() if name not in wanted)
    return Difference(added, removed, changed, len(there) - len(changed) - len(removed))
