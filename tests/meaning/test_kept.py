"""A digest is worked out once for each state of the code, and never taken for another's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from signalnode.meaning import kept, kept_digest, meaning_of

FILES = {
    "main": "from house.rules import step\ndef answer(x): return step(x)",
    "rules": "def step(x): return x",
}
ROOT = "house.main:answer"


@pytest.fixture
def house(build: Callable[..., Path]) -> Path:
    return build(FILES)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with every tracing."""
    seen: list[str] = []

    def counted(*args: object, **more: object) -> object:
        seen.append("traced")
        return meaning_of(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "meaning_of", counted)
    return seen


def test_it_is_worked_out_once(house: Path, tmp_path: Path, traces: list[str]) -> None:
    first = kept_digest(house, ROOT, directory=tmp_path)
    assert first == meaning_of({"house": house}, ROOT).digest
    assert kept_digest(house, ROOT, directory=tmp_path) == first
    assert len(traces) == 1


@pytest.mark.parametrize("name", ["main", "rules"])
def test_a_changed_file_is_read_anew_even_at_the_same_size_and_time(
    house: Path, tmp_path: Path, traces: list[str], name: str
) -> None:
    first = kept_digest(house, ROOT, directory=tmp_path)
    file = house / f"{name}.py"
    os.utime(file, ns=(1, 1))
    file.write_text(file.read_text().replace("(x): return", "(y): return"))
    os.utime(file, ns=(1, 1))
    assert kept_digest(house, ROOT, directory=tmp_path) != first
    assert len(traces) == 2


def test_other_roots_and_another_place_are_asked_for_by_themselves(
    house: Path, tmp_path: Path, build: Callable[..., Path]
) -> None:
    other = build({**FILES, "rules": "def step(x): return -x"})
    digests = {
        kept_digest(place, root, directory=tmp_path)
        for place in (house, other)
        for root in (ROOT, "house.rules")
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"digest": 3}', b'{"digest": "x", "files": [1]}', b"\xff"]
)
def test_what_is_torn_or_altered_is_worked_out_anew(house: Path, tmp_path: Path, content: bytes) -> None:
    first = kept_digest(house, ROOT, directory=tmp_path)
    (file,) = tmp_path.glob("meaning-*")
    file.write_bytes(content)
    assert kept_digest(house, ROOT, directory=tmp_path) == first


def test_where_nothing_can_be_kept_it_is_worked_out_each_time(house: Path, traces: list[str]) -> None:
    nowhere = Path("/proc/self/nowhere")
    assert kept_digest(house, ROOT, directory=nowhere) == kept_digest(house, ROOT, directory=nowhere)
    assert len(traces) == 2


def test_the_oldest_make_room(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FILES_MAX", 2)
    for root in (ROOT, "house.main", "house.rules", "house.rules:step"):
        kept_digest(house, root, directory=tmp_path)
    assert len(list(tmp_path.glob("meaning-*"))) == 2


def test_what_was_just_kept_stays_where_the_clock_was_set_back(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traces: list[str]
) -> None:
    monkeypatch.setattr(kept, "FILES_MAX", 1)
    kept_digest(house, ROOT, directory=tmp_path)
    (earlier,) = tmp_path.glob("meaning-*")
    os.utime(earlier, (2**32, 2**32))
    for _ in range(2):
        kept_digest(house, "house.main", directory=tmp_path)
    assert len(traces) == 2
    assert list(tmp_path.glob("meaning-*")) != [earlier]
