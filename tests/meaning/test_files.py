"""The user's own files: what they mean, whatever state they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.meaning import files_digest

TEXT = "K = 2.0\ndef calm(f, p): return K * f.spread\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my signals.v2.py"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("text", ["# mine\n" + TEXT, TEXT.replace("\n", "\n\n"), '"""Mine."""\n' + TEXT])
def test_a_comment_a_blank_line_and_a_docstring_change_nothing(file: Path, text: str) -> None:
    before = files_digest([file])
    file.write_text(text)
    assert files_digest([file]) == before


@pytest.mark.parametrize(
    "text", [TEXT.replace("2.0", "3.0"), TEXT.replace("*", "/"), "def broken(:", "x = '\0'"]
)
def test_a_changed_formula_and_a_broken_one_change_it(file: Path, text: str) -> None:
    before = files_digest([file])
    file.write_text(text)
    assert files_digest([file]) != before


def test_all_of_a_file_counts_for_which_of_its_names_register_others_cannot_be_seen(file: Path) -> None:
    before = files_digest([file])
    file.write_text(TEXT + "def other(f, p): return 1.0\n")
    assert files_digest([file]) != before


def test_a_moved_file_is_the_same(file: Path, tmp_path: Path) -> None:
    before = files_digest([file])
    (tmp_path / "deep").mkdir()
    assert files_digest([file.rename(tmp_path / "deep" / "other.py")]) == before


def test_two_broken_ones_are_told_apart(file: Path) -> None:
    file.write_text("def broken(:")
    before = files_digest([file])
    file.write_text("def broken((:")
    assert files_digest([file]) != before


def test_how_many_there_are_counts_and_none_is_nothing(file: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.py"
    digests = [files_digest(files) for files in ([], [absent], [file], [file, file], [file, absent])]
    assert digests[0] == ""
    assert len(set(digests)) == 5


@pytest.mark.parametrize(
    "text", ["from . import " + "x", "x = " + "(" * 500 + ")" * 500, "from .file import y as y\ny"]
)
def test_a_strange_file_raises_nothing(file: Path, text: str) -> None:
    file.write_text(text)
    assert files_digest([file])
