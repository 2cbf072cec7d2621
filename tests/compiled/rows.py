"""What compiled functions take, for the same functions in plain Python: records, and arrays of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

DTYPES_MAX = 64  # whose classes are kept


class Row:
    """A record whose fields are attributes as in compiled code, also those that numpy has names for."""

    __slots__ = ("_record",)
    _record: Any

    def __new__(cls, record: Any) -> Row:
        return _of(_class_of(record.dtype), record)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...


class Rows:
    """An array of them."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self._class = _class_of(array.dtype)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, i: int) -> Row:
        return _of(self._class, self.array[i])


def _of(kind: type[Row], record: Any) -> Row:
    made = object.__new__(kind)
    made._record = record
    return made


@functools.lru_cache(maxsize=DTYPES_MAX)
def _class_of(dtype: np.dtype[Any]) -> type[Row]:
    """With a property for each field, found at once, where `__getattr__` is asked after all else failed."""
    fields = {name: _property(name, dtype[name]) for name in dtype.names or ()}
    return type("RowOfFields", (Row,), {"__slots__": (), **fields})


def _property(name: str, dtype: np.dtype[Any]) -> property:
    def itself(row: Row) -> Any:
        return row._record[name]

    def put(row: Row, value: Any) -> None:
        row._record[name] = value

    wrap: Callable[[Any], Any] | None = None
    if dtype.base.names:
        wrap = Rows if dtype.shape else Row
    return property((lambda row: wrap(row._record[name])) if wrap else itself, put)
