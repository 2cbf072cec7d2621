"""The control socket as a client sees it: one JSON object a line, each way. Light to import.

Request: `{"verb": "status"}`, with `"names": ["A", …]` where it makes sense. Verbs: `status`, `start`,
`stop`, `restart`, `reload`, `shutdown`, `ping`.

Answer: `{"ok": true, …}` or `{"ok": false, "error": "one line"}`.
Answers come in the order of the requests of a connection, each when its request is done. A line has at
most 65,536 bytes. The socket is of mode 0600, and only the same user or root is answered, or with a
`control_group` 0660, and its users too. A connection may close its own half and still gets its answers; one
that says or takes nothing for 10 s is closed.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signalnode_supervisor.errors import DirectoryUnusable, NoAnswer, NotAllowed, NotRunning, RequestRefused

REQUEST_BYTES_MAX = 65_536
ANSWER_BYTES_MAX = 16_777_216  # 200 children with all their records are below 2 MB
VERBS = ("status", "start", "stop", "restart", "reload", "shutdown", "ping")
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un, without the closing zero
LOOK_TIMEOUT_S = 5.0  # to ask how things stand, which a supervisor that turns answers in milliseconds
TIMEOUT_S = 150.0  # a start may compile first; what takes longer than its own deadline is answered before


def request(path: Path, verb: str, names: Sequence[str] = (), timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Ask, wait, and return the answer without its `ok`.

    Raises NotRunning when nobody listens, NotAllowed where the socket is another user's, RequestRefused with
    the supervisor's own words, and NoAnswer when there is none within `timeout_s`.
    """
    line = json.dumps({"verb": verb, "names": list(names)}).encode() + b"\n"
    check_socket_path(path)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            with contextlib.suppress(BrokenPipeError):  # a refusal may come before we have spoken
                connection.sendall(line)
            answer = _read_line(connection)
        except TimeoutError:
            raise NoAnswer(f"no answer on {path} within {timeout_s:g} s; see the log") from None
        except PermissionError:
            owner = _owner(path)
            raise NotAllowed(f"{path}: belongs to user {owner}; ask as that user", owner) from None
        except OSError:
            raise NotRunning(f"{path}: nobody answers; is the node running?") from None
    if not answer.get("ok"):
        raise RequestRefused(str(answer.get("error", "refused")))
    return {key: value for key, value in answer.items() if key != "ok"}


def check_socket_path(path: Path) -> None:
    """Raises DirectoryUnusable for a path that no socket can have."""
    if len(str(path).encode()) > SOCKET_PATH_BYTES_MAX:
        raise DirectoryUnusable(
            f"{path}: longer than {SOCKET_PATH_BYTES_MAX} bytes; choose a shorter runtime_dir"
        )


def _owner(path: Path) -> int:
    """Whose the nearest part of the path is that can be seen."""
    for part in (path, *path.parents):
        with contextlib.suppress(OSError):
            return part.stat().st_uid
    return 0


def _read_line(connection: socket.socket) -> dict[str, Any]:
    data = bytearray()
    while not data.endswith(b"\n"):
        part = connection.recv(65_536)
        if not part or len(data) > ANSWER_BYTES_MAX:
            raise ConnectionResetError
        data += part
    with contextlib.suppress(ValueError):
        answer = json.loads(data)
        if isinstance(answer, dict):
            return answer
    raise ConnectionResetError
