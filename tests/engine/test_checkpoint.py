"""Checkpoints survive whatever kills the writer, and none is used by whom it does not fit."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from signalnode.engine import checkpoint
from signalnode.engine.checkpoint import SLOTS, CheckpointFile
from signalnode.errors import CheckpointError

POSITION = {"row": 7, "digest": "abc", "state": [1.5, 2.5]}
HEALTH = b"health"


def states_of(folder: Path, identity: str = "me") -> tuple[bytes | None, list[str]]:
    """What a fresh process finds: the state, and what it refused."""
    file = CheckpointFile(folder, identity)
    found = file.load()
    return found.state if found else None, file.refused


def written(folder: Path, count: int) -> CheckpointFile:
    """`count` checkpoints, the last of which holds the state b"<count>"."""
    file = CheckpointFile(folder, "me")
    file.load()
    for number in range(1, count + 1):
        file.save(str(number).encode(), HEALTH, POSITION | {"row": number})
    return file


def test_a_cold_start_finds_nothing_and_refuses_nothing(tmp_path: Path) -> None:
    assert states_of(tmp_path) == (None, [])


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_is_read_again(tmp_path: Path, durable: bool) -> None:
    file = CheckpointFile(tmp_path, "me")
    file.save(b"state\0\xff", HEALTH, POSITION, durable=durable)
    found = CheckpointFile(tmp_path, "me").load()
    assert found is not None
    assert (found.state, found.health, found.position) == (b"state\0\xff", HEALTH, POSITION)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_newest_of_two_wins(tmp_path: Path, count: int) -> None:
    written(tmp_path, count)
    assert states_of(tmp_path) == (str(count).encode(), [])
    assert len(list(tmp_path.iterdir())) == min(count, 2)


def test_who_goes_on_writes_a_newer_one(tmp_path: Path) -> None:
    written(tmp_path, 5)
    successor = CheckpointFile(tmp_path, "me")
    successor.load()
    successor.save(b"later", HEALTH, POSITION)
    assert states_of(tmp_path) == (b"later", [])


def test_torn_at_any_byte_the_one_before_is_used(tmp_path: Path) -> None:
    written(tmp_path, 2)
    newest = tmp_path / SLOTS[0]
    content = newest.read_bytes()
    assert b"2" in content
    for length in range(len(content)):
        newest.write_bytes(content[:length])
        state, refused = states_of(tmp_path)
        assert state == b"1", length
        (line,) = refused
        assert line.startswith(str(newest))
        assert "\n" not in line


def test_altered_in_any_byte_the_one_before_is_used(tmp_path: Path) -> None:
    written(tmp_path, 2)
    newest = tmp_path / SLOTS[0]
    content = newest.read_bytes()
    for place in range(len(content)):
        newest.write_bytes(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
        assert states_of(tmp_path)[0] == b"1", place


def test_one_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    written(tmp_path, 2)
    (tmp_path / SLOTS[0]).unlink()
    (tmp_path / SLOTS[0]).mkdir()  # a mode would not keep root from reading
    state, (line,) = states_of(tmp_path)
    assert state == b"1"
    assert "cannot be read (Is a directory)" in line


def test_both_torn_is_a_cold_start_with_two_reasons(tmp_path: Path) -> None:
    written(tmp_path, 2)
    for name in SLOTS:
        (tmp_path / name).write_bytes(b"\0" * 100)
    state, refused = states_of(tmp_path)
    assert state is None
    assert len(refused) == 2
    CheckpointFile(tmp_path, "me").save(b"new", HEALTH, POSITION)
    assert states_of(tmp_path)[0] == b"new"


class FullDisk:
    """os.write on a disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        self._room = room

    def __call__(self, file: int, content: Any) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = memoryview(content)[: min(self._room, 16)]
        self._room -= len(part)
        return _write(file, part)


_write = os.write


@pytest.mark.parametrize("room", [0, 1, 25, 60])
def test_a_full_disk_is_told_in_one_line_and_costs_no_checkpoint(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(room))
        with pytest.raises(
            CheckpointError, match=r"cannot be written \(No space left on device\); make room"
        ):
            file.save(b"3", HEALTH, POSITION)
    assert states_of(tmp_path) == (b"2", [])
    file.save(b"4", HEALTH, POSITION)
    assert states_of(tmp_path) == (b"4", [])


def test_a_write_that_comes_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", FullDisk(1_000_000))
    CheckpointFile(tmp_path, "me").save(b"x" * 5_000, HEALTH, POSITION)
    assert states_of(tmp_path) == (b"x" * 5_000, [])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.5, 0.99])
def test_killed_amid_a_write_the_one_before_is_used(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 2)

    def die(descriptor: int, content: Any) -> int:
        _write(descriptor, content[: int(share * len(content))])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", die)
        with pytest.raises(KeyboardInterrupt):
            file.save(b"3", HEALTH, {"state": [8.5, 9.5]})
    assert states_of(tmp_path)[0] == b"2"


def test_a_short_one_over_a_long_one_is_whole(tmp_path: Path) -> None:
    file = written(tmp_path, 2)
    for state in (b"long" * 100, b"long" * 100, b"short", b"shorter"):
        file.save(state, HEALTH, POSITION)
        assert states_of(tmp_path) == (state, [])


def test_one_that_was_removed_is_made_again(tmp_path: Path) -> None:
    file = written(tmp_path, 2)
    for name in SLOTS:
        (tmp_path / name).unlink()
    file.save(b"3", HEALTH, POSITION)
    assert states_of(tmp_path) == (b"3", [])


def test_a_checkpoint_of_other_parameters_is_refused_in_one_line(tmp_path: Path) -> None:
    written(tmp_path, 2)
    state, refused = states_of(tmp_path, "somebody else")
    assert state is None
    assert all("made with other parameters or another version" in line for line in refused)
    assert len(refused) == 2


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, 1)
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    state, (line,) = states_of(tmp_path)
    assert state is None
    assert "of another format than this version's" in line


def test_a_directory_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no directory").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be written"):
        CheckpointFile(tmp_path / "no directory", "me").save(b"1", HEALTH, POSITION)


def test_a_directory_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "gone", "it")
    file.save(b"state", b"health", {})
    assert file.load() is not None
