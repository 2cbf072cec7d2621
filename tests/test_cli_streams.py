"""What `subscribe` says while there is nothing to print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalnode.bus.wire import Health, Score
from signalnode.cli import streams
from signalnode.cli.streams import ASK_AGAIN_NS, KNOWN_MAX, Source, _absent, _first, _next, _note, _print
from signalnode.cluster.keys import cluster_keys
from signalnode.errors import ClusterError
from signalnode.settings import FeedSettings, NodeSettings
from tests.bus.messages import score


class Heard:
    """A subscription that brings nothing at first."""

    def __init__(self, *, is_answered: bool) -> None:
        self._is_answered = is_answered
        self._messages: list[Score | None] = [None, score()]

    def receive(self, _timeout_s: float | None) -> Score | None:
        return self._messages.pop(0)

    def answered(self) -> bool:
        return self._is_answered


@pytest.mark.parametrize(
    ("is_answered", "markets", "told"),
    [
        (False, ["NOPE"], "signalnode: nothing heard on tcp://h:1 yet; is the node running?"),
        (True, ["NO", "B"], "signalnode: a node answers on tcp://h:1, but nothing is heard of NO, B yet;"),
        (True, [], "signalnode: a node answers on tcp://h:1, but nothing is heard of any market yet;"),
    ],
)
def test_a_node_without_that_market_is_told_from_no_node(
    capsys: pytest.CaptureFixture[str], is_answered: bool, markets: list[str], told: str
) -> None:
    heard: Any = Heard(is_answered=is_answered)
    _first(heard, Source("tcp://h:1"), markets)
    assert capsys.readouterr().err.startswith(told)


def test_a_node_that_runs_and_has_not_spoken_yet_is_not_asked_whether_it_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_is_running", lambda _path: True)
    heard: Any = Heard(is_answered=False)
    _first(heard, Source("tcp://h:1"), [], here=Path("control.sock"))
    assert "yet; the node runs, and is on its way: see `signalnode status`" in capsys.readouterr().err


def test_a_score_without_evidence_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    _print(score(unknown=("volume_spike",)), as_json=False)
    assert "volatility_breakout=50.0 volume_spike=- liquidity_opportunity=50.0" in capsys.readouterr().out


def test_a_market_that_the_config_does_not_have_is_told_with_those_that_it_has() -> None:
    said = "; the config has no BTCUSDT, but BTC-USDT, ETH-USDT"
    assert _absent(["BTCUSDT", "BTC-USDT"], ["BTC-USDT", "ETH-USDT"]) == said
    assert _absent(["BTC-USDT"], ["BTC-USDT"]) == _absent([], ["A"]) == _absent(["A"], []) == ""
    assert _absent(["X"], [f"M{number}" for number in range(KNOWN_MAX + 3)]).endswith("M9 and 3 more")


def test_why_a_live_markets_data_is_stale_stands_behind_its_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health = Health(reason="halted by the venue: paused")
    _print(score(status="stale", health=health), as_json=False)
    assert capsys.readouterr().out.endswith("stale: halted by the venue: paused\n")


def test_where_the_numbers_come_from_is_told_unless_they_are_a_venues_own() -> None:
    live, node = FeedSettings(kind="live", venue="dydx"), NodeSettings()
    elsewhere = NodeSettings(venues={"dydx": {"ws_url": "ws://localhost:1/v4/ws"}})
    assert (_note(live, node), _note(live, elsewhere)) == ("", "at localhost")
    assert _note(FeedSettings(kind="synthetic"), node) == "synthetic"
    assert _note(FeedSettings(kind="recording", speed=2.0), node) == "replay ×2"


def test_a_cluster_that_is_silent_is_asked_where_it_is_heard_now_and_not_too_often() -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return "tcp://b:1"

    source = Source("tcp://a:1", ask=ask)
    heard: Any = Heard(is_answered=True)
    assert _next(heard, source) is None, "so it is to be heard anew"
    assert source.endpoint == "tcp://b:1"
    now_ns = source._asked_ns
    assert not source.has_moved(now_ns + ASK_AGAIN_NS - 1)
    assert not source.has_moved(now_ns + ASK_AGAIN_NS)
    assert len(asked) == 2
    assert not Source("tcp://a:1").has_moved(10 * ASK_AGAIN_NS)


def test_a_head_that_is_away_leaves_a_subscriber_where_it_is() -> None:
    def ask() -> str:
        raise ClusterError("no head answers")

    source = Source("tcp://a:1", ask=ask)
    assert not source.has_moved(ASK_AGAIN_NS)
    assert source.endpoint == "tcp://a:1"


def test_a_cluster_that_has_changed_its_keys_where_it_was_is_to_be_heard_anew(tmp_path: Path) -> None:
    cluster_keys(tmp_path)
    source = Source("tcp://a:1", tmp_path, ask=lambda: "tcp://a:1")
    assert not source.has_moved(ASK_AGAIN_NS)
    cluster_keys(tmp_path, anew=True)
    assert source.has_moved(2 * ASK_AGAIN_NS)
    assert not source.has_moved(3 * ASK_AGAIN_NS)
    (tmp_path / "node.key_secret").unlink()  # it is being replaced: as before
    assert not source.has_moved(4 * ASK_AGAIN_NS)
