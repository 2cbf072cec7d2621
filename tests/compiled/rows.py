"""What compiled functions take, for the same functions in plain Python: records, and arrays of them."""

from __future__ import annotations

from typing import Any

import numpy as np


class Row:
    """A record whose fields are attributes as in compiled code, also those that numpy has names for."""

    def __init__(self, record: Any) -> None:
        object.__setattr__(self, "record", record)

    def __getattr__(self, name: str) -> Any:
        field = self.record[name]
        if isinstance(field, np.void):
            return Row(field)
        return Rows(field) if field.dtype.names else field

    def __setattr__(self, name: str, value: Any) -> None:
        self.record[name] = value


class Rows:
    """An array of them."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, i: int) -> Row:
        return Row(self.array[i])
