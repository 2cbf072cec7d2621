"""Columns of numbers and words for Arrow. Its own `pa.array` imports pandas where that is installed, which
takes each process that writes a file half a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def numbers(values: npt.NDArray[Any]) -> Any:
    """An Arrow array of a numpy one, shape (n,): the same memory where that is contiguous. NaN is no null."""
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def words(texts: Sequence[str]) -> Any:
    """An Arrow array of them."""
    import pyarrow as pa

    pieces = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, pieces)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(pieces), pa.py_buffer(ends), pa.py_buffer(b"".join(pieces)))
