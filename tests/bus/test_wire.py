from __future__ import annotations

import math
import random
import struct
from typing import Any

import msgpack
import msgspec
import pytest

from signalnode.bus.wire import (
    MESSAGE_BYTES_MAX,
    SCORE_NAMES,
    SCORES_MAX,
    Channel,
    DecisionMessage,
    End,
    Health,
    Heartbeat,
    Score,
    ViewMessage,
    WireError,
    decode,
    encode,
)
from tests.bus.messages import end, heartbeat, score
from tests.effort import drawn

INPUTS = drawn(5_000, 1_000_000)
REASONS = {
    "too_large",
    "frames",
    "malformed",
    "not_a_map",
    "version",
    "kind",
    "topic",
    "missing_key",
    "wrong_type",
    "out_of_range",
}


def decision(**changes: Any) -> DecisionMessage:
    fields: dict[str, Any] = {
        "v": 1,
        "strategy": "threshold",
        "epoch": 1,
        "seq": 1,
        "view_seq": 9,
        "time_published_ns": 5,
        "action": "enter",
        "markets": ["A"],
        "direction": "long",
        "strength": 88.0,
        "reasons": ["momentum_long 91.0 is above 85"],
        "scores": {"A": {"momentum_long": 91.0}},
    }
    return DecisionMessage(**(fields | changes))


def view() -> ViewMessage:
    return ViewMessage(
        v=1,
        epoch=1,
        seq=1,
        time_published_ns=5,
        markets={},
        regime={"trending": 40.0},
        measures={"breadth": -0.5},
        relations=[],
        strategies={},
    )


def test_every_kind_comes_back_as_it_went() -> None:
    for message in (score(), heartbeat(), end(), view(), decision()):
        assert decode(encode(message)) == message


def test_a_plain_msgpack_library_reads_the_contract_s_keys() -> None:
    topic, payload = encode(score(market="BTC-USDT", seq=7, epoch=3))
    assert topic == b"score.BTC-USDT"
    content = msgpack.unpackb(payload)
    assert content["v"] == 1
    assert (content["kind"], content["market"], content["epoch"], content["seq"]) == (
        "score",
        "BTC-USDT",
        3,
        7,
    )
    assert set(content) == {
        *("v", "kind", "market", "epoch", "seq", "mid", "scores", "warm", "status"),
        *("time_event_ns", "time_received_ns", "time_published_ns"),
    }
    assert tuple(content["scores"]) == SCORE_NAMES


def test_heartbeat_and_end_travel_under_their_own_topics_without_scores() -> None:
    for message, topic in ((heartbeat(market="X"), b"heartbeat.X"), (end(market="X"), b"end.X")):
        frames = encode(message)
        assert frames[0] == topic
        assert "scores" not in msgpack.unpackb(frames[1])


def test_a_live_markets_health_goes_with_every_kind_and_is_absent_elsewhere() -> None:
    health = Health(trades=Channel(age_ms=7, limit_ms=4_800, gaps=1), connection=2, clock_ms=-3)
    told = {"age_ms": 7, "venue_age_ms": None, "limit_ms": 4_800, "gaps": 1, "snapshots": 0}
    for made in (score, heartbeat, end):
        frames = encode(made(health=health))
        assert decode(frames) == made(health=health)
        assert msgpack.unpackb(frames[1])["health"] == {"trades": told, "connection": 2, "clock_ms": -3}
        assert "health" not in msgpack.unpackb(encode(made())[1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": 2}, "version"),
        ({"v": 2, "kind": "tomorrow"}, "version"),
        ({"v": 1.0}, "version"),
        ({"v": True}, "version"),
        ({"kind": "tick"}, "kind"),
        ({"kind": 3}, "kind"),
        ({"kind": [1]}, "kind"),
        ({"warm": math.nan}, "out_of_range"),
        ({"warm": 1.5}, "out_of_range"),
        ({"mid": math.inf}, "out_of_range"),
        ({"mid": -1.0}, "out_of_range"),
        ({"mid": "100"}, "wrong_type"),
        ({"seq": 1.0}, "wrong_type"),
        ({"seq": True}, "wrong_type"),
        ({"seq": -1}, "out_of_range"),
        ({"epoch": 2**64 - 1}, "out_of_range"),
        ({"status": "fine"}, "out_of_range"),
        ({"market": b"A"}, "wrong_type"),
        ({"market": ""}, "out_of_range"),
        ({"market": "B"}, "topic"),
        ({"kind": "heartbeat"}, "topic"),
        ({"scores": {}}, "missing_key"),
        ({"scores": [1, 2]}, "wrong_type"),
        ({"scores": {str(n): 1.0 for n in range(SCORES_MAX + 1)}}, "out_of_range"),
        ({"scores": {7: 1.0}}, "wrong_type"),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], reason: str) -> None:
    topic, payload = encode(score())
    content = msgpack.unpackb(payload) | changes
    with pytest.raises(WireError) as caught:
        decode([topic, msgpack.packb(content)])
    assert caught.value.reason == reason


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -0.001, 100.001])
@pytest.mark.parametrize("name", SCORE_NAMES)
def test_no_score_outside_0_to_100_comes_through(name: str, bad: float) -> None:
    content = msgpack.unpackb(encode(score())[1])
    content["scores"][name] = bad
    with pytest.raises(WireError) as caught:
        decode([b"score.A", msgpack.packb(content)])
    assert caught.value.reason == "out_of_range"


@pytest.mark.parametrize("key", ["v", "kind", "market", "epoch", "seq", "mid", "scores", "warm", "status"])
def test_a_missing_key_is_refused(key: str) -> None:
    content = msgpack.unpackb(encode(score())[1])
    del content[key]
    with pytest.raises(WireError) as caught:
        decode([b"score.A", msgpack.packb(content)])
    assert caught.value.reason == "missing_key"


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "frames"),
        ([b"score.A"], "frames"),
        ([b"score.A", b"", b""], "frames"),
        ([b"score.A", b""], "malformed"),
        ([b"score.A", b"\xc1"], "malformed"),
        ([b"score.A", b"\x91" * 60_000], "not_a_map"),
        ([b"score.A", b"\x81\xa1x" + b"\x91" * 60_000], "malformed"),
        ([b"score.A", b"\xdf\xff\xff\xff\xff"], "malformed"),
        ([b"score.A", b"\x90"], "not_a_map"),
        ([b"score.A", bytes(MESSAGE_BYTES_MAX + 1)], "too_large"),
        ([b"score.A", b"\x80\x04\x95" + b"pickle"], "malformed"),
    ],
)
def test_frames_that_are_no_message_are_named(frames: list[bytes], reason: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(frames)
    assert caught.value.reason in (reason, "malformed" if reason == "not_a_map" else reason)


def test_a_key_of_tomorrow_is_skipped() -> None:
    content = msgpack.unpackb(encode(score())[1]) | {"colour": ["red", {"deep": 1}]}
    assert decode([b"score.A", msgpack.packb(content)]) == score()


def test_scores_a_user_added_come_through() -> None:
    message = decode(encode(score(scores={"mine": 99.5})))
    assert isinstance(message, Score)
    assert message.scores["mine"] == 99.5


def mutate(draw: random.Random, payload: bytes) -> bytes:
    """One of the ways bytes go wrong: flipped, cut, doubled, spliced, or numbers replaced by hostile ones."""
    at = draw.randrange(len(payload))
    way = draw.randrange(6)
    if way == 0:
        return payload[:at] + bytes([draw.randrange(256)]) + payload[at + 1 :]
    if way == 1:
        return payload[:at]
    if way == 2:
        return payload[:at] + draw.randbytes(draw.randrange(1, 9)) + payload[at:]
    if way == 3:
        return payload[:at] + payload[at + draw.randrange(1, 9) :]
    if way == 4:
        hostile = draw.choice((math.nan, math.inf, -1.0, 1e300, 100.0000001))
        return payload[:at] + struct.pack(">Bd", 0xCB, hostile) + payload[at + 9 :]
    return draw.randbytes(draw.randrange(64))


def is_clean(message: Any) -> bool:
    """What a receiver relies on, checked apart from the decoder's own schema."""
    if isinstance(message, Score | Heartbeat | End):
        numbers = [message.mid, message.warm, *getattr(message, "scores", {}).values()]
        bounded = all(0 <= x <= 100 for x in getattr(message, "scores", {}).values())
        return bounded and all(map(math.isfinite, numbers)) and message.mid >= 0 and message.seq >= 0
    return isinstance(message, ViewMessage | DecisionMessage)


def test_broken_inputs_meet_nothing_but_clean_rejections() -> None:
    draw = random.Random(20240808)
    originals = [encode(m) for m in (score(), heartbeat(), end(), view(), decision())]
    counts = dict.fromkeys(REASONS, 0)
    accepted = 0
    for turn in range(INPUTS):
        topic, payload = originals[turn % 5]
        try:
            message = decode([topic, mutate(draw, payload)])
        except WireError as error:
            counts[error.reason] += 1
        else:
            accepted += 1
            assert is_clean(message)
    assert sum(counts.values()) + accepted == INPUTS
    assert counts["malformed"] > INPUTS // 10
    assert counts["out_of_range"] > INPUTS // 1_000
    assert counts["wrong_type"] > INPUTS // 1_000
    assert set(counts) == REASONS  # no reason that is not documented


def test_what_is_accepted_can_be_encoded_again() -> None:
    frames = encode(score())
    assert encode(decode(frames)) == frames
    assert msgspec.msgpack.decode(frames[1])["scores"]["volume_spike"] == 50.0


def test_scores_without_evidence_are_named_and_the_key_is_left_out_where_there_are_none() -> None:
    some = score(unknown=("volume_spike", "liquidity_opportunity"))
    assert msgpack.unpackb(encode(some)[1])["unknown"] == ["volume_spike", "liquidity_opportunity"]
    assert decode(encode(some)) == some
    assert "unknown" not in msgpack.unpackb(encode(score())[1])
