"""All pages: their length, their links, and the paths they name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.documents import (
    DOCS,
    README,
    ROOT,
    anchors_of,
    every_document,
    links_of,
    one_line,
    prose,
    quoted,
    reading_order,
)

README_LINES_MAX = 150  # what a trader needs in five minutes
ARCHITECTURE_LINES_MAX = 100  # one page
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
EACH = pytest.mark.parametrize("path", every_document(), ids=lambda path: str(path.relative_to(ROOT)))
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|toml|service|md))")


def test_the_readme_is_read_in_five_minutes_and_the_architecture_is_one_page() -> None:
    assert README.read_text(encoding="utf-8").count("\n") <= README_LINES_MAX
    assert ARCHITECTURE.read_text(encoding="utf-8").count("\n") <= ARCHITECTURE_LINES_MAX


def test_the_readme_leads_to_every_page() -> None:
    assert set(reading_order()) == {README, *DOCS.glob("*.md")}
    index = DOCS / "decisions" / "README.md"
    assert str(index.relative_to(ROOT)) in links_of(README)
    assert {index.parent / target for target in links_of(index)} == set(index.parent.glob("*.md")) - {index}


@EACH
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in links_of(path):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link
        assert not anchor or anchor in anchors_of(found), link


@EACH
def test_every_path_named_is_there(path: Path) -> None:
    """Those of this repository: from its root, from the package, or from the page itself."""
    roots = (ROOT, ROOT / "signalnode", path.parent)
    ours = {each.name for root in roots[:2] for each in root.iterdir()}
    for name in quoted(prose(path)):
        if PATH.fullmatch(name) and "/" in name and name.split("/")[0] in ours - {"run", "state"}:
            assert any((root / name).exists() for root in roots), name


@EACH
def test_every_verb_of_make_that_is_named_is_there(path: Path) -> None:
    verbs = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    for name in quoted(one_line(path)):
        assert not name.startswith("make ") or name.removeprefix("make ") in verbs, name


def test_the_layers_told_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [re.findall(r"\w+", layer) for layer in contracts[0]["layers"]]
    text = one_line(ARCHITECTURE)
    told = [quoted(layer) for layer in re.split("→", re.findall(r"`cli` → .*?\.(?= )", text)[0])]
    assert [sorted(names) for names in told] == [sorted(names) for names in layers]
