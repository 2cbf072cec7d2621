"""What trials have found, line by line on disk: a run that was stopped goes on from there.

A line names what was tried, of what (a digest of events, formulas and blocks) and what it found, so one file
serves any markets and seeds, and a line that was torn by a kill is left out. Nothing is synced to disk: a
kill -9 leaves what was written, and a loss of power costs trials that are repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from signalnode.research.tuning.trials import Found

BYTES_MAX = 268_435_456  # then it begins anew: some 200,000 trials

Values = tuple[tuple[str, float], ...]


class _Line(msgspec.Struct, array_like=True):
    of: str
    values: Values
    found: dict[str, Found]


class Journal:
    """One file; only one process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[tuple[str, Values], dict[str, Found]] = {}
        whole = 0
        if path.exists() and path.stat().st_size <= BYTES_MAX:
            for line, end in _lines(path):
                self._found[line.of, line.values] = line.found
                whole = end
        with path.open("ab") as file:
            file.truncate(whole)
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def get(self, of: str, values: Values) -> dict[str, Found] | None:
        """What was found of it, if it was tried."""
        return self._found.get((of, values))

    def add(self, of: str, values: Values, found: dict[str, Found]) -> None:
        """Write down a trial. Raises OSError."""
        self._found[of, values] = found
        self._file.write(msgspec.json.encode(_Line(of, values, found)) + b"\n")


def _lines(path: Path) -> Iterator[tuple[_Line, int]]:
    """Whole lines, each with where it ends; what follows a torn one was not written by us."""
    decoder, end = msgspec.json.Decoder(_Line), 0
    with path.open("rb") as file:
        for row in file:
            end += len(row)
            try:
                line = decoder.decode(row)
            except msgspec.DecodeError:
                return
            if not row.endswith(b"\n"):
                return
            yield line, end
