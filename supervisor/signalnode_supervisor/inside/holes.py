"""What is free in the pages that all children share is taken before the first fork, and never given back.

A child that puts an object where one of its parent's has gone owns a copy of that whole page, most of which
is its parent's. With the holes filled what a child makes lies together, in pages of its own. It costs no
memory: those pages are there in any case.

Python's small objects have one of 32 sizes, and its allocator tells how many of each are free
(`sys._debugmallocstats`, where CPython is); what is larger comes from the C library, which tells how much of
its heap is free below the top (`mallinfo2`, where that is glibc). Where either says nothing, nothing is done.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile

SIZES_LINE = re.compile(rb"^ *\d+ +(\d+) +\d+ +\d+ +(\d+)\r?$", re.MULTILINE)  # … size … free
BYTES_HEAD = sys.getsizeof(b"")
INT_SIZE, INT_LEAST = 32, 1 << 10  # of an int that is not kept at hand
PIECE_BYTES_MAX, PIECE_BYTES_MIN = 65_536, 24  # below what glibc maps on its own; its least

_kept: list[object] = []


def fill_holes() -> None:
    """Take all that is free between what is there."""
    for size, free in _free_blocks():
        _kept.extend([_block(size, number) for number in range(free)])
    _fill_heap()


def _free_blocks() -> list[tuple[int, int]]:
    """Sizes of small objects, in bytes, and how many of each are free in pages in use."""
    tell = getattr(sys, "_debugmallocstats", None)
    if tell is None:
        return []
    with tempfile.TemporaryFile() as told:
        stderr = os.dup(2)
        try:
            os.dup2(told.fileno(), 2)  # it writes nowhere else
            tell()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        told.seek(0)
        return [(int(size), int(free)) for size, free in SIZES_LINE.findall(told.read())]


def _block(size: int, number: int) -> object:
    """A small object of that size, in bytes, which holds nothing."""
    if size < INT_SIZE:
        return object()
    return INT_LEAST + number if size == INT_SIZE else bytes(max(size - BYTES_HEAD, 1))


class _Heap(ctypes.Structure):
    """mallinfo2(3): of its ten sizes, what is free, and how much of that is the heap's end."""

    _fields_ = [(f"f{i}", ctypes.c_size_t) for i in range(8)] + [
        ("free", ctypes.c_size_t),
        ("end", ctypes.c_size_t),
    ]


def _fill_heap() -> None:
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in ("mallinfo2", "malloc", "free", "sbrk")):
        return
    library.mallinfo2.restype, library.malloc.restype = _Heap, ctypes.c_void_p
    library.malloc.argtypes, library.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
    library.sbrk.restype, library.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    heap = library.mallinfo2()
    end, left, size = library.sbrk(0) - heap.end, heap.free - heap.end, PIECE_BYTES_MAX
    while left > 0 and size >= PIECE_BYTES_MIN:
        piece = library.malloc(size)
        if piece is None:
            return
        if piece < end:
            left -= size
            continue
        library.free(piece)  # no hole is as large as this
        size = size * 7 // 8
