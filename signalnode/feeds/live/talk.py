"""A WebSocket over a stream that is open, read and written in one thread; for commands.

The protocol is websockets' own, without I/O, so a proxy and TLS are whatever `reach` has made.
"""

from __future__ import annotations

import socket
from collections import deque

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.errors import VenueError
from signalnode.feeds.live.rest import Reply, body_of

CHUNK_BYTES = 65_536
SHORTEST_S = 0.001  # of a wait: 0 would mean not to wait at all
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class Talk:
    """An open WebSocket at `url`. Raises VenueError where it cannot be opened by `end_ns` (monotonic)."""

    def __init__(self, stream: socket.socket, url: str, frame_bytes_max: int, end_ns: int) -> None:
        self._stream, self._url = stream, url
        self._protocol = ClientProtocol(parse_uri(url), max_size=frame_bytes_max)
        self._frames: deque[bytes] = deque()
        self._part = b""
        request = self._protocol.connect()
        request.headers["User-Agent"] = "signalnode"
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING:
            if not self._receive(end_ns):
                raise VenueError(
                    f"{url}: no answer to the WebSocket's opening; what stands in between may eat it"
                )

    def send(self, frame: bytes) -> None:
        """Send one frame of text. Raises VenueError."""
        self._protocol.send_text(frame)
        self._flush()

    def frame(self, end_ns: int) -> bytes | None:
        """The next frame; None where none has come by `end_ns`. Raises VenueError when it is closed."""
        while not self._frames:
            if self._protocol.state is not State.OPEN:
                word = self._protocol.close_rcvd or self._protocol.close_sent or "without a word"
                raise VenueError(f"{self._url}: closed: {word}; try again later")
            if not self._receive(end_ns):
                return None
        return self._frames.popleft()

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()

    def _flush(self) -> None:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    self._stream.sendall(data)
        except OSError as error:
            raise VenueError(
                f"{self._url}: cannot be written to ({error.strerror or error}); try again later"
            ) from None

    def _receive(self, end_ns: int) -> bool:
        """Read once; False where nothing has come by `end_ns`."""
        self._stream.settimeout(max(SHORTEST_S, (end_ns - monotonic_ns()) / NS_PER_S))
        try:
            data = self._stream.recv(CHUNK_BYTES)
        except TimeoutError:
            return False
        except OSError as error:
            raise VenueError(
                f"{self._url}: broken off ({error.strerror or error}); try again later"
            ) from None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        refusal = self._protocol.handshake_exc
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._admitted(event, refusal)
            elif isinstance(event, Frame) and event.opcode in _DATA:
                self._take(event)
        if refusal is not None:
            raise VenueError(f"{self._url}: no WebSocket answers there ({refusal}); is ws_url right?")
        self._flush()
        return True

    def _admitted(self, response: Response, refusal: Exception | None) -> None:
        if isinstance(refusal, InvalidHandshake) and response.status_code not in {101, 200}:
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            body_of(Reply(response.status_code, headers, bytes(response.body or b"")), self._url)

    def _take(self, frame: Frame) -> None:
        self._part += frame.data
        if frame.fin:
            self._frames.append(self._part)
            self._part = b""
