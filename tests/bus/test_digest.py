"""A digest as it comes off the wire: read whole, or refused with a reason; never half of one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.bus import digest
from signalnode.bus.digest import (
    DIGEST,
    NUMBERS,
    SCORE,
    SCORES_MAX,
    UNKNOWN,
    WORD,
    WORDS,
    DigestReader,
    encode_digest,
    packed_names,
)
from signalnode.bus.wire import SCORE_NAMES, WireError
from tests.effort import drawn

MARKETS = ("BTC-USD", "ETH-USD", "SOL-USD")
SOUND: dict[str, Any] = dict.fromkeys(NUMBERS, 1) | {"mid": 100.0, "warm": 1.0}
SAID = {"state": "fresh", "status": "live", "process": "running", "why": "", "reason": ""}
Message = dict[str, Any]


def frames_of(place: tuple[int, int] = (1, 1), **numbers: float) -> list[bytes]:
    """A digest of MARKETS, all alike but for these columns."""
    return encode_digest(
        source="a",
        host="host",
        place=place,
        time_published_ns=1,
        markets=packed_names(MARKETS),
        numbers={name: [each] * len(MARKETS) for name, each in (SOUND | numbers).items()},
        words={name: [word] * len(MARKETS) for name, word in SAID.items()},
        scores={name: [50.0] * len(MARKETS) for name in SCORE_NAMES},
    )


def changed(change: Callable[[Message], object]) -> list[bytes]:
    """The same with something of the message changed on its way."""
    message = msgspec.msgpack.decode(frames_of()[1])
    change(message)
    return [DIGEST, msgspec.msgpack.encode(message)]


def column(name: str, *values: float, kind: str = "") -> Callable[[Message], object]:
    """Another column of numbers or scores."""
    there = "scores" if name in SCORE_NAMES else "columns"
    of = kind or NUMBERS.get(name, SCORE)
    return lambda message: message[there].update({name: [of, np.array(values, of).tobytes()]})


def put(**values: Any) -> Callable[[Message], object]:
    return lambda message: message.update(values)


LARGE = 2**70
HOSTILE: dict[str, tuple[Callable[[Message], object], str]] = {
    "a price that is no number": (column("mid", 1.0, np.nan, 1.0), "out_of_range"),
    "a price without end": (column("mid", 1.0, np.inf, 1.0), "out_of_range"),
    "a price below nothing": (column("mid", 1.0, -1.0, 1.0), "out_of_range"),
    "a score above 100": (column("volume_spike", 50.0, 100.5, 50.0), "out_of_range"),
    "a score below 0": (column("volume_spike", 50.0, -0.5, 50.0), "out_of_range"),
    "a score without end": (column("volume_spike", 50.0, np.inf, 50.0), "out_of_range"),
    "one of the seven missing for one": (column("volume_spike", 50.0, np.nan, 50.0), "missing_key"),
    "one of the seven missing": (lambda message: message["scores"].pop("volume_spike"), "missing_key"),
    "warmer than warm": (column("warm", 1.0, 1.5, 1.0), "out_of_range"),
    "warmth that is no number": (column("warm", 1.0, np.nan, 1.0), "out_of_range"),
    "an epoch below 0": (column("epoch", 1, -1, 1), "out_of_range"),
    "a number below 0": (column("seq", 1, -1, 1), "out_of_range"),
    "restarts below 0": (column("restarts", 0, -1, 0), "out_of_range"),
    "an age below 0": (column("age_s", 1.0, -1.0, 1.0), "out_of_range"),
    "an age without end": (column("age_s", 1.0, np.inf, 1.0), "out_of_range"),
    "a spread below 0": (column("spread_bps", 1.0, -1.0, 1.0), "out_of_range"),
    "an outage below none": (column("outage_ms", -1, -2, -1), "out_of_range"),
    "a column too short": (column("mid", 1.0, 1.0), "out_of_range"),
    "a column too long": (column("mid", 1.0, 1.0, 1.0, 1.0), "out_of_range"),
    "a column of another type": (column("mid", 1.0, 1.0, 1.0, kind="<f4"), "wrong_type"),
    "a column of objects": (column("mid", 1, 1, 1, kind="<i8"), "wrong_type"),
    "no column of prices": (lambda message: message["columns"].pop("mid"), "missing_key"),
    "a word beyond the texts": (column("state", 0, 900, 0, kind=WORD), "out_of_range"),
    "a state there is not": (put(texts=["asleep"] * 9), "out_of_range"),
    "a name against the rule": (put(markets=["BTC-USD", "../../etc", "SOL-USD"]), "out_of_range"),
    "a name without end": (put(markets=["BTC-USD", "A" * 5_000, "SOL-USD"]), "out_of_range"),
    "a market twice": (put(markets=["BTC-USD", "BTC-USD", "SOL-USD"]), "out_of_range"),
    "names that are none": (put(markets=[1, 2, 3]), "malformed"),
    "no list of names": (put(markets="BTC-USD"), "malformed"),
    "more markets than columns": (put(markets=[*MARKETS, "XRP-USD"]), "out_of_range"),
    "more markets than there may be": (put(markets=["A"] * (digest.MARKETS_MAX + 1)), "malformed"),
    "another version": (put(v=2), "malformed"),
    "another kind": (put(kind="view"), "malformed"),
    "a source without a name": (put(source=""), "malformed"),
    "a source whose name has no end": (put(source="a" * 65), "malformed"),
    "an epoch of its own below 0": (put(epoch=-1), "malformed"),
    "a time beyond 64 bits": (put(time_published_ns=2**64 - 1), "malformed"),
    "text for a number": (put(seq="1"), "malformed"),
    "too many scores": (
        lambda message: message["scores"].update(
            {f"more_{n}": message["scores"]["volume_spike"] for n in range(SCORES_MAX)}
        ),
        "malformed",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_aggregator_can_mean_is_refused_with_a_reason_and_the_next_is_read(name: str) -> None:
    change, reason = HOSTILE[name]
    reader = DigestReader()
    with pytest.raises(WireError) as refused:
        reader.read(changed(change))
    assert refused.value.reason == reason
    assert reader.read(frames_of()).markets == MARKETS


def test_a_frame_larger_than_may_be_is_not_looked_into() -> None:
    with pytest.raises(WireError, match="too_large"):
        DigestReader().read([DIGEST, bytes(digest.DIGEST_BYTES_MAX + 1)])


def test_keys_and_columns_that_later_versions_add_are_passed_over() -> None:
    def add(message: Message) -> None:
        message["moods"] = [1, 2]
        message["columns"]["mood"] = ["<f8", bytes(24)]

    assert DigestReader().read(changed(add)).markets == MARKETS


def test_a_score_may_be_unknown_and_one_that_a_market_added_may_be_missing() -> None:
    found = DigestReader().read(changed(column("volume_spike", UNKNOWN, 0.0, 100.0)))
    assert found.scores["volume_spike"].tolist() == [UNKNOWN, 0.0, 100.0]
    added = [SCORE, np.array([np.nan, 1.0, UNKNOWN], SCORE).tobytes()]
    found = DigestReader().read(changed(lambda message: message["scores"].update(toxicity=added)))
    assert np.isnan(found.scores["toxicity"][0])


def test_whatever_becomes_of_its_bytes_a_digest_is_read_sound_or_refused() -> None:
    random, reader = Random(5), DigestReader()
    whole = frames_of()[1]
    outcomes = set()
    for _ in range(drawn(1_500, 200_000)):
        torn = bytearray(whole)
        for _ in range(random.choice((1, 1, 2, 8))):
            torn[random.randrange(len(torn))] = random.randrange(256)
        try:
            found = reader.read(
                [DIGEST, bytes(torn[: random.choice((len(torn), random.randrange(len(torn))))])]
            )
        except WireError as refused:
            outcomes.add(refused.reason)
            continue
        outcomes.add("read")
        assert np.isfinite(found.numbers["mid"]).all()
        assert all(len(found.words[name]) == len(found.markets) for name in WORDS)
        for values in found.scores.values():
            known = values[~np.isnan(values) & (values != UNKNOWN)]
            assert ((known >= 0.0) & (known <= 100.0)).all()
    assert {"read", "malformed", "out_of_range"} <= outcomes
