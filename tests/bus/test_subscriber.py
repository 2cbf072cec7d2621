"""A subscription's sockets, on an engine's publisher of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.bus.publisher import Publisher
from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import SILENT_AFTER_S
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.errors import EndpointError
from tests.bus.messages import let_out, moment, score
from tests.effort import PATIENCE_MS, PATIENCE_S


@pytest.mark.parametrize(
    ("endpoint", "words"), [("ipc://", "is no endpoint"), ("ipc://" + "x" * 100, r"aggregator\.endpoint has")]
)
def test_an_address_that_cannot_be_connected_to_is_one_line(endpoint: str, words: str) -> None:
    with pytest.raises(EndpointError, match=words) as caught:
        subscribe(endpoint=endpoint)
    assert "\n" not in str(caught.value)


def test_one_s_own_slowness_is_told_from_the_silence_of_a_market(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"ipc://{short_dir}/A"
    publisher = Publisher(endpoint, "A", 1, queue_max=100)
    with subscribe("A", endpoint=endpoint, repair=False, max_age_s=None) as heard:
        assert publisher.wait_for_subscriber(PATIENCE_MS)
        publisher.score(scores=score().scores, **moment())
        assert heard.receive(PATIENCE_S) is not None
        late_ns = monotonic_ns() + int((SILENT_AFTER_S + 1.0) * NS_PER_S)
        monkeypatch.setattr("signalnode.bus.subscriber.monotonic_ns", lambda: late_ns)
        assert heard.state("A") == "silent"
        publisher.score(scores=score().scores, **moment())
        while heard.state("A") == "silent":
            pass  # the second score is under way
        assert heard.state("A") == "unread"
        assert heard.receive(0.0) is not None
        assert heard.state("A") == "live"
    assert heard.state("A") == "live"
    publisher.close()


def test_a_reader_slower_than_the_market_gets_the_newest_each_time(short_dir: Path) -> None:
    endpoint = f"ipc://{short_dir}/A"
    publisher = Publisher(endpoint, "A", 1, queue_max=10_000)
    with subscribe("A", endpoint=endpoint, repair=False, max_age_s=None, newest=True) as heard:
        assert publisher.wait_for_subscriber(PATIENCE_MS)
        for rounds in range(1, 3):
            for _ in range(3_000):  # more than are drained at a time where all are wanted
                publisher.score(scores=score().scores, **moment())
            let_out(publisher)
            seen = 0
            while seen < rounds * 3_000:
                got = heard.receive(PATIENCE_S)
                assert got is not None
                seen = got.seq
        counts = heard.counts()["A"]
    assert counts.missed == 0
    assert counts.received + counts.skipped == 6_000
    assert counts.skipped > counts.received
    publisher.close()
