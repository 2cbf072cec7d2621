"""The files of the page, read once: small, and the same for everybody. Nothing else is served."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOLDER = Path(__file__).parent / "page"
FIRST = "/index.html"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent. `tag` changes with its bytes (ETag of RFC 9110)."""

    body: bytes
    type: str
    tag: str


def page_files(folder: Path = FOLDER) -> dict[str, PageFile]:
    """Each file by the path it is asked for; the first page under `/` too. Raises OSError."""
    found = {
        f"/{path.relative_to(folder).as_posix()}": _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES
    }
    return {"/": found[FIRST], **found}


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:16]}"')
