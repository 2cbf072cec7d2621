"""CURVE keys: who may listen from beyond this machine, and the files that say so.

A keys directory (mode 0700) holds `node.key_secret` and `node.key`, made by `keys new`, and
`allowed/<NAME>.key`, one public key for each subscriber, made by `keys allow`. A subscriber's own directory
holds its `node.key_secret`, and `server.key`, the node's public key; who listens with the node's own
directory needs no `server.key`. Files are in ZeroMQ's certificate format, as `zmq.auth` writes them.
"""

from __future__ import annotations

import os
from pathlib import Path

import zmq
import zmq.auth
from zmq.utils import z85

from signalnode.errors import ConfigError, UsageError
from signalnode.files import ensure_directory, replace_file
from signalnode.names import KEY_CHARS, checked_name, is_key

ZAP_DOMAIN = b"signalnode"
OWN, SERVER, ALLOWED = "node", "server", "allowed"
ALLOWED_MAX = 1_024  # subscribers; the list is held in memory and read again at reload


def new_keys(directory: Path) -> str:
    """Make a key pair in `directory` (created 0700) and return the public key; never overwrites one."""
    ensure_directory(directory)
    secret = directory / f"{OWN}.key_secret"
    if secret.exists():
        raise UsageError(f"{secret}: there is a key already; move it away first if a new one is wanted")
    umask = os.umask(0o077)
    try:
        zmq.auth.create_certificates(directory, OWN)
    finally:
        os.umask(umask)
    return own_keys(directory)[0].decode()


def allow(directory: Path, name: str, key: str) -> Path:
    """Let the holder of public `key` (its 40 characters, or a file that has it) subscribe, under `name`.

    Returns the file that says so.
    """
    path = directory / ALLOWED / f"{checked_name(name, 'a subscriber')}.key"
    _put_public(path, key)
    return path


def trust_server(directory: Path, key: str) -> Path:
    """On a subscriber's side: remember the node's public `key` (its 40 characters, or a file that has it)."""
    path = directory / f"{SERVER}.key"
    _put_public(path, key)
    return path


def own_keys(directory: Path) -> tuple[bytes, bytes]:
    """(public, secret) of `directory`; raises ConfigError where missing, broken or readable by others."""
    path = directory / f"{OWN}.key_secret"
    public, secret = _load(path)
    if secret is None:
        raise ConfigError(f"{path}: holds no secret key; make a pair with: signalnode keys new")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others can read this secret key; run: chmod 600 {path}")
    return public, secret


def allowed_keys(directory: Path) -> dict[bytes, str]:
    """Name by public key of everyone who may subscribe; raises ConfigError for a broken file or too many."""
    paths = sorted((directory / ALLOWED).glob("*.key"))
    if len(paths) > ALLOWED_MAX:
        raise ConfigError(
            f"{directory / ALLOWED}: {len(paths)} keys, and {ALLOWED_MAX} is the most; remove some"
        )
    return {_load(path)[0]: path.stem for path in paths}


def let_in(directory: Path) -> dict[bytes, str]:
    """Name by public key of everyone a node lets in: those allowed, and its own panel and whoever else may
    read its secret key. Raises ConfigError for a missing or broken file or too many.
    """
    return {own_keys(directory)[0]: OWN, **allowed_keys(directory)}


def mark_as_node(directory: Path) -> None:
    """Make the folder of those allowed, by which `secure_client` knows a node's own directory."""
    ensure_directory(directory / ALLOWED)


def secure_server(socket: zmq.Socket[bytes], directory: Path) -> None:
    """Make `socket` speak CURVE only, to keys its context's ZAP authenticator lets in; call before bind."""
    socket.curve_publickey, socket.curve_secretkey = own_keys(directory)
    socket.curve_server = True
    socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


def secure_client(socket: zmq.Socket[bytes], directory: Path, server_key: str = "") -> None:
    """Make `socket` speak CURVE to the node of `server_key`, or else of the key in `directory`, which may be
    the node's own; call before connect. Raises ConfigError where keys are missing or broken.
    """
    socket.curve_serverkey = server_key.encode() or trusted_key(directory)
    socket.curve_publickey, socket.curve_secretkey = own_keys(directory)


def trusted_key(directory: Path) -> bytes:
    """Public key of the node that who has this directory listens to: it may be the node's own.

    Raises ConfigError where there is none.
    """
    server = directory / f"{SERVER}.key"
    if server.exists():
        return _load(server)[0]
    if (directory / ALLOWED).is_dir():
        return own_keys(directory)[0]
    own_keys(directory)  # who has no pair at all is told of that first
    raise ConfigError(f"{server}: there is no such file; fetch the node's key and: signalnode keys trust")


def _put_public(path: Path, key: str) -> None:
    public_key = _load(Path(key))[0].decode() if os.path.isfile(key) else key
    if not is_key(public_key):
        raise UsageError(
            f"{key[:60]!r} is not a public key: give the {KEY_CHARS} characters that `keys new` printed, in "
            f"single quotes, or the {OWN}.key file it wrote"
        )
    ensure_directory(path.parent)
    replace_file(path, f'metadata\ncurve\n    public-key = "{public_key}"\n'.encode())


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or 'there is no such file'}; make a pair with: "
            f"signalnode keys new --dir {path.parent}"
        ) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a key file ({error}); make or copy it again") from None
    return public, secret


class Authenticator:
    """ZAP (RFC 27) without a thread: poll `socket` and call `answer` when it is readable."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], directory: Path) -> None:
        self._directory = directory
        self._allowed = let_in(directory)
        self.refused = 0
        self.socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind("inproc://zeromq.zap.01")

    def reload(self) -> None:
        """Read the allowed keys again; raises ConfigError and keeps the old ones if a file is broken."""
        self._allowed = let_in(self._directory)

    def answer(self) -> None:
        """Answer every request that waits."""
        while True:
            try:
                request = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.socket.send_multipart(self.verdict(request))

    def verdict(self, request: list[bytes]) -> list[bytes]:
        """The six frames that let a peer in (200) or keep it out (400), to ZAP's request frames."""
        request_id = request[1] if len(request) > 1 else b""
        name = self._name(request)
        if name is None:
            self.refused += 1
            return [b"1.0", request_id, b"400", b"this key is not allowed", b"", b""]
        return [b"1.0", request_id, b"200", b"OK", name.encode(), b""]

    def _name(self, request: list[bytes]) -> str | None:
        if len(request) != 7 or request[0] != b"1.0" or request[2] != ZAP_DOMAIN or request[5] != b"CURVE":
            return None
        return self._allowed.get(z85.encode(request[6]))
