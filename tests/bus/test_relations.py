"""The full matrices on the wire: what goes in comes out, to a hundredth; bounded; nonsense is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from signalnode.bus.relations import (
    RELATIONS_BYTES_MAX,
    RELATIONS_MARKETS_MAX,
    UNKNOWN,
    decode_relations,
    encode_relations,
)
from signalnode.bus.wire import WireError


def test_matrices_come_out_as_they_went_in() -> None:
    rho = np.array([[1.0, -0.834], [-0.834, np.nan]])
    lead_s = np.array([[0.0, 1.5], [-1.5, np.nan]])
    found = decode_relations(encode_relations(["A", "B"], 0.5, rho, lead_s, rho / 2))
    assert (found.markets, found.more, found.step_s) == (("A", "B"), 0, 0.5)
    assert found.correlation.tolist() == [[100, -83], [-83, UNKNOWN]]
    assert found.lead.tolist() == [[0, 3], [-3, UNKNOWN]]
    assert found.lead_correlation.tolist() == [[50, -42], [-42, UNKNOWN]]


def test_more_markets_than_there_is_room_for_are_counted() -> None:
    count = RELATIONS_MARKETS_MAX + 3
    names = [f"MARKET-{at:057d}" for at in range(count)]  # of NAME_CHARS_MAX
    content = encode_relations(names, 1.0, *np.zeros((3, count, count)))
    assert len(content) <= RELATIONS_BYTES_MAX
    found = decode_relations(content)
    assert (len(found.markets), found.more) == (RELATIONS_MARKETS_MAX, 3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        b"\x81\xa4kind\xa9relations",
        msgspec.msgpack.encode(
            {
                "kind": "relations",
                "markets": ["A", "B"],
                "more": 0,
                "step_s": 1.0,
                "correlation": b"123",
                "lead": b"1234",
                "lead_correlation": b"1234",
            }
        ),
        b"\0" * (RELATIONS_BYTES_MAX + 1),
    ],
)
def test_what_is_no_matrix_is_refused(content: bytes) -> None:
    with pytest.raises(WireError):
        decode_relations(content)
