"""The versions that pyproject.toml allows are those that `.ci/versions` lists."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDS = {need.name: need.specifier for need in map(Requirement, PROJECT["dependencies"])}
ROWS = [
    line.split(maxsplit=3)
    for line in (ROOT / ".ci" / "versions").read_text().splitlines()
    if line and not line.startswith("#")
]


def bounds(specifier: SpecifierSet) -> tuple[Version, Version]:
    (lowest,) = [Version(each.version) for each in specifier if each.operator == ">="]
    (beyond,) = [Version(each.version) for each in specifier if each.operator == "<"]
    return lowest, beyond


@pytest.mark.parametrize("package", ["numba", "llvmlite"])
def test_what_is_used_by_its_internals_is_bound_to_minor_versions_that_were_run(package: str) -> None:
    lowest, beyond = bounds(NEEDS[package])
    assert beyond.release[:2] > lowest.release[:2]
    assert beyond.major == 0


def test_what_carries_a_cluster_comes_with_its_extra_alone() -> None:
    extras = PROJECT["optional-dependencies"]
    names = {extra: {need.name for need in map(Requirement, each)} for extra, each in extras.items()}
    assert names["cluster"] == {"fsspec", "ray"}
    assert not {"fsspec", "ray"} & NEEDS.keys()
    assert [extra for extra, each in names.items() if "ray" in each] == ["cluster"]


def test_every_minor_version_of_numba_within_the_bounds_has_its_line() -> None:
    lowest, beyond = bounds(NEEDS["numba"])
    listed = [f"numba==0.{minor}.*" for minor in range(lowest.minor + 1, beyond.minor - 1)]
    assert [row[1] for row in ROWS if row[1].startswith("numba")] == listed  # the ends: `lowest` and `newest`


def test_every_python_has_a_line_with_all_tests() -> None:
    lowest, beyond = bounds(SpecifierSet(PROJECT["requires-python"]))
    pythons = [f"3.{minor}" for minor in range(lowest.minor, beyond.minor)]
    assert [
        python for python, packages, tests, _ in ROWS if (packages, tests) == ("newest", "all")
    ] == pythons


def test_every_line_says_how_it_last_ended() -> None:
    for *_, ended in ROWS:
        assert ended.split()[0] in {"passed", "not"}, ended
