"""What a publisher makes of a peer's bytes."""

from __future__ import annotations

import random
from collections import deque

import pytest

from signalnode.bus.zmtp import (
    GREETING,
    MORE,
    PARTS_MAX,
    TOPICS_MAX,
    PeerError,
    Source,
    Subscriber,
    command,
    frame,
    ready,
)

SUBSCRIBER = GREETING + ready(b"SUB")
ASKED = (
    command(b"SUBSCRIBE", b"score.A")  # by 3.1
    + frame(b"\1heartbeat.A")  # by 3.0
    + command(b"SUBSCRIBE", b"score.A")
    + command(b"CANCEL", b"score.A")
    + frame(b"\0nothing")
)
CHANGES = [b"\1score.A", b"\1heartbeat.A", b"\1score.A", b"\0score.A", b"\0nothing"]


@pytest.mark.parametrize("size", [1, 2, 7, 63, 64, 65, 10_000])
def test_however_its_bytes_come_a_peer_asks_for_the_same(size: int) -> None:
    peer, data, changes = Subscriber(1_024), SUBSCRIBER + ASKED, list[bytes]()
    for at in range(0, len(data), size):
        found, answer = peer.take(data[at : at + size])
        changes += found
        assert answer == b""
    assert changes == CHANGES
    assert peer.is_ready
    assert b"heartbeat.AB".startswith(peer.topics)
    assert not b"score.A".startswith(peer.topics)


def test_who_has_asked_for_nothing_hears_nothing_and_who_asks_for_the_empty_topic_hears_all() -> None:
    peer = Subscriber(1_024)
    peer.take(SUBSCRIBER)
    assert not b"score.A".startswith(peer.topics)
    peer.take(command(b"SUBSCRIBE"))
    assert b"score.A".startswith(peer.topics)


def test_a_ping_is_answered_with_what_came_in_it() -> None:
    peer = Subscriber(1_024)
    peer.take(SUBSCRIBER)
    assert peer.take(command(b"PING", b"\0\x10context")) == ([], command(b"PONG", b"context"))
    assert peer.take(command(b"PING", bytes(1_000))) == ([], command(b"PONG", bytes(16)))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        GREETING[:10] + b"\1" + GREETING[11:],  # libzmq 3
        GREETING.replace(b"NULL\0", b"CURVE"),
        GREETING + ready(b"PUSH"),
        SUBSCRIBER + command(b"ERROR", b"\4gone"),
        GREETING + command(b"SUBSCRIBE"),
        GREETING + frame(b"\1"),
        SUBSCRIBER + command(b"SUBSCRIBE", bytes(1_025)),
        SUBSCRIBER + b"\6" + b"\xff" * 8,
        SUBSCRIBER + b"\4\0",
        SUBSCRIBER + b"".join(command(b"SUBSCRIBE", b"%d" % i) for i in range(TOPICS_MAX + 1)),
    ],
)
def test_who_is_no_subscriber_of_ours_is_not_spoken_to(data: bytes) -> None:
    with pytest.raises(PeerError):
        Subscriber(1_024).take(data)


def test_no_bytes_do_more_than_end_it() -> None:
    draw = random.Random(1)
    for _ in range(3_000):
        data, peer = bytearray(SUBSCRIBER + ASKED + command(b"PING", b"")), Subscriber(1_024)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            peer.take(bytes(data))
        except PeerError:
            continue
        assert len(peer.topics) <= TOPICS_MAX


@pytest.mark.parametrize("size", [1, 8, 9, 64, 300, 100_000])
def test_however_its_bytes_come_a_source_says_the_same(size: int) -> None:
    said = [b"", b"short", bytes(255), bytes(256), b"x" * min(70_000, 2_000 * size), b"last"]
    data = GREETING + ready(b"XPUB") + command(b"PING", b"\0\0") + b"".join(map(frame, said))
    source, found = Source(100_000), list[bytes]()
    other, buffer, theirs = Source(100_000), memoryview(bytearray(size)), deque[bytes]()
    for at in range(0, len(data), size):
        part = data[at : at + size]
        found += source.take(part)
        buffer[: len(part)] = part
        other.take_from(buffer, len(part), theirs)
    assert found == list(theirs) == said
    assert source.is_ready
    assert source.answer == other.answer == command(b"PONG")


def test_what_comes_whole_or_in_part_between_commands_is_kept_in_order() -> None:
    source, found = Source(1_000), deque[bytes]()
    parts = (
        GREETING + ready(b"XPUB"),
        frame(b"1") + frame(b"2" * 300)[:4],
        frame(b"2" * 300)[4:] + frame(b"3"),
    )
    for part in (
        *parts,
        frame(b"4") + command(b"PING", b"\0\0") + frame(b"5"),
        frame(b"6")[:1],
        frame(b"6")[1:],
    ):
        source.take_from(memoryview(part), len(part), found)
    assert [each[:1] for each in found] == [b"1", b"2", b"3", b"4", b"5", b"6"]
    with pytest.raises(PeerError):
        source.take_from(memoryview(frame(bytes(1_001))), 1_010, found)


@pytest.mark.parametrize("size", [1, 8, 9, 64, 300, 612, 100_000])
def test_however_its_bytes_come_messages_are_the_same(size: int) -> None:
    longest = b"x" * min(70_000, 2_000 * size)
    bodies = [b"", bytes(255), bytes(600), bytes(600), bytes(256), longest, bytes(600), b"last"]
    said = [[b"topic", body] for body in bodies] + [
        [b"other", bytes(600)],
        [b"alone"],
        [b"topic", bytes(600)],
    ]
    said += [[b"topic", bytes(600), b"third"], [b"", b""], [b"topic", bytes(600)]]
    data = GREETING + ready(b"XPUB")
    for parts in said:
        data += b"".join(frame(part, MORE) for part in parts[:-1]) + frame(parts[-1])
    source, found = Source(100_000), list[list[bytes]]()
    for at in range(0, len(data), size):
        found += source.messages(data[at : at + size])
    assert found == said


def test_messages_that_come_one_by_one_are_bounded_as_all_are() -> None:
    source, whole = Source(1_000), frame(b"topic", MORE) + frame(bytes(1_000))
    source.messages(GREETING + ready(b"PUB"))
    for _ in range(3):
        assert source.messages(whole) == [[b"topic", bytes(1_000)]]
    with pytest.raises(PeerError):
        source.messages(frame(b"topic", MORE) + frame(bytes(1_001)))
    source = Source(1_000)
    source.messages(GREETING + ready(b"PUB") + frame(b"part", MORE) * (PARTS_MAX - 1))
    with pytest.raises(PeerError):
        source.messages(frame(b"part", MORE))


def test_who_is_no_publisher_is_not_heard() -> None:
    for data in (
        GREETING + ready(b"SUB"),
        GREETING + command(b"ERROR"),
        GREETING + frame(b"a message"),
        b"\x00",
        GREETING + b"\2" + b"\1" * 8,
    ):
        with pytest.raises(PeerError):
            Source(100_000).take(data)
