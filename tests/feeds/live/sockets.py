"""Real sockets that behave as they are told to: servers, proxies, ports that swallow."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from tests.effort import PATIENCE_S

Serve = Callable[[socket.socket], None]
HEAD_BYTES_MAX = 65_536


@contextlib.contextmanager
def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Call `serve` with each connection to the port given, in a thread of its own; then it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()

        def one(stream: socket.socket) -> None:
            with contextlib.suppress(OSError), stream:
                served = stream if tls is None else tls.wrap_socket(stream, server_side=True)
                with served:
                    serve(served)

        def run() -> None:
            while True:
                with contextlib.suppress(OSError):
                    stream, _ = listener.accept()
                    if stopped.is_set():
                        stream.close()
                        return
                    threading.Thread(target=one, args=(stream,), daemon=True).start()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield port
        stopped.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S):
            pass
        thread.join(PATIENCE_S)


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port whose connections are never made: its queue is full, so the system drops what asks for one."""
    with socket.socket() as listener, contextlib.ExitStack() as full:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A port that nothing listens at, nor will: it is taken until this process ends."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    port = int(taken.getsockname()[1])
    taken.detach()
    return port


def head_of(stream: socket.socket) -> bytes:
    """A request up to its empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < HEAD_BYTES_MAX:
        byte = stream.recv(1)
        if not byte:
            break
        head += byte
    return head


def silent(stream: socket.socket) -> None:
    """Take in what comes, and say nothing."""
    while stream.recv(65_536):
        pass


def answering(*answers: bytes) -> Serve:
    """Answer each connection's one request with the next of these; the last one again and again."""
    left = list(answers)

    def serve(stream: socket.socket) -> None:
        if head_of(stream):
            stream.sendall(left.pop(0) if len(left) > 1 else left[0])

    return serve


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An answer of HTTP/1.1."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def proxying(seen: list[bytes], to: int = 0) -> Serve:
    """A proxy that lets everything through, or leads it to a port of ours, and notes what it was asked."""

    def serve(stream: socket.socket) -> None:
        head = head_of(stream)
        seen.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        place = ("127.0.0.1", to) if to else (host, int(port))
        with socket.create_connection(place, PATIENCE_S) as onward:
            stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(onward, stream), daemon=True)
            back.start()
            _pass_on(stream, onward)
            back.join(PATIENCE_S)

    return serve


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
