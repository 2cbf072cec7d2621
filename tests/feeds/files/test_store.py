"""What was decoded is kept, whole or not at all, and used for just the files and the code it came of."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from signalnode.errors import CheckpointError, OutputError
from signalnode.events import Events
from signalnode.feeds.files import store
from tests.feeds.frames import capture, quote, trade

FOREVER_NS = 2**63 - 1
OpenCapture = Callable[..., Any]


def stored(state_dir: Path) -> list[str]:
    return sorted(path.suffix for path in (state_dir / "BTC-USDT").iterdir())


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every piece of decoded events that is written."""
    written: list[int] = []
    real = store.write_rows

    def write_rows(file: BinaryIO, events: Events) -> None:
        written.append(len(events))
        real(file, events)

    monkeypatch.setattr(store, "write_rows", write_rows)
    return written


def test_files_are_decoded_once(
    open_capture: OpenCapture, tmp_path: Path, path: Path, decodings: list[int]
) -> None:
    for _ in range(3):
        assert len(open_capture(path).take(FOREVER_NS, 10)) == 4
    assert decodings == [4]
    assert stored(tmp_path) == [".events", ".json"]


def test_a_changed_file_is_decoded_anew_and_the_old_events_are_removed(
    open_capture: OpenCapture, tmp_path: Path, path: Path, decodings: list[int]
) -> None:
    position = open_capture(path).position
    list(open_capture(path).prepare())
    capture(path, [trade(1), quote(), trade(2)])
    assert len(open_capture(path).take(FOREVER_NS, 10)) == 3
    assert decodings == [4, 3]
    assert stored(tmp_path) == [".events", ".json"]
    with pytest.raises(CheckpointError, match="start afresh"):
        open_capture(path).seek(position)


def test_a_file_touched_without_a_change_of_size_is_decoded_anew(
    open_capture: OpenCapture, path: Path, decodings: list[int]
) -> None:
    list(open_capture(path).prepare())
    os.utime(path, ns=(1, 1))
    list(open_capture(path).prepare())
    assert decodings == [4, 4]


def test_a_changed_decoder_decodes_anew(
    open_capture: OpenCapture, path: Path, decodings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(open_capture(path).prepare())
    monkeypatch.setattr(store, "code_digest", lambda *_: "another")
    list(open_capture(path).prepare())
    assert decodings == [4, 4]


@pytest.mark.parametrize("damage", ["cut", "no notes", "no events"])
def test_damaged_stored_events_are_made_again(
    open_capture: OpenCapture, tmp_path: Path, path: Path, decodings: list[int], damage: str
) -> None:
    list(open_capture(path).prepare())
    (events,) = (tmp_path / "BTC-USDT").glob("*.events")
    if damage == "cut":
        events.write_bytes(events.read_bytes()[:-1])
    else:
        (events if damage == "no events" else events.with_suffix(".json")).unlink()
    assert len(open_capture(path).take(FOREVER_NS, 10)) == 4
    assert decodings == [4, 4]


def test_faults_are_kept_beside_the_events(open_capture: OpenCapture, tmp_path: Path) -> None:
    path = capture(tmp_path / "a.gz", [trade(1), b"garbage\n", quote()])
    list(open_capture(path).prepare())
    feed = open_capture(path)
    assert feed.faults == {}
    list(feed.prepare())
    assert feed.faults == {"line_corrupt": 1}
    assert feed.fault_lines[0].startswith(f"1 x line_corrupt, first at {path}:2: ")


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_behind(
    open_capture: OpenCapture, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_rows(file: BinaryIO, events: Events) -> None:
        file.write(events.tobytes()[:50])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "write_rows", write_rows)
    with pytest.raises(
        OutputError, match=r"BTC-USDT: cannot store .*No space left on device.*free space"
    ) as caught:
        list(open_capture(path).prepare())
    assert "\n" not in str(caught.value)
    assert stored(tmp_path) == []


def test_a_decoding_given_up_half_way_leaves_nothing_behind(
    open_capture: OpenCapture, tmp_path: Path, excerpts: tuple[Path, Path]
) -> None:
    preparing = open_capture(*excerpts).prepare()
    assert 0 < next(preparing) < 1
    assert stored(tmp_path) == [".partial"]
    del preparing
    assert stored(tmp_path) == []


def test_what_a_killed_process_left_half_done_is_removed(
    open_capture: OpenCapture, tmp_path: Path, path: Path
) -> None:
    directory = tmp_path / "BTC-USDT"
    directory.mkdir()
    (directory / "0123456789abcdef.partial").write_bytes(b"half")
    (directory / "checkpoint").write_bytes(b"not ours")
    list(open_capture(path).prepare())
    assert stored(tmp_path) == ["", ".events", ".json"]
