"""How an aggregator's process keeps its memory: what is asked of glibc (other C libraries do without) and of
Python's collector of cycles.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # mallopt(3)
LARGE_BLOCK_BYTES = 262_144


def arrange() -> None:
    """Settle how this process keeps its memory, in one heap for all threads; before the first ZeroMQ context,
    whose threads go by it.
    """
    keep_large_apart(LARGE_BLOCK_BYTES)
    _mallopt(M_ARENA_MAX, 1)


def keep_large_apart(block_bytes: int, spare_bytes: int | None = None) -> None:
    """Give blocks of `block_bytes` and more their own mapping, which goes back to the kernel with them.

    Left alone, glibc learns to take matrices of 2 MB from the heap, where what lies between them keeps the
    holes from being joined (20 MB more after a minute with 500 markets). Of what is free at the heap's end it
    keeps `spare_bytes`, None for its own 128 kB.
    """
    _mallopt(M_MMAP_THRESHOLD, block_bytes)
    if spare_bytes is not None:
        _mallopt(M_TRIM_THRESHOLD, spare_bytes)


def settle() -> None:
    """What there is now is looked at no more by the collector of cycles: it lives as long as the process, and
    of 2,000 markets one look at it takes 50 ms. Now and then, for what was made since.
    """
    gc.collect()
    gc.freeze()


def _mallopt(parameter: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(parameter, value)
