"""Whatever comes as a digest is read, row by row, or refused with a reason."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.bus import digest_reader
from signalnode.bus.digest import DIGEST, DIGEST_BYTES_MAX, MARKETS_MAX, NUMBERS, encode_digest, packed_names
from signalnode.bus.digest_reader import AGE_S_MAX, EXACT_MAX, Digest, DigestReader
from signalnode.bus.wire import SCORE_NAMES, WireError

MARKETS = ("A", "B", "C")
NUMBER = {"epoch": 5, "seq": 7, "time_published_ns": 9, "mid": 100.0, "warm": 1.0, "outage_ms": -1}
WORD = {"state": "fresh", "status": "live", "process": "up", "why": "", "reason": ""}


def frames(
    markets: tuple[str, ...] = MARKETS,
    *,
    at: int = 1,
    place: tuple[int, int] = (1, 1),
    source: str = "a",
    **changed: Any,
) -> list[bytes]:
    """A digest of sound markets, but for what is `changed` in the one `at` there."""
    numbers: dict[str, list[Any]] = {name: [NUMBER.get(name, 0)] * len(markets) for name in NUMBERS}
    words = {name: [word] * len(markets) for name, word in WORD.items()}
    scores: dict[str, list[float]] = {name: [50.0] * len(markets) for name in SCORE_NAMES}
    for name, value in changed.items():
        for columns in (numbers, words, scores):
            if name in columns:
                columns[name][at] = value
    return encode_digest(
        source=source,
        host="h",
        place=place,
        time_published_ns=0,
        markets=packed_names(markets),
        numbers=numbers,
        words=words,
        scores=scores,
    )


def read(sent: list[bytes]) -> Digest:
    return DigestReader().read(sent)


def changed(change: Any) -> list[bytes]:
    """A sound digest whose map `change` has had in its hands."""
    content = msgspec.msgpack.decode(frames()[1])
    change(content)
    return [DIGEST, msgspec.msgpack.encode(content)]


def test_a_sound_digest_is_read_whole() -> None:
    digest = read(frames())
    assert (digest.markets, digest.refused, digest.fault) == (MARKETS, 0, "")
    assert digest.sound.all()
    assert digest.words["state"].tolist() == ["fresh"] * 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("mid", each) for each in (np.nan, np.inf, -1.0)],
        *[("warm", each) for each in (np.nan, -0.1, 1.1)],
        *[
            (score, each)
            for score in (SCORE_NAMES[0], SCORE_NAMES[6])
            for each in (-2.0, 100.1, np.inf, np.nan)
        ],
        *[("age_s", each) for each in (-1.0, np.inf, AGE_S_MAX * 2, 3e38)],
        *[("spread_bps", each) for each in (-1.0, np.inf)],
        *[(count, -1) for count in ("epoch", "seq", "missed", "restarts")],
        *[(count, EXACT_MAX + 1) for count in ("epoch", "seq", "missed", "outage_ms")],
        ("outage_ms", -2),
        ("age_s", np.nan),  # of a market that has a score
        ("state", "frsh"),
        ("status", "dead"),
    ],
)
def test_a_market_that_cannot_be_costs_itself_alone(name: str, value: Any) -> None:
    digest = read(frames(**{name: value}))
    assert digest.sound.tolist() == [True, False, True]
    assert digest.refused == 1
    assert digest.fault.startswith("B: ")


@pytest.mark.parametrize("time_ns", [-(2**63), 0, 600_000_000_000_000_000, 2**63 - 1])
def test_a_clock_of_any_year_costs_nobody_anything(time_ns: int) -> None:
    times = dict.fromkeys(("time_event_ns", "time_received_ns", "time_published_ns"), time_ns)
    assert read(frames(**times)).sound.all()


def test_epoch_0_is_the_lowest_and_none_is_beyond_what_a_double_counts() -> None:
    assert read(frames(epoch=0, place=(0, 0))).sound.all()
    assert read(frames(epoch=EXACT_MAX, seq=EXACT_MAX, place=(EXACT_MAX, EXACT_MAX))).sound.all()


def test_who_was_never_heard_needs_no_age_and_is_nothing_else() -> None:
    never = {"age_s": np.nan, "epoch": 0, "seq": 0}
    for state, is_sound in [("unheard", True), ("down", True), ("fresh", False), ("silent", False)]:
        assert bool(read(frames(state=state, **never)).sound[1]) is is_sound


def test_nobody_is_fresh_without_a_price_or_a_score_that_is_known() -> None:
    nothing_known = dict.fromkeys(SCORE_NAMES, -1.0)
    for without in ({"mid": 0.0}, nothing_known, dict.fromkeys(SCORE_NAMES, np.nan)):
        digest = read(frames(**without))
        assert digest.words["state"].tolist() == ["fresh", "warming", "fresh"]
        assert digest.sound.all()
    assert read(frames(**nothing_known | {"volume_spike": 9.0})).words["state"][1] == "fresh"


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (("A", "../B", "C"), ["A", "C"]),
        (("A", "", "C"), ["A", "C"]),
        (("A", "x" * 65, "C"), ["A", "C"]),
        (("A", "node", "C"), ["A", "C"]),
        (("A", "B", "A"), ["B"]),  # which of the two is A's cannot be known
    ],
)
def test_a_name_that_is_none_or_stands_there_twice_has_no_row(
    names: tuple[str, ...], left: list[str]
) -> None:
    digest = read(frames(names, at=2, mid=7.0))
    mids = dict(zip(names, [100.0, 100.0, 7.0], strict=True))
    assert list(digest.markets) == left
    assert digest.numbers["mid"].tolist() == [mids[name] for name in left]
    assert digest.refused == 3 - len(left)
    assert digest.fault


def test_a_score_without_a_name_is_left_out_and_a_place_beyond_the_texts_costs_its_market() -> None:
    def add(content: dict[str, Any]) -> None:
        content["scores"]["no name"] = content["scores"][SCORE_NAMES[0]]

    digest = read(changed(add))
    assert ("no name" in digest.scores, digest.refused) == (False, 1)

    def point(content: dict[str, Any]) -> None:
        content["columns"]["why"] = ["<u2", np.array([1, 9_999, 1], "<u2").tobytes()]

    assert read(changed(point)).sound.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("version", lambda content: content.update(v=2)),
        ("malformed", lambda content: content.update(markets={"A": 1})),
        ("malformed", lambda content: content.update(markets=["m"] * (MARKETS_MAX + 1))),
        ("malformed", lambda content: content.update(epoch=-1)),
        ("malformed", lambda content: content.update(texts=["x" * 201])),
        ("malformed", lambda content: content.pop("host")),
        ("malformed", lambda content: content.update(kind="view")),
        ("malformed", lambda content: content.update(source="a" * 65)),
        ("malformed", lambda content: content.update(time_published_ns=2**64 - 1)),
        ("malformed", lambda content: content["scores"].update({str(n): ["<f4", b""] for n in range(128)})),
        ("out_of_range", lambda content: content.update(source="../etc")),
        ("out_of_range", lambda content: content.update(epoch=EXACT_MAX + 1)),
        ("out_of_range", lambda content: content.update(seq=2**62)),
        ("missing_key", lambda content: content["columns"].pop("mid")),
        ("missing_key", lambda content: content["columns"].pop("state")),
        ("missing_key", lambda content: content["scores"].pop(SCORE_NAMES[3])),
        ("wrong_type", lambda content: content["columns"].update(mid=["<f4", b"\0" * 12])),
        ("wrong_type", lambda content: content["columns"].update(mid=["|O", b"\0" * 24])),
        ("out_of_range", lambda content: content["columns"].update(mid=["<f8", b"\0" * 23])),
        ("out_of_range", lambda content: content["scores"].update(own=["<f4", b""])),
    ],
)
def test_a_fault_of_form_costs_the_digest_and_has_a_reason(reason: str, change: Any) -> None:
    with pytest.raises(WireError) as refused:
        read(changed(change))
    assert refused.value.reason == reason


def test_keys_and_columns_that_later_versions_add_are_passed_over() -> None:
    def add(content: dict[str, Any]) -> None:
        content["moods"] = [1, 2]
        content["columns"]["mood"] = ["<f8", bytes(24)]

    assert read(changed(add)).sound.all()


def test_a_score_that_a_market_added_may_be_missing_of_others() -> None:
    def add(content: dict[str, Any]) -> None:
        content["scores"]["toxicity"] = ["<f4", np.array([np.nan, 1.0, -1.0], "<f4").tobytes()]

    digest = read(changed(add))
    assert digest.sound.all()
    assert digest.scores["toxicity"].tolist()[1:] == [1.0, -1.0]


def test_a_digest_that_is_too_large_is_not_read() -> None:
    with pytest.raises(WireError) as refused:
        read([DIGEST, b"\0" * (DIGEST_BYTES_MAX + 1)])
    assert refused.value.reason == "too_large"


def test_any_bytes_give_a_digest_or_a_wire_error() -> None:
    draw, sound = random.Random(13), frames()[1]
    for _ in range(300):
        spoiled = bytearray(sound)
        for _ in range(draw.randint(1, 8)):
            spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
        try:
            digest = read(
                [DIGEST, bytes(spoiled[: draw.choice((len(spoiled), draw.randrange(len(spoiled))))])]
            )
        except WireError:
            continue
        mids = digest.numbers["mid"][digest.sound]
        assert np.isfinite(mids).all()
        assert (mids >= 0.0).all()
        assert len(set(digest.markets)) == len(digest.markets) == len(digest.sound)


def test_names_are_kept_within_a_bound_however_many_sources_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digest_reader, "NAMES_KEPT_MAX", 5)
    reader = DigestReader()
    for source in ("a", "b", "c"):
        content = msgspec.msgpack.decode(frames()[1]) | {"source": source}
        assert reader.read([DIGEST, msgspec.msgpack.encode(content)]).markets == MARKETS
    assert set(reader._names) == {"c"}
    reader.keep_to(lambda _: False)
    assert not reader._names
