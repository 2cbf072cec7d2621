"""Files: replaced whole or not at all, locked by one process, kept within bounds, closed to others."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from signalnode.errors import AlreadyRunningError, RuntimeDirectoryError
from signalnode.files import (
    RotatingFile,
    alone_in,
    ensure_directory,
    hold_lock,
    is_held,
    replace_file,
    replacing,
    sweep,
    write_over,
)

HOLDER = """
import sys, time, pathlib
from signalnode.files import hold_lock
lock = hold_lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_holder_is_refused_and_told_the_first_one_s_pid(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "A.lock"), pytest.raises(AlreadyRunningError, match=f"process {os.getpid()};"):
        hold_lock(tmp_path / "A.lock")


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    hold_lock(tmp_path / "A.lock").release()
    hold_lock(tmp_path / "A.lock").release()


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "A.lock") as lock:
        assert not lock.put_back()
        (tmp_path / "A.lock").unlink()
        assert lock.put_back()
        with pytest.raises(AlreadyRunningError):
            hold_lock(tmp_path / "A.lock")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_directory_is_gone_is_taken_anew_when_that_is_there_again(tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    directory.mkdir()
    with hold_lock(directory / "A.lock") as lock:
        (directory / "A.lock").unlink()
        directory.rmdir()
        assert not lock.put_back()
        directory.mkdir()
        assert lock.put_back()


def test_a_released_lock_leaves_no_file(tmp_path: Path) -> None:
    hold_lock(tmp_path / "A.lock").release()
    assert not (tmp_path / "A.lock").exists()


def test_a_lock_on_a_file_removed_meanwhile_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock, calls = tmp_path / "A.lock", fcntl.flock, []

    def flock_after_the_holder_left(file: int, operation: int) -> None:
        if not calls:
            path.unlink()
        calls.append(file)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock_after_the_holder_left)
    with hold_lock(path), pytest.raises(AlreadyRunningError):
        hold_lock(path)
    assert len(calls) == 3


def test_locks_of_two_markets_do_not_meet(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "A.lock"), hold_lock(tmp_path / "B.lock"):
        pass


def test_kill_9_frees_the_lock_and_a_stale_file_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "A.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunningError, match=f"process {holder.pid};"):
            hold_lock(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        hold_lock(path).release()


def test_what_somebody_killed_left_is_swept_and_what_is_held_stays(tmp_path: Path) -> None:
    for name in ("A", "B"):
        (tmp_path / f"{name}.lock").touch()
        (tmp_path / f"{name}.scores").touch()
    with hold_lock(tmp_path / "B.lock"):
        for name in ("A", "B"):
            sweep(tmp_path / f"{name}.lock", tmp_path / f"{name}.scores")
        assert {each.name for each in tmp_path.iterdir()} == {"B.lock", "B.scores"}


def test_the_lock_does_not_follow_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "A.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeDirectoryError, match="check who owns"):
        hold_lock(tmp_path / "A.lock")
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_directory_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RuntimeDirectoryError) as caught:
        hold_lock(tmp_path / "nowhere" / "A.lock")
    assert "\n" not in str(caught.value)


def test_who_only_looks_at_a_lock_neither_takes_nor_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "A.lock"
    assert not is_held(path)
    assert not path.exists()
    with hold_lock(path):
        assert is_held(path)
        assert is_held(path)
    path.touch()
    assert not is_held(path)
    hold_lock(path).release()


def test_who_comes_second_into_a_directory_waits_for_the_first(tmp_path: Path) -> None:
    order, begun = [], threading.Event()

    def second() -> None:
        begun.set()
        with alone_in(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone_in(tmp_path):
        thread.start()
        assert begun.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert not list(tmp_path.iterdir())


def test_a_log_file_never_grows_past_its_bound_by_more_than_a_line(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    with RotatingFile(path, 100) as file:
        for number in range(50):
            file.write(f"line {number}\n")
    assert {each.name for each in tmp_path.iterdir()} == {"node.log", "node.log.1"}
    assert all(each.stat().st_size <= 110 for each in tmp_path.iterdir())
    assert path.read_text().endswith("line 49\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_whose_directory_somebody_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "node.log"
    path.parent.mkdir()
    with RotatingFile(path, 100) as file:
        file.write("before\n")
        shutil.rmtree(path.parent)
        file.write("after\n")
    assert path.read_text() == "after\n"


def test_a_full_disk_loses_the_line_and_nothing_else() -> None:
    with RotatingFile(Path("/dev/full"), 100) as file:
        assert file.write("lost\n") == 5


def test_a_directory_is_made_with_all_its_parents_closed_to_others(tmp_path: Path) -> None:
    wanted = tmp_path / "a" / "b" / "c"
    assert ensure_directory(wanted) == [wanted, wanted.parent, wanted.parent.parent]
    assert all(each.stat().st_mode & 0o777 == 0o700 for each in (wanted, *list(wanted.parents)[:2]))
    assert ensure_directory(wanted) == []


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError):
        ensure_directory(tmp_path / "a")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        ensure_directory(tmp_path / "a" / "b")


@pytest.mark.parametrize("durable", [False, True])
def test_a_replaced_file_is_whole_private_and_alone(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "A"
    for content in (b"one", b"another", b""):
        replace_file(path, content, durable=durable)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["A"]


def test_a_durable_replacement_has_content_and_name_on_disk_when_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = [], os.fsync

    def noted(file: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{file}"))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    replace_file(tmp_path / "A", b"kept", durable=True)
    assert synced == [str(tmp_path / "A.partial"), str(tmp_path)]


def test_what_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "A"
    replace_file(path, b"before")

    def write_half() -> None:
        with replacing(path) as draft:
            draft.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["A"]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "A.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: .*A\.partial"):
        replace_file(tmp_path / "A", b"too much")
    assert not list(tmp_path.iterdir())


def test_two_writers_at_once_do_not_meet_in_one_draft(tmp_path: Path) -> None:
    path = tmp_path / "A"
    with replacing(path, writer="1") as first, replacing(path, writer="2") as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_over_keeps_the_tail_of_what_was_longer(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "A"
    for content, kept in ((b"one", b"one"), (b"another", b"another"), (b"two", b"twother")):
        write_over(str(path), content, durable=durable)
        assert path.read_bytes() == kept
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_over_leaves_nothing_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "A").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: .*A"):
        write_over(str(tmp_path / "A"), b"too much")
    assert not list(tmp_path.iterdir())
