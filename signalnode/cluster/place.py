"""Where a machine of a cluster keeps what is its own, and the token that lets it in.

The token is a secret: who has it may run code on every host. It is a file for its owner alone, made on the
head and brought to each other machine by whoever runs both; nothing prints or logs what it holds.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from signalnode.errors import ClusterError
from signalnode.files import ensure_directory, replace_file

TOKEN_BYTES = 32  # of randomness; written as twice as many hexadecimal digits
TOKEN_FILE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Place:
    """The directories and files of one machine, below `base`."""

    base: Path

    @property
    def token(self) -> Path:
        """What lets a machine into the cluster."""
        return self.base / "token"

    @property
    def store(self) -> Path:
        """On the head: what Ray has to know after a restart."""
        return self.base / "store"

    @property
    def shards(self) -> Path:
        """On a host: a directory for each start of a shard."""
        return self.base / "shards"

    @property
    def keys(self) -> Path:
        """Where `up` is run: the cluster's CURVE keys, where the config names no others."""
        return self.base / "keys"


def make_token(path: Path) -> bool:
    """Have a token at `path`, mode 0600; returns whether it was made just now. Raises ClusterError."""
    if path.exists():
        check_token(path)
        return False
    try:
        ensure_directory(path.parent)
        replace_file(path, secrets.token_hex(TOKEN_BYTES).encode(), durable=True)
    except OSError as error:
        raise ClusterError(f"{path}: cannot be written ({error.strerror}); make room there") from None
    return True


def check_token(path: Path, head: str = "") -> None:
    """Raises ClusterError where there is no token, others can read it, or it holds something else.

    `head`: where to bring it from.
    """
    try:
        size, mode = path.stat().st_size, path.stat().st_mode
        text = path.read_text("ascii") if size <= TOKEN_FILE_BYTES_MAX else ""
    except FileNotFoundError:
        there = f"copy the file of that name from the head{f' ({head})' if head else ''}"
        raise ClusterError(f"{path}: there is no token; {there}, then: chmod 600 {path}") from None
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        mend = "ask as the user whose it is, or as root"
        raise ClusterError(f"{path}: the token cannot be read ({error.strerror}); {mend}") from None
    if mode & 0o077:
        raise ClusterError(f"{path}: others can read this token; run: chmod 600 {path}")
    if len(text.strip()) != 2 * TOKEN_BYTES or set(text.strip()) - set("0123456789abcdef"):
        raise ClusterError(f"{path}: holds no token; copy it from the head again, whole")
