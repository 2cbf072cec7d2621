"""Compilation of the kernel: one decorator, and a cache that can never serve machine code of an older source.

Numba keys its cache by the file of the outermost function alone, so a change in a file that this one calls
would go unseen. The cache directory therefore carries a digest of every source file that holds compiled code.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from signalnode.settings import cache_root

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent


@functools.cache
def source_digest() -> str:
    """Sixteen hex digits over this file and every source in `features/` and `signals/`."""
    digest = hashlib.sha256()
    for path in (
        Path(__file__),
        *sorted(_PACKAGE.glob("features/*.py")),
        *sorted(_PACKAGE.glob("signals/*.py")),
    ):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


CACHE_DIR = cache_root() / f"kernel-{source_digest()}"
numba.config.CACHE_DIR = str(CACHE_DIR)  # type: ignore[attr-defined]


def is_cached() -> bool:
    """Whether this very source has been compiled here before, so that a start will be quick."""
    return any(CACHE_DIR.rglob("kernel.replay-*.nbc"))


def compiled(function: F) -> F:
    """Compile `function` with numba on first call and keep the machine code in `CACHE_DIR`.

    IEEE arithmetic in source order (no fast-math): the same events give the same bits however they are
    batched. Division by zero gives an infinity or NaN as in numpy, and never raises.
    """
    return cast(F, numba.njit(cache=True, error_model="numpy")(function))
