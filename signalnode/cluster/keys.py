"""The cluster's CURVE keys: one pair for all its aggregators, and who else may subscribe.

They are made where `cluster up` is run, and reach the hosts through Ray's store, which gives them to whoever
has the token. So who has the token has these as well; who subscribes from elsewhere needs a pair of his own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from signalnode.bus.curve import ALLOWED, OWN, allow, allowed_keys, mark_as_node, new_keys, own_keys
from signalnode.errors import ClusterError
from signalnode.files import ensure_directory, replace_file
from signalnode.names import name_fault

BEFORE = "before"  # under which the key that was replaced is let in until all shards have the new one
SECRET = f"{OWN}.key_secret"
FILE_BYTES_MAX = 16_384


def cluster_keys(directory: Path, *, anew: bool = False) -> dict[str, str]:
    """The files of `directory`, by name, as they reach the hosts; a pair is made where there is none.

    With `anew` another pair takes its place. Who has the old one is let in as well: Layer 5 changes last,
    so that it hears those shards that changed before it. Raises ConfigError, OSError.
    """
    secret, public = directory / SECRET, directory / f"{OWN}.key"
    if anew and secret.exists():
        allow(directory, BEFORE, own_keys(directory)[0].decode())
        secret.unlink()
        public.unlink(missing_ok=True)
    if not secret.exists():
        new_keys(directory)
    mark_as_node(directory)
    own_keys(directory)
    names = sorted(allowed_keys(directory).values())
    paths = {SECRET: secret} | {
        f"{ALLOWED}/{name}.key": directory / ALLOWED / f"{name}.key" for name in names
    }
    return {name: path.read_text("utf-8") for name, path in paths.items()}


def lay_out(keys: Mapping[str, str], directory: Path) -> None:
    """Make `directory` of what `cluster_keys` gave elsewhere. Raises ClusterError, OSError."""
    ensure_directory(directory)
    mark_as_node(directory)
    for name, text in keys.items():
        folder, _, file = name.rpartition("/")
        if folder not in ("", ALLOWED) or name_fault(file) or len(text) > FILE_BYTES_MAX:
            raise ClusterError(f"{name[:80]!r} is no file of keys; run `signalnode cluster up` again")
        replace_file(directory / folder / file, text.encode())
