"""What waits for one browser, and what it may ask."""

from __future__ import annotations

import pytest

from signalnode.panels.web.asked import Asked, asked
from signalnode.panels.web.clients import WAITING_MAX, Outbox


def test_whoever_reads_slowly_gets_the_newest_frame_after_all_else() -> None:
    outbox = Outbox()
    outbox.put_frame(b"old")
    outbox.put("decision")
    outbox.put_frame(b"new")
    assert [outbox.take(), outbox.take(), outbox.take()] == ["decision", b"new", None]


def test_whoever_does_not_read_at_all_is_let_go() -> None:
    outbox = Outbox()
    for n in range(WAITING_MAX + 1):
        assert not outbox.is_over
        outbox.put(str(n))
    assert outbox.is_over


def test_a_request_is_one_of_the_pages_own() -> None:
    assert asked('{"open": "BTC-USD", "id": 3}') == Asked(open="BTC-USD", id=3)
    closing = asked('{"open": null}')
    assert closing is not None
    assert closing.open is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "{",
        '{"open": 5}',
        '{"open": "A", "verb": "stop"}',
        '{"show": "x"}',
        b"\xff",
        "[" * 900,
        '{"id": -1}',
    ],
)
def test_anything_else_is_none(message: str | bytes) -> None:
    assert asked(message) is None
