"""What the supervisor says of every child's process, read from the file that it keeps in `runtime_dir`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from signalnode.bus.wire import ProcessState

BYTES_MAX = 4_194_304  # 500 children take 60 kB
LOOK_MS = 100  # between two looks; a look is one stat

_DECODER = msgspec.json.Decoder(dict[str, ProcessState])


class Supervision:
    """The file at `path`, read when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None  # inode and time of what was read last

    def news(self) -> dict[str, ProcessState] | None:
        """Every child by name where that is news, none where the file is gone; None where nothing is new."""
        try:
            found = self._path.stat()
            place = (found.st_ino, found.st_mtime_ns)
            if place == self._seen:
                return None
            with self._path.open("rb") as file:
                content = file.read(BYTES_MAX)
            told = _DECODER.decode(content)
        except FileNotFoundError:
            was, self._seen = self._seen, None
            return {} if was is not None else None
        except (OSError, msgspec.MsgspecError):  # it is replaced as a whole: somebody else's, or unreadable
            return None
        self._seen = place
        return told
