"""What can be seen of a node that does not answer, or does not answer us: its locks, and whose it is."""

from __future__ import annotations

import pwd

from signalnode.files import is_held
from signalnode.names import AGGREGATOR, RESERVED_NAMES
from signalnode.settings import NodeSettings
from signalnode.settings.reading import shown


def processes_alive(node: NodeSettings) -> list[str]:
    """Markets, and `aggregator`, whose processes hold their locks, by name; none where nobody may look."""
    try:
        locks = sorted(node.runtime_dir.glob("*.lock"))
    except OSError:
        return []
    children = [lock for lock in locks if lock.stem == AGGREGATOR or lock.stem not in RESERVED_NAMES]
    return [lock.stem for lock in children if is_held(lock)]


def another_users(node: NodeSettings, owner: int) -> str:
    """One line: whose node it is, and how to ask it all the same."""
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"number {owner}"
    where = shown(node.runtime_dir)
    mend = f"ask as that user (sudo -u {name} …), as root, or as one of its control_group"
    return f"the node on {where} belongs to user {name}; {mend}"
