"""The aggregator's outer sockets under peers that ask for too much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.republisher import RE_SENT_MAX, Republisher
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.snapshot import RingRequest, decode_reply, encode_request
from signalnode.bus.wire import encode
from signalnode.names import snapshot_endpoint
from signalnode.settings import AggregatorSettings
from tests.bus.conftest import short_dir
from tests.bus.messages import score
from tests.effort import PATIENCE_MS

__all__ = ["short_dir"]
MARKETS = [f"M{number}" for number in range(500)]


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as made:
        yield made


def test_a_flood_of_questions_takes_no_more_than_its_share_of_a_turn(
    short_dir: Path, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    settings = AggregatorSettings(endpoint=f"ipc://{short_dir}/out")
    core = Aggregator(settings, MARKETS, StrategyRunner({}), 1, 0)
    for market in MARKETS:
        core.take(encode(score(market)), 0)
    republisher = Republisher(context, settings)
    question = RingRequest(id=1, ask="newest")
    with context.socket(zmq.DEALER) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        peer.connect(snapshot_endpoint(settings.endpoint))
        for _ in range(20):
            peer.send(encode_request(question))
        turns, answered, found = 0, 0, 0
        while answered < 20:
            while not republisher.sockets[1].poll(10_000):
                pass
            republisher.serve(core, 0, republisher.sockets)
            turns += 1
            while peer.poll(100):  # what comes later than that is counted with the next turn's
                header, _ = decode_reply(peer.recv_multipart())
                answered, found = answered + 1, found + header.found
            assert found <= turns * RE_SENT_MAX
        assert turns >= 20 * len(MARKETS) // RE_SENT_MAX
    republisher.close()


def test_a_removed_socket_is_made_again(short_dir: Path, context: zmq.Context[zmq.Socket[bytes]]) -> None:
    settings = AggregatorSettings(endpoint=f"ipc://{short_dir}/out")
    republisher = Republisher(context, settings)
    files = sorted(short_dir.iterdir())
    assert len(files) == 2
    assert not republisher.put_back()
    for file in files:
        file.unlink()
    assert republisher.put_back()
    assert sorted(short_dir.iterdir()) == files
    for file in files:
        file.unlink()
        file.touch()
    assert republisher.put_back()
    assert not republisher.put_back()
    republisher.close()
    assert list(short_dir.iterdir()) == []
