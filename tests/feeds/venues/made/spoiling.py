"""Frames with something in them that no venue sends."""

from __future__ import annotations

import random
import re
from functools import lru_cache

MARKS = (b"null", b"NaN", b"-1", b'"x"', b"1e999", b"[]", b"{}", b"[[]]", b"true", b"9" * 400, b'""', b"\xff")


def spoiled(frame: bytes, rng: random.Random) -> bytes:
    """A frame with something in it that no venue sends."""
    at = rng.randrange(len(frame))
    until = min(len(frame), at + rng.choice((0, 1, 1, 2, 5, 40)))
    if rng.random() < 0.5:  # from one value to another: still JSON, mostly
        edges = _edges(frame)
        at, until = (
            sorted(rng.sample(edges, 2))
            if rng.random() < 0.2
            else edges[(n := rng.randrange(len(edges) - 1)) : n + 2]
        )
        at += 1
    put = rng.choice((b"", rng.randbytes(1), frame[at:until] * 2, rng.choice(MARKS), rng.choice(MARKS)))
    return frame[:at] + put + frame[until:]


@lru_cache(1_000)
def _edges(frame: bytes) -> list[int]:
    """Where a value begins or ends."""
    return [found.start() for found in re.finditer(rb"[:,\[\]{}]", frame)]
