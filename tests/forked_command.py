"""A program named `signalnode` for shells of tests: each run of it is a fork of what has loaded it already.

From nothing a command takes a third of a second of a processor, nearly all of it for what it imports. What
stands in the shell is a small client: it hands on its words, folder, environment and streams, passes on
Ctrl-C, and ends as the command does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from signalnode.cli import main
from tests.forked import begin, context

STREAMS = range(3)  # standard input, output and error
ASKED_BY_A_SHELL = (8, 9)  # where one that completes a line is answered, and told of faults
LENGTH_BYTES = 4

# Without site, whose start would be most of it.
CLIENT = """#!{python} -IS
import os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
environment = [f"{{name}}={{value}}" for name, value in os.environ.items()]
streams = {streams} + {asked} * ("_ARGCOMPLETE" in os.environ)
parts = [os.getcwd(), str(len(sys.argv) - 1), *sys.argv[1:], *environment]
body = os.fsencode("\\0".join(parts))
socket.send_fds(server, [len(body).to_bytes({length}, "big")], streams)
server.sendall(body)
signal.signal(signal.SIGINT, lambda *_: server.send(b"c"))
sys.exit(server.recv(1)[0])
"""


@contextlib.contextmanager
def forked_command(path: Path) -> Iterator[None]:
    """The program at `path`, for as long as this lasts."""
    with socket.socket(socket.AF_UNIX) as listener:
        address = path.with_suffix(".sock")
        begin()
        listener.bind(str(address))
        listener.listen()
        streams = {"streams": tuple(STREAMS), "asked": ASKED_BY_A_SHELL, "length": LENGTH_BYTES}
        path.write_text(CLIENT.format(python=sys.executable, path=str(address), **streams))
        path.chmod(0o755)
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            address.unlink()


def _serve(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_run_one, args=(client,), daemon=True).start()


def _run_one(client: socket.socket) -> None:
    with client:
        length, descriptors, _, _ = socket.recv_fds(
            client, LENGTH_BYTES, len(STREAMS) + len(ASKED_BY_A_SHELL)
        )
        body = bytearray()
        while len(body) < int.from_bytes(length, "big"):
            body += client.recv(65_536)
        folder, count, *rest = os.fsdecode(bytes(body)).split("\0")
        words, environment = rest[: int(count)], dict(each.split("=", 1) for each in rest[int(count) :])
        streams = [Connection(each) for each in descriptors]
        process = context.Process(target=_command, args=(words, folder, environment, streams))
        process.start()
        for each in streams:
            each.close()
        assert process.pid is not None
        threading.Thread(target=_pass_on, args=(client, process.pid), daemon=True).start()
        process.join()
        status = process.exitcode or 0
        with contextlib.suppress(OSError):
            client.sendall(bytes([status if status >= 0 else 128 - status]))
            client.shutdown(socket.SHUT_RDWR)


def _pass_on(client: socket.socket, number: int) -> None:
    """Each Ctrl-C that the client is sent."""
    with contextlib.suppress(OSError):
        while client.recv(1):
            os.kill(number, signal.SIGINT)


def _command(
    words: Sequence[str], folder: str, environment: dict[str, str], streams: Sequence[Connection]
) -> None:
    os.chdir(folder)
    beyond = 1 + max(ASKED_BY_A_SHELL)  # none of them is where another belongs
    given = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD_CLOEXEC, beyond) for each in streams]
    for each in streams:
        each.close()
    for number, descriptor in zip((*STREAMS, *ASKED_BY_A_SHELL), given, strict=False):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, closefd=False) for number, mode in zip(STREAMS, ("r", "w", "w"), strict=True)
    )
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["signalnode", *words]
    sys.exit(main())
