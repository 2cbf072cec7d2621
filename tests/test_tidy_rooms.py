"""Each fact in its room: what one place alone knows or does, as a check that fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.test_tidy import SOURCES, every, name_of, tree_of

SUPERVISOR = "supervisor/signalnode_supervisor/"
FILES = frozenset({"signalnode/files.py", f"{SUPERVISOR}linux/files.py"})
# What each of these rooms knows or does, and nobody else. The supervisor may not ask signalnode: it has one
# place of its own for what both must know.
ROOMS = {
    "replaces a file": FILES | {f"{SUPERVISOR}host/{one}.py" for one in ("logbook", "listener")},
    "locks a file": FILES,
    "waits for the disk": FILES | {"signalnode/aggregator/journal.py"},
    "makes a directory": FILES | {f"{SUPERVISOR}linux/cgroup.py"},
    "says who may read a file": FILES,
    "knows the limit of open files": FILES,
    "knows how long a socket's path may be": {"signalnode/names.py", f"{SUPERVISOR}control.py"},
    "knows what may be a name": {"signalnode/names.py", f"{SUPERVISOR}spec.py"},
    "knows which host is this machine": {"signalnode/names.py"},
}
CALLS = {
    **dict.fromkeys(("rename", "renames"), "replaces a file"),
    **dict.fromkeys(("flock", "lockf"), "locks a file"),
    **dict.fromkeys(("fsync", "fdatasync"), "waits for the disk"),
    **dict.fromkeys(("mkdir", "makedirs"), "makes a directory"),
}
WORDS = {
    "RLIMIT_NOFILE": "knows the limit of open files",
    "is_loopback": "knows which host is this machine",
    "localhost": "knows which host is this machine",
    107: "knows how long a socket's path may be",
    108: "knows how long a socket's path may be",
    0o600: "says who may read a file",
    0o700: "says who may read a file",
}


def facts_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines that know or do what only one room should, and what that is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
            one_path = len(node.args) == 1 and not node.keywords  # a text's own takes two
            if node.func.attr == "replace" and (of_os or one_path):
                yield node.lineno, "replaces a file"
            elif node.func.attr in CALLS:
                yield node.lineno, CALLS[node.func.attr]
        elif isinstance(node, ast.Attribute) and node.attr in WORDS:
            yield node.lineno, WORDS[node.attr]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | int):
            if isinstance(node.value, str) and "A-Za-z0-9" in node.value:
                yield node.lineno, "knows what may be a name"
            elif type(node.value) is not bool and node.value in WORDS:
                yield node.lineno, WORDS[node.value]


@every([path for path in SOURCES if name_of(path) != "signalnode/book.py"])  # it replaces levels
def test_each_fact_has_one_place(path: Path) -> None:
    for line, what in facts_in(tree_of(path)):
        rooms = ROOMS[what]
        assert name_of(path) in rooms, f"{name_of(path)}:{line} {what}; that belongs to {' or '.join(rooms)}"


def test_a_fact_in_a_second_place_would_be_noticed() -> None:
    for text in (
        "os.replace(a, b)",
        "draft.replace(path)",
        "draft.rename(path)",
        "fcntl.flock(file, fcntl.LOCK_EX)",
        "os.fsync(file)",
        "path.mkdir(parents=True)",
        "os.open(path, os.O_RDONLY, 0o600)",
        "resource.setrlimit(resource.RLIMIT_NOFILE, both)",
        "if len(path) > 107: pass",
        "re.compile('[A-Za-z0-9][A-Za-z0-9.]*')",
        "ipaddress.ip_address(host).is_loopback",
        "host == 'localhost'",
    ):
        assert list(facts_in(ast.parse(text))), text
    assert not list(facts_in(ast.parse("text.replace('a', 'b')\nwhen.replace(tzinfo=UTC)\nx = True")))
