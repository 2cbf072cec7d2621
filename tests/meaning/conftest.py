from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from signalnode.meaning import Meaning, meaning_of

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes a package `house`: the text of each file by its name without `.py`. Returns its place."""
    built = 0

    def write(files: Mapping[str, str]) -> Path:
        nonlocal built
        built += 1
        place = tmp_path / str(built) / "house"
        for name, text in {"__init__": "", **files}.items():
            path = place / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            (path.parent / "__init__.py").touch()
        return place

    return write


@pytest.fixture
def traced(build: Build) -> Callable[..., Meaning]:
    """What roots of a house mean: `traced({"main": "…"}, "house.main:answer")`."""

    def trace(files: Mapping[str, str], *roots: str) -> Meaning:
        return meaning_of(
            {"house": build(files)}, *(roots or ("house.main:answer",)), closed=("house.press",)
        )

    return trace
