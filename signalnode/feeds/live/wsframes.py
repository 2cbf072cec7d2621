"""What a WebSocket server sends, cut into its frames (RFC 6455, section 5.2). Pure.

Nearly every frame of a venue is a whole message without a mask. Those are taken out here, in a tenth of the
time of a parser that bears with everything; all others, with what they belong to, are left to one that does.
"""

from __future__ import annotations

WHOLE = frozenset({0x81, 0x82})  # first byte: the last part, and so the first, of a text or of bytes
CONTROL = 0x08  # bit of the opcode
LAST = 0x80
TWO_BYTES, EIGHT_BYTES = 126, 127  # second byte: so many more are the length


Piece = tuple[bool, bytes]  # a whole message, or (False) a frame with its head, for the other parser


class Cutter:
    """Begins with the first byte behind the handshake; messages of more than `bytes_max` are left alone."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held: list[bytes] = []  # the beginning of a frame that is not whole
        self._held_bytes = self._whole_bytes = 0  # how much that is, and how much there must be to go on
        self._in_parts = False  # of a message in several frames the last has not come
        self._is_lost = False  # the other parser is to object to something, and has all from there on

    def cut(self, data: bytes) -> list[Piece]:
        """What is whole by now, in order."""
        if self._held:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes < self._whole_bytes:
                return []
            data = b"".join(self._held)
            self._held.clear()
        found: list[Piece] = []
        at, size = 0, len(data)
        while at < size and not self._is_lost:
            start, end = self._span(data, at, size)
            if self._is_lost:
                break
            if end > size:
                self._held, self._held_bytes, self._whole_bytes = [data[at:]], size - at, end - at
                return found
            first = data[at]
            if first in WHOLE and not self._in_parts:
                found.append((True, data[start:end]))
            else:
                if not first & CONTROL:
                    self._in_parts = not first & LAST
                found.append((False, data[at:end]))
            at = end
        if at < size:
            found.append((False, data[at:]))
        return found

    def _span(self, data: bytes, at: int, size: int) -> tuple[int, int]:
        """Where the body of the frame at `at` begins and ends, as far as its head has come."""
        if size < at + 2:
            return at, at + 2
        length = data[at + 1]
        if length < TWO_BYTES:
            return at + 2, at + 2 + length
        start = at + (4 if length == TWO_BYTES else 10)
        if length > EIGHT_BYTES:  # a mask, which no server may use
            self._is_lost = True
            return at, at
        if size < start:
            return at, start
        length = int.from_bytes(data[at + 2 : start], "big")
        if length > self._bytes_max:
            self._is_lost = True
            return at, at
        return start, start + length
