"""`link` and the messages it sends."""

from __future__ import annotations

import os
import select

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalnode_supervisor.core.liveness import MESSAGE_BYTES_MAX, ChildMessage, decode, encode, hung_at_ns
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.inside import link as link_module
from signalnode_supervisor.inside.link import Link
from signalnode_supervisor.spec import ChildSpec
from tests.effort import drawn

# Some of each length in UTF-8 and of what JSON escapes; all there are take hypothesis seconds to list.
CHARACTERS = st.sampled_from('a"\\\n\x00\x7fé€\u2028\U0001f600\U0010ffff')
ALPHABET = drawn(CHARACTERS, st.characters(codec="utf-8"))
FACTS = st.dictionaries(  # never too large to be sent: a character takes at most 12 bytes
    st.text(ALPHABET, max_size=5),
    st.one_of(st.integers(), st.floats(allow_nan=False), st.text(ALPHABET, max_size=9)),
    max_size=8,
)


@settings(max_examples=drawn(15, 3_000))
@given(
    st.lists(st.tuples(st.sampled_from(["ready", "beat"]), st.integers(0, 2**62), FACTS), max_size=5),
    st.integers(1, 9),
)
def test_what_is_sent_is_what_is_heard_however_it_is_cut(
    said: list[tuple[str, int, dict[str, object]]], size: int
) -> None:
    data = b"".join(encode(*one) for one in said)
    heard: list[ChildMessage] = []
    pending = b""
    for start in range(0, len(data), size):
        messages, pending = decode(pending, data[start : start + size])
        heard += messages
    assert heard == [ChildMessage(*one) for one in said]


@given(st.binary(max_size=300))
def test_noise_is_no_message_and_no_error(noise: bytes) -> None:
    messages, _ = decode(b"", noise + b"\n" + encode("beat", 5, {}))
    assert messages[-1] == ChildMessage("beat", 5, {})


def test_facts_that_cannot_be_sent_are_left_out_and_the_beat_is_not() -> None:
    for facts in ({"x": object()}, {"x": "y" * MESSAGE_BYTES_MAX}):
        line = encode("beat", 5, facts)
        assert len(line) <= MESSAGE_BYTES_MAX
        assert decode(b"", line)[0] == [ChildMessage("beat", 5, {})]


def test_nobody_listening_is_no_error() -> None:
    Link(None).ready(epoch=1)
    Link(None).beat()
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.close(reader)
    Link(writer).beat()
    os.close(writer)


def test_a_full_pipe_blocks_no_beat() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b"x" * 4096)
    Link(writer).ready()
    os.close(reader)
    os.close(writer)


def test_a_ready_that_nobody_was_there_to_hear_is_said_to_the_next_supervisor() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.close(reader)
    link = Link(writer, interval_s=0.0)
    link.ready(epoch=7)
    link.beat(seq=1)
    reader = os.open(f"/proc/self/fd/{writer}", os.O_RDONLY | os.O_NONBLOCK)
    for seq in (2, 3):
        link.beat(seq=seq)
    messages, _ = decode(b"", os.read(reader, 65_536))
    told = [(message.kind, message.facts) for message in messages]
    assert told == [("ready", {"epoch": 7, "seq": 2}), ("beat", {"seq": 3})]
    os.close(reader)
    os.close(writer)


def test_a_beat_in_every_turn_sends_only_a_few() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    link = Link(writer, interval_s=1000.0)
    for turn in range(100):
        link.beat(turn=turn)
    messages, _ = decode(b"", os.read(reader, 65_536))
    assert [message.facts for message in messages] == [{"turn": 0}]
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(("missed_max", "sent"), [(1, [0, 3, 6, 9]), (3, [0, 6])])
def test_where_more_than_one_may_be_missed_fewer_beats_are_sent(
    monkeypatch: pytest.MonkeyPatch, missed_max: int, sent: list[int]
) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    link = Link(writer, interval_s=1.0, missed_max=missed_max)
    for tenth in range(11):
        monkeypatch.setattr(link_module, "monotonic_ns", lambda at=tenth: (10 + at) * NS_PER_S // 10)
        link.beat(tenth=tenth)
    messages, _ = decode(b"", os.read(reader, 65_536))
    assert [message.facts["tenth"] for message in messages] == sent
    os.close(reader)
    os.close(writer)


def test_that_all_is_prepared_is_sent_in_any_case_and_once() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    link = Link(writer, interval_s=1000.0)
    for progress in (0.1, 0.2, 1.0, 1.0):
        link.beat(progress=progress)
    messages, _ = decode(b"", os.read(reader, 65_536))
    assert [message.facts for message in messages] == [{"progress": 0.1}, {"progress": 1.0}]
    os.close(reader)
    os.close(writer)


def test_a_child_of_which_no_heartbeat_is_expected_never_hangs() -> None:
    spec = ChildSpec(name="a", target="x:y", heartbeat_interval_s=0.0)
    assert hung_at_ns(spec, 5) is None
    assert hung_at_ns(ChildSpec(name="a", target="x:y", heartbeats_missed_max=2), 5) == 5 + 2 * NS_PER_S
