"""What all sockets share: the family of addresses that they speak."""

from __future__ import annotations

import pytest
import zmq

from signalnode.bus.sockets import prepare, receive, waits
from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import encode
from signalnode.clock import wall_ns
from tests.bus.messages import score
from tests.effort import PATIENCE_MS, PATIENCE_S
from tests.ports import free_port


def test_an_ipv6_address_is_bound_and_heard() -> None:
    endpoint = f"tcp://[::1]:{free_port()}"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.XPUB) as publishing:
        prepare(publishing, endpoint)
        publishing.bind(endpoint)
        publishing.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        with subscribe("A", endpoint=endpoint, repair=False) as heard:
            while publishing.recv() != b"\x01score.A":
                pass  # the other topics of that market
            publishing.send_multipart(encode(score(time_published_ns=wall_ns())))
            got = heard.receive(PATIENCE_S)
    assert got is not None
    assert got.market == "A"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_message_is_received_whole_and_nothing_waits_behind_it(count: int) -> None:
    frames = [bytes([65 + i]) * 1_000 * i for i in range(count)]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.PUSH) as sending, context.socket(zmq.PULL) as receiving:
        sending.bind("inproc://frames")
        receiving.connect("inproc://frames")
        assert not waits(receiving)
        for _ in range(2):
            sending.send_multipart(frames)
        for left in (True, False):
            assert receive(receiving) == frames
            assert waits(receiving) is left
        with pytest.raises(zmq.Again):
            receive(receiving)
