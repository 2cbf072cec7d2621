from __future__ import annotations

import contextlib
import random

import msgpack
import pytest

from signalnode.bus.snapshot import (
    REPLY_SCORES_MAX,
    Ring,
    RingRequest,
    decode_reply,
    decode_request,
    encode_request,
)
from signalnode.bus.wire import WireError, decode, encode
from tests.bus.messages import end, score
from tests.effort import drawn


def filled(count: int, size: int = 8) -> Ring:
    ring = Ring(size)
    for seq in range(1, count + 1):
        topic, payload = encode(score(seq=seq))
        ring.add("A", 1, seq, (topic, payload))
    return ring


def asked(ring: Ring, request: RingRequest) -> tuple[list[int], bool]:
    header, found = decode_reply(ring.answer(decode_request(encode_request(request))))
    assert header.id == request.id
    return [decode(frames).seq for frames in found], header.complete  # type: ignore[union-attr]


def test_the_ring_re_sends_exactly_what_is_between_two_places() -> None:
    request = RingRequest(id=3, ask="missed", markets=["A"], after=(1, 4), before=(1, 8))
    assert asked(filled(10), request) == ([5, 6, 7], True)


def test_the_ring_is_bounded_and_says_when_it_does_not_reach_back() -> None:
    request = RingRequest(id=3, ask="missed", markets=["A"], after=(1, 4), before=(1, 99))
    assert asked(filled(20), request) == ([13, 14, 15, 16, 17, 18, 19, 20], False)
    assert asked(filled(20), RingRequest(id=3, ask="missed", markets=["A"], after=(1, 12))) == (
        [13, 14, 15, 16, 17, 18, 19, 20],
        True,
    )
    one_before = RingRequest(id=3, ask="missed", markets=["A"], after=(1, 11))
    assert asked(filled(20), one_before) == ([13, 14, 15, 16, 17, 18, 19, 20], False)


def test_a_market_that_left_leaves_neither_scores_nor_its_end() -> None:
    ring = filled(3)
    ring.ended("A", encode(end(seq=3)))
    ring.forget("A")
    assert ring.newest("A") == []
    assert ring.markets() == []


@pytest.mark.parametrize("count", range(20))
def test_however_often_the_ring_went_round_it_holds_the_last_ones_in_order(count: int) -> None:
    held, _ = asked(filled(count, size=6), RingRequest(id=1, ask="missed", markets=["A"]))
    assert held == list(range(1, count + 1))[-6:]
    newest, _ = asked(filled(count, size=6), RingRequest(id=1, ask="newest"))
    assert newest == ([count] if count else [])


def test_a_gap_over_two_epochs_is_one_question() -> None:
    ring = Ring(8)
    for epoch, seq in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)):
        ring.add("A", epoch, seq, tuple(encode(score(epoch=epoch, seq=seq))))  # type: ignore[arg-type]
    assert asked(ring, RingRequest(id=1, ask="missed", markets=["A"], after=(1, 2), before=(2, 3))) == (
        [3, 1, 2],
        True,
    )


def test_the_newest_of_every_market_and_the_end_of_those_that_ended() -> None:
    ring = filled(3)
    ring.add("B", 1, 9, tuple(encode(score("B", seq=9))))  # type: ignore[arg-type]
    ring.ended("A", tuple(encode(end(seq=3))))  # type: ignore[arg-type]
    _, found = decode_reply(ring.answer(RingRequest(id=1, ask="newest")))
    assert [frames[0] for frames in found] == [b"score.A", b"end.A", b"score.B"]
    ring.add("A", 2, 1, tuple(encode(score(epoch=2, seq=1))))  # type: ignore[arg-type]
    assert len(ring.newest("A")) == 1


def test_a_market_named_over_and_over_is_answered_once() -> None:
    assert asked(filled(3), RingRequest(id=1, ask="newest", markets=["A"] * 1_000)) == ([3], True)


def test_an_unknown_market_is_answered_with_nothing() -> None:
    assert asked(filled(3), RingRequest(id=1, ask="missed", markets=["Z"])) == ([], False)
    assert asked(filled(3), RingRequest(id=1, ask="newest", markets=["Z"])) == ([], True)


def test_a_reply_is_bounded() -> None:
    ring = filled(REPLY_SCORES_MAX + 50, size=10 * REPLY_SCORES_MAX)
    seqs, _ = asked(ring, RingRequest(id=1, ask="missed", markets=["A"]))
    assert len(seqs) == REPLY_SCORES_MAX
    assert seqs[-1] == REPLY_SCORES_MAX + 50


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        msgpack.packb([]),
        msgpack.packb({"kind": "request", "v": 2, "id": 1, "ask": "newest"}),
        msgpack.packb({"kind": "request", "v": 1, "id": 1, "ask": "everything"}),
        msgpack.packb({"kind": "request", "v": 1, "id": 1, "ask": "newest", "markets": ["x"] * 2_000}),
        msgpack.packb({"kind": "request", "v": 1, "id": 1, "ask": "missed", "after": [1]}),
        bytes(100_000),
    ],
)
def test_what_is_no_request_is_refused(content: bytes) -> None:
    with pytest.raises(WireError):
        decode_request(content)


def test_broken_requests_and_replies_meet_clean_rejections() -> None:
    draw = random.Random(7)
    request = encode_request(RingRequest(id=3, ask="missed", markets=["A"], after=(1, 4), before=(1, 8)))
    reply = filled(3).answer(RingRequest(id=1, ask="newest"))
    for _ in range(drawn(4_000, 20_000)):
        at = draw.randrange(len(request))
        broken = request[:at] + draw.randbytes(draw.randrange(4)) + request[at + 1 :]
        with contextlib.suppress(WireError):
            decode_request(broken)
        at = draw.randrange(len(reply[0]))
        header = reply[0][:at] + draw.randbytes(draw.randrange(4)) + reply[0][at + 1 :]
        with contextlib.suppress(WireError):
            decode_reply([header, *reply[1:]])
