"""What is kept in files for Layer 5: how the supervisor's children stand, and how the cluster does.

Such a file is replaced as a whole. Whoever reads it looks at it again and again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from signalnode.bus.cluster import Told
from signalnode.bus.wire import ProcessState

BYTES_MAX = 4_194_304  # 500 children take 60 kB
LOOK_MS = 100  # between two looks; a look is one stat

_Content = TypeVar("_Content")


class Kept(Generic[_Content]):
    """The file at `path`, read when it has changed; `nothing` is what it says when it is gone."""

    def __init__(
        self, path: Path, decoder: msgspec.json.Decoder[_Content], nothing: _Content | None = None
    ) -> None:
        self._path, self._decoder, self._nothing = path, decoder, nothing
        self._seen: tuple[int, int] | None = None  # inode and time of what was read last

    def news(self) -> _Content | None:
        """What it says where that is news, `nothing` where the file is gone; None where nothing is new."""
        try:
            found = self._path.stat()
            place = (found.st_ino, found.st_mtime_ns)
            if place == self._seen:
                return None
            with self._path.open("rb") as file:
                content = file.read(BYTES_MAX)
            told = self._decoder.decode(content)
        except FileNotFoundError:
            was, self._seen = self._seen, None
            return self._nothing if was is not None else None
        except (OSError, msgspec.MsgspecError):  # it is replaced as a whole: somebody else's, or unreadable
            return None
        self._seen = place
        return told


class Supervision(Kept[dict[str, ProcessState]]):
    """Every child by name."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, msgspec.json.Decoder(dict[str, ProcessState]), {})


class Overview(Kept[Told]):
    """How the cluster stands; what was said last where the file is gone."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, msgspec.json.Decoder(Told))
