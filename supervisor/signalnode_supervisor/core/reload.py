"""What a reload changes: the children that are there against the specs that are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from signalnode_supervisor.core.child import Child
from signalnode_supervisor.spec import ChildSpec


@dataclass(frozen=True, slots=True)
class Difference:
    """Nothing else than what is named here is touched."""

    added: tuple[ChildSpec, ...]
    removed: tuple[Child, ...]
    changed: tuple[tuple[Child, ChildSpec], ...]  # what their processes are started with
    adjusted: tuple[tuple[Child, ChildSpec], ...]  # nothing but the policy that the supervisor applies
    kept: int  # processes left alone, the adjusted included

    @property
    def touched(self) -> set[str]:
        """Names whose coming to rest the answer waits for; a changed child that is stopped stays stopped."""
        restarted = {child.name for child, _ in self.changed}
        return restarted | {spec.name for spec in self.added} | {child.name for child in self.removed}

    def summary(self) -> dict[str, Any]:
        """For the answer and the log: who was added, removed, restarted, or has another policy without that,
        and how many processes were left alone; under `reread`, what is new to those that read again.
        """
        reread = {child.name: _changes(child.spec.rereads, spec.rereads) for child, spec in self.adjusted}
        told = {name: changes for name, changes in reread.items() if changes}
        summary = {
            "added": sorted(spec.name for spec in self.added),
            "removed": sorted(child.name for child in self.removed),
            "restarted": sorted(child.name for child, _ in self.changed if child.wanted),
            "adjusted": sorted(
                child.name
                for child, spec in self.adjusted
                if replace(spec, rereads=child.spec.rereads) != child.spec
            ),
            "kept": self.kept,
        }
        return summary | ({"reread": told} if told else {})


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """The names that were added, removed and changed, in order; of each kind only where there is one."""
    changes = {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
    }
    return {kind: names for kind, names in changes.items() if names}


def difference(children: Mapping[str, Child], specs: Iterable[ChildSpec]) -> Difference:
    """Compare by name, then by digest, then by what the digest leaves out.

    A child on its way out counts as not there.
    """
    wanted = {spec.name: spec for spec in specs}
    there = {name: child for name, child in children.items() if not child.leaving}
    differing = [(c, wanted[name]) for name, c in there.items() if name in wanted and wanted[name] != c.spec]
    changed = tuple((child, spec) for child, spec in differing if spec.digest() != child.spec.digest())
    adjusted = tuple((child, spec) for child, spec in differing if spec.digest() == child.spec.digest())
    added = tuple(spec for name, spec in wanted.items() if name not in there)
    removed = tuple(child for name, child in there.items() if name not in wanted)
    kept = len(there) - len(changed) - len(removed)
    return Difference(added, removed, changed, adjusted, kept)
