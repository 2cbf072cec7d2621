"""A machine's token: made once, for its owner alone, and refused where it is anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.cluster.place import Place, check_token, make_token
from signalnode.errors import ClusterError


def test_a_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = Place(tmp_path / "new").token
    assert make_token(path)
    made = path.read_text()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not make_token(path)
    assert path.read_text() == made
    other = Place(tmp_path / "other").token
    make_token(other)
    assert other.read_text() != made


def test_a_token_that_an_editor_ended_with_a_newline_is_one(tmp_path: Path) -> None:
    path = tmp_path / "token"
    make_token(path)
    path.write_text(path.read_text() + "\n")
    check_token(path)


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (None, 0, "there is no token; copy the file of that name from the head (10.0.0.1:6379), then: chmod"),
        (b"ab" * 32, 0o640, "others can read this token; run: chmod 600"),
        (b"short", 0o600, "holds no token; copy it from the head again, whole"),
        (b"\xff" * 64, 0o600, "holds no token"),
        (b"ab" * 10_000, 0o600, "holds no token"),
    ],
)
def test_a_token_that_lets_nobody_in_says_why(
    tmp_path: Path, content: bytes | None, mode: int, told: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(ClusterError) as raised:
        check_token(path, "10.0.0.1:6379")
    assert str(raised.value).startswith(f"{path}: {told}")
    assert len(str(raised.value).splitlines()) == 1
