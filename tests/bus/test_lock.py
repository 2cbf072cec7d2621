from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.bus.lock import hold_lock, sweep
from signalnode.errors import AlreadyRunningError, RuntimeDirectoryError

HOLDER = """
import sys, time, pathlib
from signalnode.bus.lock import hold_lock
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
