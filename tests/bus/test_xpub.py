"""A publishing socket without libzmq, heard by libzmq."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from signalnode.bus import xpub
from signalnode.bus.xpub import HANDSHAKE_NS_MAX, SUBSCRIBERS_MAX, Xpub
from signalnode.bus.zmtp import GREETING, command, frame, ready
from signalnode.clock import NS_PER_S, monotonic_ns
from tests.bus.limits import no_more_descriptors
from tests.ports import free_port

SUBSCRIBER = GREETING + ready(b"SUB")
Hearing = Callable[..., "zmq.Socket[bytes]"]


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    context, sockets = zmq.Context(), list[zmq.Socket[bytes]]()

    def made(endpoint: str, *topics: bytes) -> zmq.Socket[bytes]:
        heard = context.socket(zmq.SUB)
        sockets.append(heard)
        heard.setsockopt(zmq.IPV6, 1)
        heard.setsockopt(zmq.RCVTIMEO, 20_000)
        for topic in topics:
            heard.subscribe(topic)
        heard.connect(endpoint)
        return heard

    yield made
    for each in sockets:
        each.close(linger=0)
    context.term()


@pytest.fixture
def publishing(short_dir: Path) -> Iterator[Xpub]:
    made = Xpub(f"ipc://{short_dir}/x", queue_max=10_000, backlog=10, asked_bytes_max=1_024)
    yield made
    made.close()


def asked(publishing: Xpub, *wanted: bytes) -> None:
    """Serve until so much was asked for."""
    left = list(wanted)
    while left:
        assert publishing.wait(20 * NS_PER_S)
        for change in publishing.serve():
            left.remove(change)


def served(publishing: Xpub, until: Callable[[], bool]) -> None:
    """Serve until that is so."""
    while not until():
        assert publishing.wait(20 * NS_PER_S)
        publishing.serve()


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("endpoint", ["ipc://{}/y", "tcp://127.0.0.1:{}", "tcp://[::1]:{}", "tcp://*:{}"])
def test_each_hears_its_topics_and_in_the_order_they_were_sent(
    endpoint: str, short_dir: Path, hearing: Hearing
) -> None:
    place = endpoint.format(short_dir if endpoint.startswith("ipc") else free_port())
    sending = Xpub(place, queue_max=10, backlog=10, asked_bytes_max=1_024)
    a = hearing(place.replace("*", "127.0.0.1"), b"score.A", b"end")
    every = hearing(place.replace("*", "127.0.0.1"), b"")
    asked(sending, b"\1score.A", b"\1end", b"\1")
    sent = [(b"score.A", bytes(255)), (b"score.B", bytes(256)), (b"end.B", b""), (b"score.AB", b"\xff" * 9)]
    for topic, content in sent:
        sending.send(topic, content)
    assert [tuple(every.recv_multipart()) for _ in sent] == sent
    assert [tuple(a.recv_multipart()) for _ in range(3)] == [sent[0], sent[2], sent[3]]
    sending.close()


def test_what_is_not_wanted_any_more_is_not_sent(publishing: Xpub, hearing: Hearing) -> None:
    heard = hearing(publishing._endpoint, b"a", b"b")
    asked(publishing, b"\1a", b"\1b")
    heard.unsubscribe(b"a")
    asked(publishing, b"\0a")
    publishing.send(b"a", b"1")
    publishing.send(b"b", b"2")
    assert heard.recv_multipart() == [b"b", b"2"]


def test_a_message_that_the_system_takes_in_parts_comes_whole_and_the_next_behind_it(
    publishing: Xpub, hearing: Hearing
) -> None:
    heard = hearing(publishing._endpoint, b"")
    asked(publishing, b"\1")
    large = os.urandom(3_000_000)
    publishing.send(b"large", large)
    publishing.send(b"small", b"")
    assert not publishing.is_settled
    served(publishing, lambda: publishing.is_settled)
    assert heard.recv_multipart() == [b"large", large]
    assert heard.recv_multipart() == [b"small", b""]


def test_closing_lets_out_what_is_queued(short_dir: Path, hearing: Hearing) -> None:
    sending = Xpub(f"ipc://{short_dir}/z", queue_max=10, backlog=10, asked_bytes_max=1_024)
    heard = hearing(sending._endpoint, b"")
    asked(sending, b"\1")
    sending.send(b"large", bytes(3_000_000))
    sending.close(linger_ms=20_000)
    assert len(heard.recv_multipart()[1]) == 3_000_000


def test_who_leaves_or_is_no_subscriber_leaves_no_descriptor_behind(publishing: Xpub) -> None:
    before = descriptors()
    path = publishing._endpoint.removeprefix("ipc://")
    for words in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(path)
            stranger.sendall(words)
            if not words:
                stranger.shutdown(socket.SHUT_WR)
            publishing.serve()
            while stranger.recv(1_000):  # until it is parted with
                publishing.serve()
    assert descriptors() <= before  # an earlier test's may be closed meanwhile
    publishing.send(b"a", b"to nobody")


def test_who_says_nothing_is_parted_with_after_a_while(
    publishing: Xpub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(publishing._endpoint.removeprefix("ipc://"))
        served(publishing, lambda: bool(publishing._subscribers))
        publishing.tidy()
        assert publishing._subscribers
        later_ns = monotonic_ns() + 2 * HANDSHAKE_NS_MAX
        monkeypatch.setattr(xpub, "monotonic_ns", lambda: later_ns)
        publishing.tidy()
        assert not publishing._subscribers


def test_where_files_run_out_nobody_is_let_in_and_no_core_is_kept_busy(publishing: Xpub) -> None:
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(publishing._endpoint.removeprefix("ipc://"))
        with no_more_descriptors():
            publishing.serve()
            assert not publishing._subscribers
            assert not publishing.wait(NS_PER_S // 100)
        publishing.tidy()
        served(publishing, lambda: bool(publishing._subscribers))


@pytest.fixture
def flooding(publishing: Xpub) -> Iterator[threading.Event]:
    """A subscriber that does not stop asking, for nothing; set where it was let come to its end."""
    ended, stream = threading.Event(), socket.socket(socket.AF_UNIX)
    stream.connect(publishing._endpoint.removeprefix("ipc://"))

    def flood() -> None:
        with contextlib.suppress(OSError):
            stream.sendall(SUBSCRIBER + command(b"PING", b"\0\0") * 2_000_000)
            ended.set()

    thread = threading.Thread(target=flood)
    thread.start()
    yield ended
    stream.shutdown(socket.SHUT_RDWR)
    thread.join()
    stream.close()


def test_who_never_stops_asking_holds_up_no_end(publishing: Xpub, flooding: threading.Event) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(publishing._endpoint.removeprefix("ipc://"))
        deaf.sendall(SUBSCRIBER + frame(b"\1"))
        served(publishing, publishing.has_asked)
        publishing.send(b"large", bytes(3_000_000))
        assert publishing.is_owing
        publishing.close(linger_ms=20)
        assert publishing.closed
        assert not flooding.is_set()


class Crowd:
    """Subscribers of processes made up, at most one at a time on its way."""

    def __init__(self, publishing: Xpub, monkeypatch: pytest.MonkeyPatch) -> None:
        self._publishing, self._process = publishing, 0
        self.streams = contextlib.ExitStack()
        monkeypatch.setattr(xpub, "process_at", lambda _stream: self._process)

    def come(self, process: int, words: bytes = SUBSCRIBER + frame(b"\1")) -> socket.socket:
        self._process = process
        stream = self.streams.enter_context(socket.socket(socket.AF_UNIX))
        stream.connect(self._publishing._endpoint.removeprefix("ipc://"))
        stream.sendall(words)
        served(self._publishing, lambda: not self._publishing.wait(1))
        return stream


@pytest.fixture
def crowd(publishing: Xpub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    made = Crowd(publishing, monkeypatch)
    with made.streams:
        yield made


def is_left(stream: socket.socket) -> bool:
    """Whether nothing follows what was sent."""
    stream.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while stream.recv(1_000):
            pass
        return True
    return False


def test_as_many_are_let_in_as_there_is_room_and_who_says_nothing_makes_it_first(
    publishing: Xpub, crowd: Crowd
) -> None:
    one = crowd.come(1)
    silent = crowd.come(2, b"")
    many = [crowd.come(3) for _ in range(SUBSCRIBERS_MAX - 2)]
    late = [crowd.come(4), crowd.come(3), crowd.come(5)]
    assert len(publishing._subscribers) == SUBSCRIBERS_MAX
    assert [is_left(each) for each in (silent, *many[:3])] == [True, True, True, False]
    publishing.send(b"a", b"content")
    assert all(each.recv(1_000).endswith(b"content") for each in (one, *late))


def test_where_each_process_has_one_who_comes_waits_until_another_goes_and_keeps_no_core_busy(
    publishing: Xpub, crowd: Crowd
) -> None:
    here = [crowd.come(process) for process in range(SUBSCRIBERS_MAX)]
    late = crowd.come(-1)
    assert not publishing.wait(NS_PER_S // 100)
    here[9].close()
    served(publishing, lambda: len(publishing._subscribers) < SUBSCRIBERS_MAX)
    publishing.tidy()
    served(publishing, lambda: len(publishing._subscribers) == SUBSCRIBERS_MAX)
    served(publishing, lambda: publishing.is_settled)
    publishing.send(b"a", b"content")
    assert late.recv(1_000).endswith(b"content")


def test_a_subscriber_is_known_by_its_process(publishing: Xpub, hearing: Hearing) -> None:
    hearing(publishing._endpoint, b"")
    asked(publishing, b"\1")
    assert [each.process for each in publishing._subscribers.values()] == [os.getpid()]
