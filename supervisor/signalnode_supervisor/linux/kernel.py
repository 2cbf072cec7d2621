"""The few Linux calls that the standard library lacks, through ctypes."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
COMM_BYTES_MAX = 15  # what the kernel keeps of a process name

# include/uapi/linux/pidfd.h: PIDFD_GET_INFO = _IOWR(0xFF, 11, struct pidfd_info), at first of 64 bytes
_INFO_BYTES = 64
_GET_INFO = (3 << 30) | (_INFO_BYTES << 16) | (0xFF << 8) | 11
_INFO_EXIT = 1 << 3
_EXIT_CODE_OFFSET = 60

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Orphans below this process become its own children instead of init's. Raises OSError."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signal_number: int) -> None:
    """This process gets the signal when its parent ends. Raises OSError."""
    _prctl(PR_SET_PDEATHSIG, signal_number)


def name_process(name: str) -> None:
    """The name that `top` and `ps -o comm` show, cut to 15 bytes."""
    _prctl(PR_SET_NAME, ctypes.c_char_p(name.encode()[:COMM_BYTES_MAX]))


def _prctl(option: int, value: object) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


def wait_status_of_stranger(pidfd: int) -> int | None:
    """Wait status of an ended process that is not our child; None before Linux 6.15 or when lost."""
    info = bytearray(_INFO_BYTES)
    struct.pack_into("=Q", info, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return None
    if not struct.unpack_from("=Q", info, 0)[0] & _INFO_EXIT:
        return None
    return int(struct.unpack_from("=i", info, _EXIT_CODE_OFFSET)[0])


def overwrite_environment(old: bytes, new: bytes) -> bool:
    """Write `new` over `old` (same length) in this process's initial environment block, where /proc shows it.

    A forked process keeps its ancestor's block until it executes something: os.environ alone marks nothing.
    """
    assert len(old) == len(new)
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])  # env_start, env_end: fields 50 and 51 of proc(5)
    except (OSError, IndexError, ValueError):
        return False
    offset = ctypes.string_at(start, end - start).find(old) if start else -1
    if offset < 0:
        return False
    ctypes.memmove(start + offset, new, len(new))
    return True
