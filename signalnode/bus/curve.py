"""CURVE keys: who may listen from beyond this machine, and the files that say so.

A keys directory (mode 0700) holds `node.key_secret` and `node.key`, made by `keys new`, and
`allowed/<NAME>.key`, one public key for each subscriber, made by `keys allow`. A subscriber's own directory
holds its `node.key_secret`, and `server.key`, the node's public key. Files are in ZeroMQ's certificate
format, as `zmq.auth` writes them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import zmq
import zmq.auth
from zmq.utils import z85

from signalnode.bus.topics import checked_name
from signalnode.errors import ConfigError, UsageError

ZAP_DOMAIN = b"signalnode"
OWN, SERVER, ALLOWED = "node", "server", "allowed"
KEY_CHARS = 40  # a CURVE key in Z85 text
ALLOWED_MAX = 1_024  # subscribers; the list is held in memory and read again at reload
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


def new_keys(directory: Path) -> str:
    """Make a key pair in `directory` (created 0700) and return the public key; never overwrites one."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = directory / f"{OWN}.key_secret"
    if secret.exists():
        raise UsageError(f"{secret}: there is a key already; move it away first if a new one is wanted")
    umask = os.umask(0o077)
    try:
        zmq.auth.create_certificates(directory, OWN)
    finally:
        os.umask(umask)
    return own_keys(directory)[0].decode()


def allow(directory: Path, name: str, public_key: str) -> Path:
    """Let the holder of `public_key` subscribe, under `name`; returns the file that says so."""
    path = directory / ALLOWED / f"{checked_name(name)}.key"
    _put_public(path, public_key)
    return path


def trust_server(directory: Path, public_key: str) -> Path:
    """On a subscriber's side: remember the node's public key; returns its file."""
    path = directory / f"{SERVER}.key"
    _put_public(path, public_key)
    return path


def own_keys(directory: Path) -> tuple[bytes, bytes]:
    """(public, secret) of `directory`.

    Raises ConfigError where they are missing, broken or readable by others.
    """
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


def secure_server(socket: zmq.Socket[bytes], directory: Path) -> None:
    """Make `socket` speak CURVE only, to keys the ZAP authenticator of its context lets in.

    Call before bind.
    """
    socket.curve_publickey, socket.curve_secretkey = own_keys(directory)
    socket.curve_server = True
    socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


def secure_client(socket: zmq.Socket[bytes], directory: Path) -> None:
    """Make `socket` speak CURVE to the node whose key is in `directory`; call before connect."""
    socket.curve_publickey, socket.curve_secretkey = own_keys(directory)
    socket.curve_serverkey = _load(directory / f"{SERVER}.key")[0]


def _put_public(path: Path, public_key: str) -> None:
    if not _KEY.fullmatch(public_key):
        raise UsageError(
            f"{public_key[:60]!r} is not a public key: {KEY_CHARS} characters, as `keys new` prints them"
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(f'metadata\ncurve\n    public-key = "{public_key}"\n')


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; make or copy the key first, see: signalnode keys"
        ) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a key file ({error}); make or copy it again") from None
    return public, secret


class Authenticator:
    """ZAP (RFC 27) without a thread: poll `socket` and call `answer` when it is readable."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], directory: Path) -> None:
        self._directory = directory
        self._allowed = allowed_keys(directory)
        self.refused = 0
        self.socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind("inproc://zeromq.zap.01")

    def reload(self) -> None:
        """Read the allowed keys again; raises ConfigError and keeps the old ones if a file is broken."""
        self._allowed = allowed_keys(self._directory)

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
