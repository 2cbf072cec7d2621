"""Messages over one end of a pair of sockets: each with its length before it. Never waits."""

from __future__ import annotations

import contextlib
import socket
import struct

_LENGTH = struct.Struct("<I")
FRAME_BYTES_MAX = 67_108_864
WAITING_BYTES_MAX = 8_388_608  # beyond, nothing more is taken to be sent
READ_BYTES = 262_144


class Frames:
    """Raises EOFError once the other end is gone, and ValueError for what is no frame."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        end.setblocking(False)
        self._out, self._in = bytearray(), bytearray()

    @property
    def is_sending(self) -> bool:
        """Whether something waits to go out."""
        return bool(self._out)

    def send(self, content: bytes) -> bool:
        """Whether it was taken, as it is unless too much waits already."""
        if self._out and len(self._out) + len(content) > WAITING_BYTES_MAX:
            return False
        self._out += _LENGTH.pack(len(content))
        self._out += content
        self.flush()
        return True

    def flush(self) -> None:
        """Send what can go."""
        while self._out:
            try:
                sent = self.socket.send(memoryview(self._out)[:READ_BYTES])
            except BlockingIOError:
                return
            except OSError as error:
                raise EOFError(error.strerror) from None
            del self._out[:sent]

    def receive(self) -> list[bytes]:
        """What came whole."""
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    came = self.socket.recv(READ_BYTES)
                except ConnectionError as error:
                    raise EOFError(error.strerror) from None
                if not came:
                    raise EOFError("closed")
                self._in += came
        return self._whole()

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def _whole(self) -> list[bytes]:
        found, at = [], 0
        while len(self._in) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._in, at)
            if length > FRAME_BYTES_MAX:
                raise ValueError(f"a frame of {length} bytes")
            begin = at + _LENGTH.size
            if len(self._in) - begin < length:
                break
            at = begin + length
            found.append(bytes(self._in[begin:at]))
        del self._in[:at]
        return found
