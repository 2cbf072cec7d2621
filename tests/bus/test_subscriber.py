"""A subscription's sockets, on an engine's publisher of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.bus.publisher import Publisher
from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import SILENT_AFTER_S
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.errors import EndpointError
from tests.bus.messages import moment, score


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
        assert publisher.wait_for_subscriber(10_000)
        publisher.score(scores=score().scores, **moment())
        assert heard.receive(10.0) is not None
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
