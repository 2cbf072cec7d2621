"""What is taken from the environment: where the config is, and where this user keeps code and units."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from signalnode.files import ensure_directory
from signalnode.settings.reading import shown

CLUSTER_DIR = "SIGNALNODE_CLUSTER_DIR"  # in the environment of Ray's workers
CONFIG_PATH_DEFAULT = Path("config/signalnode.toml")


def config_path(explicit: Path | None) -> Path:
    """The node's TOML file: `explicit`, else SIGNALNODE_CONFIG, else config/signalnode.toml. A folder stands
    for the signalnode.toml in it.

    Absolute and without links: reached by whichever path, it is one node with one `runtime_dir`.
    """
    named = os.environ.get("SIGNALNODE_CONFIG", "")
    path = (explicit or (Path(named) if named else CONFIG_PATH_DEFAULT)).expanduser().resolve()
    return path / CONFIG_PATH_DEFAULT.name if os.path.isdir(path) else path  # False where nobody may look


def config_option(path: Path | None) -> str:
    """What names this config on a command line, a blank before it; nothing where it is found unnamed."""
    if path is None or config_path(path) == config_path(None):
        return ""
    return f" --config {shlex.quote(shown(path))}"


def config_found(explicit: Path | None) -> Path | None:
    """As `config_path`; None where no file was named and the default one is not there."""
    path = config_path(explicit)
    is_named = explicit is not None or bool(os.environ.get("SIGNALNODE_CONFIG"))
    return path if is_named or path.exists() else None


def cache_root() -> Path:
    """Where compiled code is kept: systemd's CACHE_DIRECTORY, XDG_CACHE_HOME, or ~/.cache; created mode 0700.

    Falls back to a private directory under the system's temporary one when the home cannot be written.
    """
    explicit = os.environ.get("CACHE_DIRECTORY", "").split(":")[0]
    base = Path(explicit) if explicit else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = base if explicit else base / "signalnode"
    try:
        ensure_directory(root)
    except OSError:
        root = Path(tempfile.gettempdir()) / f"signalnode-{os.getuid()}"
        ensure_directory(root)
    return root


def colours_refused() -> bool:
    """Whether the terminal has no colours (TERM=dumb) or its user wants none (NO_COLOR, no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def user_units_dir() -> Path:
    """Where a user's own systemd units are: XDG_CONFIG_HOME or ~/.config, then systemd/user."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def user_state_dir() -> Path:
    """Where this user's programs keep what outlives them: in XDG_STATE_HOME or ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "signalnode"


def environment_with(**more: str) -> dict[str, str]:
    """Our own environment, and this, for a program of the user's."""
    return {**os.environ, **more}


def environment_without(*prefixes: str) -> dict[str, str]:
    """Our own environment but for what begins so, for a program that is not to know of it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def put_into_environment(values: Mapping[str, str]) -> None:
    """Set these for this very process: for a library that takes its settings from there alone."""
    os.environ.update(values)


def cluster_dir() -> Path:
    """Of an actor of a cluster: where its machine keeps what is its own."""
    return Path(os.environ[CLUSTER_DIR])


def certificates_fault() -> str | None:
    """What is wrong with the file of SSL_CERT_FILE, with the mend; OpenSSL would pass over it."""
    named = os.environ.get("SSL_CERT_FILE")
    if not named:
        return None
    import ssl

    try:
        ssl.create_default_context(cafile=named)
    except OSError as error:  # SSLError is one
        why = "holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        return f"SSL_CERT_FILE: {named}: {why}; name a file of certificates (PEM), or leave it out"
    return None
