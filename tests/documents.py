"""README and docs/ as data: blocks of code, tables, headings and links; and how names are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """One fenced block; `line` is that of its fence, from 1."""

    path: Path
    language: str
    text: str
    line: int

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The path in the first line, where that is all it says: the block is to be saved there."""
        named = re.match(r"(?:#|//) ([\w./-]+\.\w+)\n", self.text)
        return named[1] if named else None


class Table(NamedTuple):
    """One table below a heading; cells as they are written."""

    heading: str
    header: list[str]
    rows: list[list[str]]

    def names(self, column: int = 0) -> list[str]:
        """Everything in backticks in a column, from the top."""
        return [name for row in self.rows for name in quoted(row[column])]


def reading_order() -> list[Path]:
    """README, then what its index links to in docs/, in that order."""
    found = [README.parent / target for target in links_of(README) if target.startswith("docs/")]
    return [README, *dict.fromkeys(path for path in found if path.suffix == ".md" and path.parent == DOCS)]


def every_document() -> list[Path]:
    return [README, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [Block(path, each[1], each[2], text[: each.start()].count("\n") + 1) for each in found]


def prose(path: Path) -> str:
    """The text without its blocks, line by line where it was."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)


def commands(path: Path) -> list[tuple[str, str]]:
    """Each command line of the bash blocks, comments cut off, and where it stands."""
    lines = [
        (line.split("  #")[0].strip(), each.where)
        for each in blocks(path)
        if each.language == "bash"
        for line in each.text.splitlines()
    ]
    return [(line, where) for line, where in lines if line]


def is_for_systemd(line: str) -> bool:
    return line.startswith(("sudo ", "systemctl "))


def one_line(path: Path) -> str:
    """The prose with its lines joined, to look for sentences in."""
    return " ".join(prose(path).split())


def names_of(kind: type[Any]) -> list[str]:
    """Fields of a dataclass."""
    return [each.name for each in fields(kind)]


def same(told: Iterable[str], real: Iterable[str]) -> None:
    """Every name once, and no other."""
    assert sorted(told) == sorted(real)


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def links_of(path: Path) -> list[str]:
    return _LINK.findall(prose(path))


def anchors_of(path: Path) -> set[str]:
    """What GitHub makes of each heading: lower case, no punctuation, a hyphen for each blank."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def tables(path: Path) -> list[Table]:
    found: list[Table] = []
    heading, open_table = "", False
    for line in prose(path).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        if not line.startswith("|"):
            open_table = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not open_table:
            found.append(Table(heading, cells, []))
            open_table = True
        elif set(line) - set("|-: "):
            found[-1].rows.append(cells)
    return found


def table(path: Path, first: str, heading: str | None = None) -> Table:
    """The one table whose first column is called `first`, below `heading` if that is given."""
    (found,) = [each for each in tables(path) if each.header[0] == first and heading in (None, each.heading)]
    return found
