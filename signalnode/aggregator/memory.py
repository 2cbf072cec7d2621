"""How glibc keeps memory, and chunks for ZeroMQ's queues that are there before they are needed.

libzmq keeps what comes of a connection in chunks of 256 frames, of 64 bytes each. The pages of the first are
touched as it fills, and the 128th score of a market brings a second one, for good: with 500 markets at ten
scores a second the process grew by 8 MB between the 10th and the 26th second. So a chunk is laid, touched and
given back to the allocator, just before each connection is made, which takes it first of all; and one more
when all are heard. Everything else of a connection, a queue that goes out and buffers, is hardly written on:
laid out for it as well, it would take 24 kB more of each connection.

Other C libraries than glibc do without: there memory grows by as much, once.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # mallopt(3)
LARGE_BLOCK_BYTES = 262_144
FENCE_BYTES = 24  # the smallest that can be had
CHUNK_BYTES = 16_400  # libzmq: message_pipe_granularity 256 × sizeof (zmq_msg_t) 64, and two links
ALIGNED_BYTES = 128  # libzmq may ask for chunks that begin with a line of the cache: 64, and malloc's own


def arrange() -> None:
    """Settle how this process keeps its memory; before the first ZeroMQ context, whose threads go by it.

    All threads share one heap, so that what is laid into it serves ZeroMQ's as well.
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


class Queues:
    """What ZeroMQ's incoming queues need, one for each connection."""

    def __init__(self) -> None:
        self._coming = 0  # connections whose second chunk is not laid

    def before_connecting(self) -> None:
        """Lay the first chunk of the next connection, which is to be made at once."""
        _lay(1)
        self._coming += 1

    def connected(self) -> None:
        """Lay the second chunk of all new ones. Before they are connected their buffers would go there."""
        coming, self._coming = self._coming, 0
        if coming:
            _lay(coming)


def _lay(chunks: int) -> None:
    """Take chunks from the heap, write on them, and give them back to the allocator, which keeps them.

    The head of each is kept for good, as a fence: without it they would join, be handed out for large
    blocks, and go back to the kernel.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        libc.realloc.restype, libc.realloc.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]
        size = FENCE_BYTES + 8 + CHUNK_BYTES + ALIGNED_BYTES  # 8: malloc's own word before each
        laid = [libc.malloc(size) for _ in range(chunks)]
        for block in laid:
            if block:
                ctypes.memset(block, 0, size)
                libc.realloc(block, FENCE_BYTES)  # where it stands: glibc splits off the rest


def _mallopt(parameter: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(parameter, value)
