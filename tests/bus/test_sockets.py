"""What all sockets share: the family of addresses that they speak."""

from __future__ import annotations

import zmq

from signalnode.bus.sockets import open_family
from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import encode
from tests.bus.messages import score
from tests.ports import free_port


def test_an_ipv6_address_is_bound_and_heard() -> None:
    endpoint = f"tcp://[::1]:{free_port()}"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.XPUB) as publishing:
        open_family(publishing, endpoint)
        publishing.bind(endpoint)
        with subscribe("A", endpoint=endpoint, repair=False) as heard:
            assert publishing.poll(10_000)
            publishing.send_multipart(encode(score()))
            got = heard.receive(10.0)
    assert got is not None
    assert got.market == "A"
