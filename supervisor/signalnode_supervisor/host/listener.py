"""The control socket as the supervisor sees it: hostile input gets an error, and nobody is waited for."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from signalnode_supervisor.control import REQUEST_BYTES_MAX, VERBS
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.host.poller import READ, WRITE, Poller

CONNECTIONS_MAX = 64  # at once; one more is told to come back
REQUESTS_MAX = 64  # of one connection, asked and not yet answered
NAMES_MAX = 10_000
GROUP_DIRECTORY, GROUP_SOCKET = 0o710, 0o660
IDLE_NS = 10 * NS_PER_S  # a whole request, or that an answer is taken, is waited for this long
READ_BYTES = 65_536
NO_FILES = "the supervisor has no file left to open; raise its limit (`ulimit -n`, LimitNOFILE=)"

OnRequest = Callable[["Request"], None]


class Request:
    """One request; `answer` is called once."""

    def __init__(self, connection: Connection, number: int, verb: str, names: tuple[str, ...]) -> None:
        self.number = number
        self.verb = verb
        self.names = names
        self._connection = connection
        self.payload: Mapping[str, Any] | None = None

    def answer(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload
        self._connection.flush()


class Connection:
    """One client: bytes in, requests out, answers back in the order of the requests."""

    def __init__(self, listener: Listener, line: socket.socket, now_ns: int) -> None:
        self.idle_since_ns = now_ns
        self._listener = listener
        self._line = line
        self._received = b""
        self._to_send = b""
        self._requests: list[Request] = []
        self._closing = False
        listener.poller.watch(line.fileno(), self._on_ready)

    def _on_ready(self) -> None:
        if self._to_send:
            self._write()
        elif self._closing:
            self.close()  # nothing is waited for here but the end of our own work: it hung up
        else:
            self._read()

    def _read(self) -> None:
        """One request at a time: the rest waits in the kernel, as long as this one's answer is not taken."""
        try:
            seen = self._line.recv(READ_BYTES, socket.MSG_PEEK)
            data = self._line.recv(seen.find(b"\n") + 1 or len(seen)) if seen else b""
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self._closing = True  # it may listen still: a pipe that was written out closes this half alone
            self._write()
            return
        if not self._received:
            self.idle_since_ns = self._listener.now_ns()
        self._received += data
        if not data.endswith(b"\n"):
            if len(self._received) > REQUEST_BYTES_MAX:
                self._refuse(f"a request has at most {REQUEST_BYTES_MAX} bytes")
            return
        line, self._received = self._received[:-1], b""
        self._accept_request(line)

    def _accept_request(self, line: bytes) -> None:
        try:
            verb, names = parse(line)
        except ValueError as fault:
            self._refuse(str(fault))
            return
        if len(self._requests) >= REQUESTS_MAX:
            self._refuse(f"at most {REQUESTS_MAX} requests may wait on one connection")
            return
        request = Request(self, self._listener.next_number(), verb, names)
        self._requests.append(request)
        self._listener.on_request(request)

    def _refuse(self, why: str) -> None:
        """Answer with an error and take no more from this connection."""
        self._closing = True
        self._requests.append(Request(self, 0, "", ()))
        self._requests[-1].answer({"ok": False, "error": why})

    def flush(self) -> None:
        """Send every answer whose turn it is."""
        while self._requests and self._requests[0].payload is not None:
            payload = self._requests.pop(0).payload
            self._to_send += json.dumps(payload, separators=(",", ":"), default=str).encode() + b"\n"
            self.idle_since_ns = self._listener.now_ns()
        self._write()

    def _write(self) -> None:
        if self._line.fileno() < 0:
            return  # it left before its answer came
        try:
            sent = self._line.send(self._to_send) if self._to_send else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        self._to_send = self._to_send[sent:]
        if self._closing and not self._to_send and not self._requests:
            self.close()
            return
        if sent:
            self.idle_since_ns = self._listener.now_ns()
        reading = 0 if self._closing or self._to_send else READ
        self._listener.poller.watch(self._line.fileno(), self._on_ready, WRITE if self._to_send else reading)

    def overdue_ns(self) -> int | None:
        """When it has kept us waiting for too long; None while it waits for us."""
        if self._requests and not self._to_send and not self._received:
            return None
        return self.idle_since_ns + IDLE_NS

    def close(self) -> None:
        if self._line.fileno() >= 0:
            self._listener.poller.unwatch(self._line.fileno())
            self._line.close()
        self._listener.forget(self)


class Listener:
    """Accepts, checks who it is, and hands on what is asked.

    Our own user and root may ask, and with `group` who belongs to it: connect(2) takes the right to write to
    the socket's file, and to pass its directory.
    """

    def __init__(
        self,
        path: Path,
        poller: Poller,
        on_request: OnRequest,
        now_ns: Callable[[], int],
        group: int | None = None,
    ) -> None:
        self.poller = poller
        self.on_request = on_request
        self.now_ns = now_ns
        self._path = path
        self._group = group
        self._connections: set[Connection] = set()
        self._numbers = 0
        self._spared = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._socket = self._bound()

    def _bound(self) -> socket.socket:
        """Bound and listening under another name first: who sees the socket's file is answered."""
        unheard = self._path.with_name(f"{self._path.name[:-1]}~")  # as short: a path has 107 bytes at most
        unheard.unlink(missing_ok=True)  # the lock is ours, so whoever bound it is dead
        made = socket.socket(socket.AF_UNIX)
        old = os.umask(0o177)
        try:
            made.bind(str(unheard))
            if self._group is not None:
                self._let_in(self._group, unheard)
            made.listen(CONNECTIONS_MAX)
            self._bound_at = unheard.lstat()
            unheard.rename(self._path)
        except OSError as error:
            made.close()
            error.filename = str(self._path)
            raise
        finally:
            os.umask(old)
        made.setblocking(False)
        self.poller.watch(made.fileno(), self._accept)
        return made

    def _let_in(self, group: int, unheard: Path) -> None:
        """The rights come last: until the group is right there is nobody to have them."""
        for path, mode in ((self._path.parent, GROUP_DIRECTORY), (unheard, GROUP_SOCKET)):
            if path.stat().st_gid != group:
                os.chown(path, -1, group)
            path.chmod(mode)

    def put_back(self) -> list[str]:
        """Bind anew where somebody removed or replaced the socket's file; its path then. Raises OSError.

        Whoever is connected stays so.
        """
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._path.lstat(), self._bound_at):
                return []
        deaf, self._socket = self._socket, self._bound()
        self.poller.unwatch(deaf.fileno())
        deaf.close()
        return [str(self._path)]

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def next_deadline_ns(self) -> int | None:
        times = (connection.overdue_ns() for connection in self._connections)
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    def tick(self, now_ns: int) -> None:
        """Close connections that keep us waiting."""
        for connection in list(self._connections):
            at_ns = connection.overdue_ns()
            if at_ns is not None and at_ns <= now_ns:
                connection.close()

    def close(self) -> None:
        for connection in list(self._connections):
            connection.close()
        self.poller.unwatch(self._socket.fileno())
        self._socket.close()
        os.close(self._spared)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            line, _ = self._socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._turn_away()
            return
        with contextlib.suppress(OSError):
            line.setblocking(False)
            refusal = ""
            if self._group is None and not _is_ours(line):
                refusal = "only the user who runs the supervisor, or root, may ask"
            elif len(self._connections) >= CONNECTIONS_MAX:
                refusal = f"{CONNECTIONS_MAX} connections are open already; try again"
            if refusal:
                with contextlib.suppress(OSError), line:
                    line.send(json.dumps({"ok": False, "error": refusal}).encode() + b"\n")
                return
            self._connections.add(Connection(self, line, self.now_ns()))

    def _turn_away(self) -> None:
        """No file is left for a client. One was kept to tell it so: unanswered it would wake us for ever."""
        os.close(self._spared)
        with contextlib.suppress(OSError):
            line, _ = self._socket.accept()
            with line:
                line.setblocking(False)
                line.send(json.dumps({"ok": False, "error": NO_FILES}).encode() + b"\n")
        self._spared = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def parse(line: bytes) -> tuple[str, tuple[str, ...]]:
    """The verb and names of a request. Raises ValueError with one line for whatever is none."""
    if len(line) > REQUEST_BYTES_MAX:
        raise ValueError(f"a request has at most {REQUEST_BYTES_MAX} bytes")
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("a request is one line with one JSON object") from None
    if not isinstance(request, dict) or request.get("verb") not in VERBS:
        raise ValueError(f'a request has a "verb", one of {", ".join(VERBS)}')
    names = request.get("names", [])
    if not isinstance(names, list) or len(names) > NAMES_MAX or not all(isinstance(n, str) for n in names):
        raise ValueError(f'"names" is a list of at most {NAMES_MAX} strings')
    return request["verb"], tuple(dict.fromkeys(names))


def _is_ours(line: socket.socket) -> bool:
    credentials = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (0, os.getuid())
