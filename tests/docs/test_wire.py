"""docs/wire.md against the messages: keys, limits, and how integers travel."""

from __future__ import annotations

import json
from typing import get_args

import msgspec

from signalnode.aggregator.measures.joined import STRONGEST_MAX
from signalnode.bus.cluster import ClusterState
from signalnode.bus.digest import DIGEST_BYTES_MAX, NUMBERS, WORDS, DigestMessage
from signalnode.bus.reader import Counts, StreamState
from signalnode.bus.relations import RELATIONS_MARKETS_MAX, RelationsMessage
from signalnode.bus.snapshot import RingReply
from signalnode.bus.topics import DECISION, DIGEST, END, HEARTBEAT, SCORE, VIEW
from signalnode.bus.wire import (
    KINDS,
    MESSAGE_BYTES_MAX,
    SCORES_MAX,
    STATUSES,
    VIEW_BYTES_MAX,
    Channel,
    DecisionMessage,
    Health,
    Layer5State,
    Score,
    ToldOutcomes,
    ViewMessage,
    decode,
    encode,
)
from tests.bus.messages import score
from tests.documents import DOCS, blocks, names_of, one_line, quoted, same, table

PAGE = DOCS / "wire.md"
NOW_NS = 1_795_541_872_904_000_000


def keys_of(message: type[msgspec.Struct]) -> list[str]:
    tag = message.__struct_config__.tag_field
    return [*([tag] if tag else []), *message.__struct_fields__]


def test_the_topics_are_those_there_are() -> None:
    told = {name.partition("<")[0].encode() for name in table(PAGE, "topic").names()}
    assert told == {SCORE, HEARTBEAT, END, VIEW, DECISION, DIGEST}
    assert [row[1] for row in table(PAGE, "topic").rows] == [*KINDS, "digest"]


def test_the_keys_of_every_message_are_those_on_the_wire() -> None:
    same(table(PAGE, "key", "Score, heartbeat, end").names(), keys_of(Score))
    same(table(PAGE, "key", "View").names(), keys_of(ViewMessage))
    same(table(PAGE, "key", "Decision").names(), keys_of(DecisionMessage))
    same(table(PAGE, "key of outcomes").names(), keys_of(ToldOutcomes))
    same(table(PAGE, "key of layer5").names(), keys_of(Layer5State))
    same(
        [name for row in table(PAGE, "key of cluster").rows for name in quoted(row[0])],
        keys_of(ClusterState),
    )
    same(
        [name for row in table(PAGE, "key of a digest").rows for name in quoted(row[0])],
        keys_of(DigestMessage),
    )
    same(table(PAGE, "key of health").names(), keys_of(Health))
    same(table(PAGE, "key of a channel").names(), keys_of(Channel))
    same(table(PAGE, "key of the answer").names(), keys_of(RingReply))
    same(table(PAGE, "key of relations").names(), keys_of(RelationsMessage))


def test_the_columns_of_a_digest_are_those_that_are_packed() -> None:
    (told,) = [row[2] for row in table(PAGE, "key of a digest").rows if row[0] == "`columns`"]
    same([name for name in quoted(told) if not name.startswith("<") and name != "texts"], [*NUMBERS, *WORDS])
    assert f"a digest {DIGEST_BYTES_MAX:,}." in one_line(PAGE)


def test_what_a_subscription_tells_is_what_is_told_of_it() -> None:
    same(table(PAGE, "count").names(), names_of(Counts))
    same(table(PAGE, "state").names(), get_args(StreamState))


def test_the_message_shown_is_a_message_of_the_wire() -> None:
    (shown,) = [each.text for each in blocks(PAGE) if each.language == "json"]
    message = json.loads(shown)
    assert isinstance(decode([b"score.SOL-USD", msgspec.msgpack.encode(message)]), Score)
    assert list(message)[:2] == ["kind", "v"]


def test_times_travel_as_64_bit_integers_and_what_is_small_does_not() -> None:
    """So that a reader in JavaScript gets BigInts for the ones, and numbers for epoch and seq."""
    _, body = encode(score(seq=690, time_published_ns=NOW_NS))
    assert b"\xb1time_published_ns\xcf" + NOW_NS.to_bytes(8, "big") in body
    assert b"\xa3seq\xcd" + (690).to_bytes(2, "big") in body


def test_the_limits_told_are_the_real_ones() -> None:
    text = one_line(PAGE)
    assert f"at most {MESSAGE_BYTES_MAX:,} bytes, a view {VIEW_BYTES_MAX:,}" in text
    assert f"each 0 to 100; up to {SCORES_MAX}" in text
    assert f"rows and columns, {RELATIONS_MARKETS_MAX} at most" in text
    assert f"the {STRONGEST_MAX} most correlated" in text
    (statuses,) = [row[2] for row in table(PAGE, "key", "Score, heartbeat, end").rows if row[0] == "`status`"]
    assert tuple(quoted(statuses)) == STATUSES
