"""What a package's own code means, worked out once for each state of its files: reading a few files and
comparing their checksums takes two milliseconds, parsing and following them fifty and more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from signalnode.files import replace_file
from signalnode.meaning.trace import Meaning, meaning_of
from signalnode.settings import cache_root

PACKAGE = Path(__file__).parent.parent
CLOSED = (f"{PACKAGE.name}.compiled",)  # how code is compiled has no say in what it means
FILES_MAX = 64  # kept digests: of other roots, and of other places the package stood in
_OWN = (Path(__file__).with_name("source.py"), Path(__file__).with_name("trace.py"))


def own_digest(*roots: str, closed: tuple[str, ...] = CLOSED) -> str:
    """The digest of `meaning_of` for this package; kept in the user's cache."""
    return kept_digest(PACKAGE, *roots, closed=closed, directory=cache_root())


def kept_digest(package: Path, *roots: str, closed: tuple[str, ...] = (), directory: Path) -> str:
    """The digest of `meaning_of` for the package at `package`, kept in `directory`.

    It is worked out anew when any file that had a say has changed, by its content. Where nothing can be kept,
    it is worked out each time.
    """
    asked = hashlib.sha256(repr((str(package), roots, closed)).encode()).hexdigest()[:16]
    path = directory / f"meaning-{asked}.json"
    try:
        kept = json.loads(path.read_bytes())
        if kept["files"] == _checksums(map(Path, kept["files"])):
            return str(kept["digest"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    found = meaning_of({package.name: package}, *roots, closed=closed)
    with contextlib.suppress(OSError):
        _keep(path, found)
    return found.digest


def _checksums(files: Iterable[Path]) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _keep(path: Path, found: Meaning) -> None:
    """Keep it; the oldest others make room."""
    content = {"digest": found.digest, "files": _checksums([*_OWN, *found.files])}
    replace_file(path, json.dumps(content).encode(), writer=str(os.getpid()))
    others = [file for file in path.parent.glob("meaning-*") if file != path]
    others.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    for file in others[FILES_MAX - 1 :]:
        file.unlink(missing_ok=True)
