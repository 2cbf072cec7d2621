"""Memory that is there from the start: what glibc's allocator is told, and a reserve for ZeroMQ's queues.

libzmq keeps the frames of a connection in chunks of 256, of 64 bytes each. The first chunk's pages are
touched as it fills, and the 128th score of a market brings a second one, for good: with 500 markets at ten
scores a second the process grew by 8 MB between the 10th and the 26th second. The reserve is touched before
anything connects, and given back to the allocator, which keeps it and lays the chunks into it.

Other C libraries than glibc do without: there memory grows by as much, once.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # mallopt(3)
LARGE_BLOCK_BYTES = 262_144
FENCE_BYTES = 24  # the smallest that can be had
CHUNK_BYTES = 16_400  # libzmq: message_pipe_granularity 256 × sizeof (zmq_msg_t) 64, and two links
BLOCK_BYTES = 15 * (CHUNK_BYTES + 16)  # of the reserve; under LARGE_BLOCK_BYTES, or it would be mapped apart
BUFFERS_BYTES = 36_000  # of one connection, with the objects around them; measured, libzmq 4.3.5
# What comes in takes two chunks in turn, what goes out one; a tenth of the buffers is lost between them.
CONNECTION_BYTES = 3 * CHUNK_BYTES + 11 * BUFFERS_BYTES // 10
RESERVE_BYTES_MAX = 536_870_912  # enough for 6,000 markets


def arrange(connections: int) -> None:
    """Settle how this process keeps its memory; before the first ZeroMQ context, whose threads go by it.

    Blocks over LARGE_BLOCK_BYTES get their own mapping: left alone, glibc learns to take matrices of 2 MB
    from the heap, where the messages between them keep the holes from being joined (20 MB more after a minute
    with 500 markets). All threads share one heap, so that the reserve serves ZeroMQ's as well.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        libc.mallopt(M_ARENA_MAX, 1)
        _reserve(libc, min(connections * CONNECTION_BYTES, RESERVE_BYTES_MAX))


def settle() -> None:
    """What there is now is looked at no more by the collector of cycles: it lives as long as the process, and
    of 2,000 markets one look at it takes 50 ms. Now and then, for what was made since.
    """
    gc.collect()
    gc.freeze()


def _reserve(libc: ctypes.CDLL, size: int) -> None:
    """Take `size` bytes from the heap, write on them, and give them back to the allocator.

    The head of every block is kept for good, as a fence: without them the blocks would join, be handed out
    for large ones, and go back to the kernel.
    """
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.realloc.restype, libc.realloc.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]
    blocks = [libc.malloc(BLOCK_BYTES) for _ in range(-(-size // BLOCK_BYTES))]
    for block in blocks:
        if block:
            ctypes.memset(block, 0, BLOCK_BYTES)
            libc.realloc(block, FENCE_BYTES)  # where it stands: glibc splits off the rest
