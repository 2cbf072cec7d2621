"""A server's bytes cut into messages, held against the library's own parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from signalnode.feeds.live.wsframes import Cutter

BYTES_MAX = 70_000

bodies = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([125, 126, 127, 65_535, 65_536, BYTES_MAX]).map(lambda size: b"x" * size),
)
frames = st.lists(
    st.one_of(
        st.builds(
            lambda body, text: [Frame(Opcode.TEXT if text else Opcode.BINARY, body)], bodies, st.booleans()
        ),
        st.builds(
            lambda first, last: [
                Frame(Opcode.TEXT, first, fin=False),
                Frame(Opcode.PING, b"between"),
                Frame(Opcode.CONT, b"", fin=False),
                Frame(Opcode.CONT, last),
            ],
            st.binary(max_size=9),
            st.binary(max_size=9),
        ),
        st.builds(lambda body: [Frame(Opcode.PONG, body)], st.binary(max_size=9)),
    ),
    max_size=8,
).map(lambda groups: [frame for group in groups for frame in group])
tails = st.sampled_from(
    [b"", b"\x81", b"\x81\x7e", b"\x81\x85masks", b"\xc1\x01r", b"\x83\x01o", b"\x81\x7f" + b"\xff" * 8]
)


class Library:
    """The whole parser."""

    def __init__(self) -> None:
        self.protocol = ClientProtocol(parse_uri("ws://venue"), state=OPEN, max_size=BYTES_MAX)
        self._parts = b""

    def messages(self, data: bytes) -> list[bytes]:
        """That are whole with these bytes."""
        self.protocol.receive_data(data)
        found = list[bytes]()
        for event in self.protocol.events_received():
            if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
                self._parts += event.data
                if event.fin:
                    found.append(self._parts)
                    self._parts = b""
        return found

    @property
    def outcome(self) -> tuple[object, ...]:
        """What it has to answer, and what it objects to."""
        return b"".join(self.protocol.data_to_send())[:2], type(self.protocol.parser_exc)


@given(frames, tails, st.lists(st.integers(1, 40), max_size=40))
def test_messages_are_those_the_library_reads_wherever_the_stream_is_broken(sent, tail, sizes):
    rest = b"".join(frame.serialize(mask=False) for frame in sent) + tail
    alone, beside, cutter, found = Library(), Library(), Cutter(BYTES_MAX), list[bytes]()
    whole = alone.messages(rest)
    while rest:
        size = sizes.pop() if sizes else len(rest)
        for is_message, data in cutter.cut(rest[:size]):
            found += [data] if is_message else beside.messages(data)
        rest = rest[size:]
    assert found == whole
    assert beside.outcome == alone.outcome
