from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import zmq

from signalnode.bus.publisher import Publisher
from signalnode.bus.sockets import SUBSCRIPTION_BYTES_MAX
from signalnode.bus.topics import EVERYTHING
from signalnode.bus.wire import SCORE_NAMES, End, Heartbeat, Score, decode
from signalnode.clock import NS_PER_S
from signalnode.errors import EndpointError
from tests.bus.messages import moment
from tests.effort import PATIENCE_MS

SCORES = dict.fromkeys(SCORE_NAMES, 12.5)


def joined(publisher: Publisher, socket: zmq.Socket[bytes]) -> None:
    """Publish heartbeats until the subscription has reached the publisher, then take off all of them."""
    count = 1
    publisher.heartbeat(**moment(time_published_ns=count))
    while not socket.poll(5):
        count += 1
        publisher.heartbeat(**moment(time_published_ns=count))
    while True:
        message = received(socket)
        if isinstance(message, Heartbeat) and message.time_published_ns == count:  # a score may have its time
            return


def received(socket: zmq.Socket[bytes]) -> Any:
    return decode(socket.recv_multipart())


def received_or_asked(publisher: Publisher, socket: zmq.Socket[bytes]) -> Any:
    """What comes next; where nothing is on its way, a heartbeat is sent until one has room in the queue."""
    while not socket.poll(20):
        publisher.heartbeat(**moment())
    return received(socket)


def test_scores_count_from_1_and_heartbeat_and_end_carry_the_last(short_dir: Path, listener: Any) -> None:
    endpoint = f"ipc://{short_dir}/A.scores"
    publisher = Publisher(endpoint, "A", epoch=4, queue_max=100)
    socket = listener(endpoint)
    joined(publisher, socket)
    assert [publisher.score(scores=SCORES, **moment()) for _ in range(3)] == [1, 2, 3]
    publisher.heartbeat(**moment())
    publisher.end(**moment())
    publisher.close()
    messages = [received(socket) for _ in range(5)]
    assert [m.seq for m in messages] == [1, 2, 3, 3, 3]
    assert [type(m) for m in messages] == [Score, Score, Score, Heartbeat, End]
    assert {m.epoch for m in messages} == {4}


def test_the_newest_score_comes_again_with_every_heartbeat_that_has_none_newer(
    short_dir: Path, listener: Any
) -> None:
    endpoint = f"ipc://{short_dir}/A.scores"
    publisher = Publisher(endpoint, "A", epoch=4, queue_max=100)
    publisher.score(scores=SCORES, **moment(time_published_ns=7))  # nobody hears it
    publisher.heartbeat(**moment())
    socket = listener(endpoint)
    joined(publisher, socket)
    for seq in (1, 2, 2):
        if seq > publisher.seq:
            publisher.score(scores=SCORES, **moment())
        publisher.heartbeat(**moment())
    publisher.close()
    came = [received(socket) for _ in range(6)]
    assert [m.seq for m in came] == [1, 1, 2, 2, 2, 2]
    assert [type(m) for m in came] == 3 * [Score, Heartbeat]
    assert came[0].time_published_ns == 7
    assert came[4] == came[2]


def test_waiting_for_who_hears_everything_does_not_end_with_another_subscriber(
    short_dir: Path, listener: Any
) -> None:
    endpoint = f"ipc://{short_dir}/A.scores"
    publisher = Publisher(endpoint, "A", epoch=1, queue_max=10)
    with zmq.Context() as context, context.socket(zmq.SUB) as other:
        other.subscribe(b"score.A")
        other.connect(endpoint)
        assert publisher.wait_for_subscriber(PATIENCE_MS)
        assert not publisher.wait_for_subscriber(20, EVERYTHING)
        listener(endpoint)
        assert publisher.wait_for_subscriber(PATIENCE_MS, EVERYTHING)
    publisher.close()


def test_who_subscribed_before_is_not_waited_for(short_dir: Path, listener: Any) -> None:
    endpoint = f"ipc://{short_dir}/A.scores"
    publisher = Publisher(endpoint, "A", epoch=1, queue_max=10)
    listener(endpoint)
    while not publisher.serve():
        assert publisher._socket.wait(60 * NS_PER_S)
    assert publisher.wait_for_subscriber(0, EVERYTHING)
    assert not publisher.wait_for_subscriber(0, b"score.A")
    publisher.close()


def test_closing_lets_the_end_message_out_and_removes_the_socket_file(short_dir: Path, listener: Any) -> None:
    path = short_dir / "A.scores"
    publisher = Publisher(f"ipc://{path}", "A", epoch=1, queue_max=100)
    socket = listener(f"ipc://{path}")
    joined(publisher, socket)
    publisher.end(**moment())
    publisher.close()
    publisher.close()
    assert isinstance(received(socket), End)
    assert not path.exists()


def test_a_subscriber_that_never_reads_does_not_hold_the_publisher(short_dir: Path, listener: Any) -> None:
    endpoint = f"ipc://{short_dir}/A.scores"
    publisher = Publisher(endpoint, "A", epoch=1, queue_max=10)
    socket = listener(endpoint)
    socket.setsockopt(zmq.RCVHWM, 10)
    joined(publisher, socket)
    for _ in range(10_000):  # 3 MB, ten times what streams hold
        publisher.score(scores=SCORES, **moment())
    assert publisher.seq == 10_000
    count = 0
    while isinstance(message := received_or_asked(publisher, socket), Score):
        count += 1
    assert count < 10_000
    assert message.seq == 10_000  # the tail it lost shows in the next heartbeat
    publisher.close()


def test_a_mid_that_is_not_known_yet_is_published_as_0(short_dir: Path, listener: Any) -> None:
    endpoint = f"ipc://{short_dir}/A.scores"
    publisher = Publisher(endpoint, "A", epoch=1, queue_max=10)
    socket = listener(endpoint)
    joined(publisher, socket)
    publisher.heartbeat(**moment(mid=math.nan))
    message = received(socket)
    assert isinstance(message, Heartbeat)
    assert message.mid == 0.0
    publisher.close()


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("ipc:///tmp/" + "x" * 104, "shorter runtime_dir"),
        ("ipc:///nowhere/at/all/A.scores", "No such file"),
        ("tcp://127.0.0.1", "is no endpoint"),
        ("tcp://127.0.0.1:99999", "is no endpoint"),
        ("udp://127.0.0.1:1", "is no endpoint"),
    ],
)
def test_an_endpoint_that_cannot_be_bound_is_one_line(endpoint: str, words: str) -> None:
    with pytest.raises(EndpointError, match=words) as caught:
        Publisher(endpoint, "A", epoch=1, queue_max=10)
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_an_endpoint_error() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        port = taken.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(EndpointError, match=f"tcp://127.0.0.1:{port}: Address already in use"):
            Publisher(f"tcp://127.0.0.1:{port}", "A", epoch=1, queue_max=10)


def test_who_sends_an_engine_more_than_a_subscription_is_cut_off(short_dir: Path) -> None:
    endpoint = f"ipc://{short_dir}/A"
    publisher = Publisher(endpoint, "A", 1, queue_max=10)
    with zmq.Context() as context, context.socket(zmq.XSUB) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        peer.connect(endpoint)
        peer.send(b"\x01" + bytes(SUBSCRIPTION_BYTES_MAX))
        assert not publisher.wait_for_subscriber(300)
    with zmq.Context() as context, context.socket(zmq.XSUB) as peer:
        peer.connect(endpoint)
        peer.send(b"\x01score.")
        assert publisher.wait_for_subscriber(PATIENCE_MS)
    publisher.close()


def test_a_socket_that_somebody_removed_is_made_again_and_who_is_connected_stays_so(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/a.scores"
    publisher = Publisher(endpoint, "A", 1, 10)
    try:
        assert not publisher.put_back()
        (tmp_path / "a.scores").unlink()
        assert publisher.put_back()
        assert not publisher.put_back()
        (tmp_path / "a.scores").unlink()
        (tmp_path / "a.scores").touch()  # by somebody who had another in mind
        assert publisher.put_back()
        with zmq.Context() as context, context.socket(zmq.SUB) as late:
            late.subscribe(b"")
            late.connect(endpoint)
            assert publisher.wait_for_subscriber(PATIENCE_MS)
    finally:
        publisher.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_its_place_that_is_anothers_stays(tmp_path: Path) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/a.scores", "A", 1, 10)
    (tmp_path / "a.scores").unlink()
    other = Publisher(f"ipc://{tmp_path}/a.scores", "A", 2, 10)
    publisher.close()
    assert not other.put_back()
    other.close()
    assert list(tmp_path.iterdir()) == []
