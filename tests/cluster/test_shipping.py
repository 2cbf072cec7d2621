"""Bundles come back as they went, and a market goes on from its last grant's."""

from __future__ import annotations

import msgspec
import pytest

from signalnode.cluster import shipping
from signalnode.cluster.shipping import Bundle, Packed, Shipment
from signalnode.errors import ClusterError
from signalnode.settings.cluster import GRANT_MAX

START = 1_764_230_400


def bundle(start: int = START, number: int = 1, **grants: int) -> Bundle:
    markets = {name: Packed(grant, {"checkpoint.0": b"%d" % number}) for name, grant in grants.items()}
    return Bundle("shard-0007", start, number, 0, markets)


def name(shard: str, start: int, number: int) -> str:
    return Shipment(shard, start, number).name


def test_a_name_says_whose_it_is() -> None:
    for each in (Shipment("shard-0007", START, 123), Shipment("a", GRANT_MAX, 0)):
        assert shipping.shipment_of(each.name) == each
    assert name("shard-0007", START, 123) == "shard-0007/grant-1764230400/000000000123.bundle"


@pytest.mark.parametrize(
    "text", ["", "notes.txt", "../grant-1764230400/000000000001.bundle", "a/grant-1/1.bundle"]
)
def test_a_name_of_somebody_else_is_none_of_ours(text: str) -> None:
    assert shipping.shipment_of(text) is None


def test_a_bundle_comes_back_as_it_went() -> None:
    sent = bundle(A=10, B=11)
    assert shipping.unpacked(shipping.packed(sent)) == sent


def test_a_torn_bundle_is_noticed_at_every_byte() -> None:
    content = shipping.packed(bundle(A=10))
    for at in range(len(content)):
        for broken in (content[:at], content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]):
            with pytest.raises(ClusterError, match="left out"):
                shipping.unpacked(broken)


@pytest.mark.parametrize(
    "markets",
    [
        {"../A": Packed(1, {})},
        {"A": Packed(1, {"../../etc": b""})},
        {"A": Packed(0, {})},
        {"A": Packed(1, {str(i): b"" for i in range(shipping.FILES_MAX + 1)})},
    ],
)
def test_a_bundle_that_would_do_harm_is_neither_made_nor_taken(
    markets: dict[str, Packed], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Bundle("shard-0007", START, 1, 0, markets)
    with pytest.raises(ClusterError, match="cannot be shipped"):
        shipping.packed(bad)
    with monkeypatch.context() as patch:
        patch.setattr(shipping, "_fault", lambda _: None)
        content = shipping.packed(bad)
    with pytest.raises(ClusterError, match="left out"):
        shipping.unpacked(content)


def test_what_is_over_its_bound_is_not_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "BUNDLE_BYTES_MAX", 10)
    with pytest.raises(ClusterError, match="over 10"):
        shipping.packed(bundle(A=10))


def test_a_market_goes_on_from_its_highest_earlier_grant_wherever_that_was() -> None:
    here, there = bundle(START, 9, A=10, B=12), bundle(START + 5, 2, A=11)
    newer = bundle(START, 10, A=10)
    found = [shipping.newest_of("A", before, (newer, here, there)) for before in (12, 11, 10)]
    assert found == [there.markets["A"], newer.markets["A"], None]


def test_the_origin_is_looked_at_first_and_then_the_newest_start() -> None:
    names = [
        name("s-1", START, 1),
        name("s-1", START, 2),
        name("s-2", START + 2, 7),
        name("s-3", START + 1, 3),
    ]
    first = shipping.candidates([*names, "readme"], ("s-1", START))
    assert [(each.shard, each.number) for each in first] == [("s-1", 2), ("s-1", 1), ("s-2", 7), ("s-3", 3)]


def test_what_a_newer_one_stands_for_is_removed_and_a_stale_writer_harms_nobody() -> None:
    names = [name("s-1", START + i, number) for i in range(6) for number in (1, 2, 3)]
    names += [name("s-2", START, 1), "readme"]
    left = sorted(set(names) - set(shipping.superseded(names)))
    newest = START + 5
    assert left == sorted(
        [
            "readme",
            name("s-2", START, 1),
            name("s-1", newest, 3),
            name("s-1", newest, 2),
            *(name("s-1", newest - i, 3) for i in (1, 2, 3)),
        ]
    )


def test_a_bundle_of_another_form_is_left_out() -> None:
    body = msgspec.msgpack.encode({"shard": "a"})
    content = shipping.packed(bundle())
    head = content[: len(content) - len(msgspec.msgpack.encode(bundle()))]
    with pytest.raises(ClusterError, match="left out"):
        shipping.unpacked(head + body)
