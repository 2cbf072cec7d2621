"""All that many publishers send, heard without libzmq: libzmq's publishers and ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from signalnode.bus.intake import CUT_OFF_NS, READ_BYTES, Intake
from signalnode.bus.sockets import RECONNECT_MAX_MS
from signalnode.bus.xpub import Xpub
from signalnode.bus.xsub import NEVER_NS
from signalnode.bus.zmtp import GREETING, command, frame, ready
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from tests.bus.limits import no_more_descriptors

LARGEST = 200_000
FOREVER = 1 << 30
PATIENCE_NS = 20 * NS_PER_S


@pytest.fixture
def intake() -> Iterator[Intake]:
    made = Intake(LARGEST)
    yield made
    made.close()


class Sending:
    """Publishers, of libzmq or ours, which may come and go."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._context = directory, zmq.Context()
        self._ours: dict[str, Xpub] = {}
        self._zmq: dict[str, zmq.Socket[bytes]] = {}

    def endpoint(self, name: str) -> str:
        return f"ipc://{self._directory}/{name}"

    def begin(self, name: str, *, is_ours: bool) -> None:
        if is_ours:
            self._ours[name] = Xpub(self.endpoint(name), queue_max=FOREVER, backlog=10, asked_bytes_max=1_024)
            return
        made = self._zmq[name] = self._context.socket(zmq.XPUB)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.SNDHWM, 0)
        made.bind(self.endpoint(name))

    def asked(self, name: str) -> list[bytes]:
        """What was asked for since, if anything was."""
        if name in self._ours:
            return self._ours[name].serve()
        return [self._zmq[name].recv()] if self._zmq[name].poll(0) else []

    def send(self, name: str, *parts: bytes) -> None:
        if name in self._ours:
            self._ours[name].send(*parts)
            self._ours[name].serve()
        else:
            self._zmq[name].send_multipart(parts)

    def end(self, name: str) -> None:
        if name in self._ours:
            self._ours.pop(name).close()
        else:
            self._zmq.pop(name).close()

    def close(self) -> None:
        for name in (*self._ours, *self._zmq):
            self.end(name)
        self._context.term()


@pytest.fixture
def sending(short_dir: Path) -> Iterator[Sending]:
    made = Sending(short_dir)
    yield made
    made.close()


def within() -> Iterator[None]:
    """Turns until the deadline, which fails."""
    end_ns = monotonic_ns() + PATIENCE_NS
    while monotonic_ns() < end_ns:
        yield
    raise AssertionError("it never came to that")


def join(intake: Intake, sending: Sending, *names: str) -> None:
    """Until each has been asked for everything."""
    left = set(names)
    for _ in within():
        assert intake.receive(100) == []
        left -= {name for name in left if sending.asked(name) == [b"\1"]}
        if not left:
            return


def part(intake: Intake, sending: Sending, name: str) -> None:
    """Leave it, until it has noticed: who asks it again sooner, libzmq does not tell from who never left."""
    intake.disconnect(sending.endpoint(name))
    for _ in within():
        if sending.asked(name) == [b"\0"]:
            return


def heard(intake: Intake, sending: Sending, count: int, count_max: int = 1_000) -> list[list[bytes]]:
    """So many messages."""
    came = list[list[bytes]]()
    for _ in within():
        came += intake.receive(count_max)
        if len(came) >= count:
            return came
        for name in sending._ours:
            sending.asked(name)  # has what is queued sent
    return came


@pytest.mark.parametrize("is_ours", [True, False])
def test_each_message_comes_once_whole_and_in_order(intake: Intake, sending: Sending, is_ours: bool) -> None:
    for name in ("a", "b"):
        sending.begin(name, is_ours=is_ours)
        intake.connect(sending.endpoint(name))
    join(intake, sending, "a", "b")
    sizes = (600, 0, 255, 256, 1, READ_BYTES - 18, READ_BYTES - 17, READ_BYTES, 3 * READ_BYTES, 600, 600)
    sent = [[b"score.a", os.urandom(size)] for size in sizes] + [[b"beat.a", b"x" * 300]]
    for each in sent:
        sending.send("a", *each)
        sending.send("b", b"score.b", each[1])
    came = heard(intake, sending, 2 * len(sent))
    assert [each for each in came if each[0] != b"score.b"] == sent
    assert [each[1] for each in came if each[0] == b"score.b"] == [each[1] for each in sent]
    for each in sent:  # and one at a time, as engines send
        sending.send("a", *each)
        assert heard(intake, sending, 1) == [each]
    assert intake.receive(100) == []
    assert not intake.holds


def test_a_market_that_sends_without_end_does_not_keep_the_others_waiting(
    intake: Intake, sending: Sending
) -> None:
    for name in ("a", "b"):
        sending.begin(name, is_ours=True)
        intake.connect(sending.endpoint(name))
    join(intake, sending, "a", "b")
    for _ in range(1_000):
        sending.send("a", b"score.a", bytes(900))
    sending.send("b", b"score.b", b"one")
    first = heard(intake, sending, 1, count_max=1)
    assert len(first) < 100
    assert intake.holds
    assert len(first) + len(heard(intake, sending, 1_001 - len(first), count_max=1)) == 1_001
    for _ in range(1_000):
        sending.send("a", b"score.a", bytes(900))
    sending.send("b", b"score.b", b"two")
    came = intake.receive(1) + intake.receive(1)
    assert [b"score.b", b"two"] in came


def test_who_is_not_there_is_looked_for_and_who_comes_back_is_heard(intake: Intake, sending: Sending) -> None:
    intake.connect(sending.endpoint("a"))
    assert intake.receive(10) == []
    began_ns = monotonic_ns()
    tries = 0
    while tries < 4:  # 5, 10, 20 and 40 ms apart, at least
        due_ns = intake.due_ns
        assert intake.receive(10) == []
        tries += intake.due_ns != due_ns
    assert monotonic_ns() - began_ns >= 35 * NS_PER_MS
    for turn in range(3):
        sending.begin("a", is_ours=turn != 1)
        join(intake, sending, "a")
        assert intake.due_ns == NEVER_NS
        sending.send("a", b"score.a", b"%d" % turn)
        assert heard(intake, sending, 1) == [[b"score.a", b"%d" % turn]]
        sending.end("a")
        for _ in within():
            assert intake.receive(10) == []
            if intake.due_ns != NEVER_NS:
                break
        assert intake.due_ns - monotonic_ns() <= RECONNECT_MAX_MS * NS_PER_MS
        assert not intake.holds
    intake.disconnect(sending.endpoint("a"))


def test_who_sends_too_much_is_cut_off_and_heard_again_a_second_later(
    intake: Intake, sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_ns = 0
    monkeypatch.setattr("signalnode.bus.intake.monotonic_ns", lambda: monotonic_ns() + passed_ns)
    for name in ("a", "b"):
        sending.begin(name, is_ours=True)
        intake.connect(sending.endpoint(name))
    join(intake, sending, "a", "b")
    sending.send("a", b"score.a", bytes(LARGEST + 1))
    for _ in within():
        before_ns = monotonic_ns()
        assert intake.receive(10) == []
        if intake.due_ns != NEVER_NS:
            break
    assert intake.due_ns - before_ns >= CUT_OFF_NS
    sending.send("b", b"score.b", b"goes on")
    assert heard(intake, sending, 1) == [[b"score.b", b"goes on"]]
    passed_ns = CUT_OFF_NS
    join(intake, sending, "a")
    sending.send("a", b"score.a", bytes(LARGEST))
    assert heard(intake, sending, 1) == [[b"score.a", bytes(LARGEST)]]


def test_who_is_left_is_heard_no_more_and_others_go_on(intake: Intake, sending: Sending) -> None:
    for name in ("a", "b"):
        sending.begin(name, is_ours=False)
        intake.connect(sending.endpoint(name))
    join(intake, sending, "a", "b")
    part(intake, sending, "a")
    intake.disconnect(sending.endpoint("nobody"))
    sending.send("a", b"score.a", b"to nobody")
    sending.send("b", b"score.b", b"on")
    assert heard(intake, sending, 1) == [[b"score.b", b"on"]]
    intake.connect(sending.endpoint("a"))
    for _ in within():
        assert intake.receive(10) == []
        if sending.asked("a") == [b"\1"]:
            break
    sending.send("a", b"score.a", b"again")
    assert heard(intake, sending, 1) == [[b"score.a", b"again"]]


def test_who_is_no_publisher_is_left_and_tried_without_haste(intake: Intake, short_dir: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as wrong:
        wrong.bind(f"ipc://{short_dir}/a")
        intake.connect(f"ipc://{short_dir}/a")
        for _ in within():
            assert intake.receive(10) == []
            if NEVER_NS > intake.due_ns > monotonic_ns() + RECONNECT_MAX_MS * NS_PER_MS // 2:
                break


def test_a_publisher_that_asks_for_signs_of_life_has_them(intake: Intake, short_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short_dir}/a")
        listener.listen()
        intake.connect(f"ipc://{short_dir}/a")
        assert intake.receive(10) == []
        publisher, _ = listener.accept()
        with publisher:
            publisher.settimeout(PATIENCE_NS / NS_PER_S)
            publisher.sendall(GREETING + ready(b"PUB") + command(b"PING", b"\0\0alive?"))
            assert intake.receive(10) == []
            wanted, heard = command(b"PONG", b"alive?"), b""
            while not heard.endswith(wanted):
                heard += publisher.recv(1_000)
    assert heard == GREETING + ready(b"SUB") + frame(b"\1") + wanted


def test_where_files_run_out_it_is_looked_for_again(intake: Intake, sending: Sending) -> None:
    sending.begin("a", is_ours=True)
    intake.connect(sending.endpoint("a"))
    with no_more_descriptors():
        assert intake.receive(10) == []
        assert intake.due_ns != NEVER_NS
    join(intake, sending, "a")


def test_what_a_publisher_sends_that_reads_no_answer_is_not_left_lying(
    intake: Intake, short_dir: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{short_dir}/a")
        listening.listen()
        intake.connect(f"ipc://{short_dir}/a")
        assert intake.receive(10) == []
        stream, _ = listening.accept()
        with stream:
            stream.sendall(GREETING + ready(b"PUB"))
            assert intake.receive(10) == []
            (peer,) = intake._by_fd.values()
            assert peer.has_asked
            assert peer.stream is not None
            peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            ping = command(b"PING", b"\0\0")
            while not peer.source.answer:
                stream.sendall(ping)
                assert intake.receive(10) == []
            message = bytes(600)
            count = 3 * READ_BYTES // len(message)
            stream.sendall(ping + frame(message) * count)
            came = intake.receive(1_000)
            while intake.holds:
                came += intake.receive(1_000)
            assert came == count * [[message]]
