"""An aggregator over others: their digests make its board, and streams come when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from signalnode import logs
from signalnode.aggregator import carried
from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.digests import DigestWriter
from signalnode.aggregator.republisher import Republisher
from signalnode.aggregator.runner import StrategyRunner
from signalnode.aggregator.sources import Sources, digest_writer, streams_meant
from signalnode.bus.curve import mark_as_node, new_keys, secure_client
from signalnode.bus.digest import DIGEST
from signalnode.bus.digest_reader import DigestReader
from signalnode.bus.wire import WireError, decode, encode
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.settings import AggregatorSettings, NodeSettings, ShardSettings
from tests.bus.conftest import short_dir
from tests.bus.messages import heartbeat, score
from tests.effort import PATIENCE_S
from tests.ports import free_port

__all__ = ["short_dir"]
S = NS_PER_S


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as made:
        yield made


def core_of(
    name: str, *markets: str, settings: AggregatorSettings | None = None, epoch: int = 1
) -> Aggregator:
    writer = DigestWriter(name, "host")
    return Aggregator(settings or AggregatorSettings(), markets, StrategyRunner({}), epoch, 0, writer=writer)


def digest_of(lower: Aggregator, now_ns: int) -> list[bytes]:
    """What a lower aggregator says of its markets at `now_ns`."""
    lower.is_digest_wanted = True
    digest = lower.advance(now_ns)[-1].digest
    assert digest is not None
    return digest


def test_a_digest_that_waited_to_be_taken_is_as_old_as_it_says() -> None:
    lower, upper = core_of("low", "A"), core_of("up")
    lower.take(encode(score("A", time_published_ns=S)), S)
    frames = digest_of(lower, 2 * S)
    upper.take_digest(frames, 20 * S, 18 * S)
    assert upper.board.state("A", 20 * S) == "silent"
    other = core_of("other")
    other.take_digest(frames, 20 * S, S // 2)
    assert other.board.state("A", 20 * S) == "fresh", (
        "whose clock is behind is no older than it can have waited"
    )


def test_a_board_of_digests_reads_as_the_boards_that_made_them() -> None:
    lower, upper = core_of("a", "A", "B"), core_of("top")
    lower.take(
        encode(
            score(
                "A",
                seq=7,
                epoch=3,
                level=80.0,
                mid=101.5,
                unknown=("volume_spike",),
                scores={"volume_spike": 50.0},
            )
        ),
        S,
    )
    upper.take_digest(digest_of(lower, S), S)
    there, here = lower.board.markets(S), upper.board.markets(S)
    assert here.keys() == there.keys() == {"A", "B"}
    assert (here["A"].epoch, here["A"].seq, here["A"].mid) == (3, 7, 101.5)
    assert here["A"].scores == there["A"].scores
    assert (here["A"].unknown, here["B"].state) == (("volume_spike",), "unheard")


def test_of_two_writers_of_a_market_the_newer_epoch_stands_whoever_tells_it() -> None:
    old, new, upper = core_of("a", "A"), core_of("b", "A"), core_of("top")
    old.take(encode(score("A", epoch=1, level=10.0)), S)
    new.take(encode(score("A", epoch=2, level=90.0)), S)
    for lower in (new, old):
        upper.take_digest(digest_of(lower, S), S)
    assert upper.board.markets(S)["A"].scores["momentum_long"] == 90.0
    assert upper.board.markets(S)["A"].epoch == 2


def test_a_source_that_falls_silent_takes_its_markets_with_it_and_not_anothers() -> None:
    a, b, upper = core_of("a", "A"), core_of("b", "B"), core_of("top")
    a.take(encode(score("A", time_published_ns=S)), S)
    upper.take_digest(digest_of(a, S), S)
    later_ns = 20 * S
    b.take(encode(score("B", time_published_ns=later_ns)), later_ns)
    upper.take_digest(digest_of(b, later_ns), later_ns)
    states = {name: each.state for name, each in upper.board.markets(later_ns).items()}
    assert (states["A"], states["B"]) == ("silent", "fresh")


def test_digests_go_up_as_many_levels_as_there_are() -> None:
    lower, middle, top = core_of("a", "A"), core_of("m"), core_of("top")
    lower.take(encode(score("A", level=64.0)), S)
    middle.take_digest(digest_of(lower, S), S)
    top.take_digest(digest_of(middle, S), S)
    assert top.board.markets(S)["A"].scores["volume_spike"] == 64.0


def test_a_digest_that_is_torn_is_counted_and_changes_nothing() -> None:
    lower, upper = core_of("a", "A"), core_of("top")
    lower.take(encode(score("A")), S)
    frames = digest_of(lower, S)
    for torn in ([DIGEST, frames[1][:-9]], [DIGEST, b"\xc1"], [b"digest2", frames[1]], [DIGEST]):
        upper.take_digest(torn, S)
        with pytest.raises(WireError):
            DigestReader().read(torn)
    assert upper.board.markets(S) == {}
    assert sum(upper.rejected.values()) == 4


def test_a_shard_tells_under_its_own_name_and_a_node_under_one_for_good(tmp_path: Path) -> None:
    node = NodeSettings(state_dir=tmp_path)
    assert digest_writer(node)._source == digest_writer(node)._source
    shard = NodeSettings(state_dir=tmp_path, shard=ShardSettings(name="shard-0001", grant=1_764_230_400))
    assert digest_writer(shard)._source == "shard-0001"


class Over:
    """A lower and an upper aggregator on tcp with one pair of CURVE keys, turned by the test."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> None:
        self._below_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        keys = folder / "keys"
        new_keys(keys)
        mark_as_node(keys)
        self.file = folder / "sources"
        below = AggregatorSettings(endpoint=f"tcp://127.0.0.1:{free_port()}", keys_dir=keys)
        above = AggregatorSettings(endpoint=f"ipc://{folder}/u", keys_dir=keys, sources_file=self.file)
        self.lower, self.upper = core_of("a", "A", "B", settings=below), core_of("top", settings=above)
        self.below, self.above = Republisher(self._below_context, below), Republisher(context, above)
        self.sources = Sources(context, above, logs.logger())
        self.file.write_text(f"{below.endpoint}\n")
        self.now_ns, self.seq = S, 0

    def turn(self) -> None:
        """A tenth of a second passes for both."""
        self.now_ns, self.seq = self.now_ns + S // 10, self.seq + 1
        for market in "AB":
            frames = encode(score(market, seq=self.seq, time_published_ns=self.now_ns))
            if self.lower.take(frames, self.now_ns):
                self.below.publish(frames)
        self.sources.look()
        for core, out in ((self.lower, self.below), (self.upper, self.above)):
            core.is_digest_wanted = out.is_digest_asked
            for outcome in core.advance(self.now_ns):
                if outcome.digest is not None:
                    out.publish(outcome.digest)
            out.serve(core, self.now_ns, out.sockets)
        self.sources.serve(self.upper, self.above, self.sources.sockets, self.now_ns)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Turn until it is so."""
        until_ns = monotonic_ns() + int(PATIENCE_S * NS_PER_S)
        while not is_so():
            assert monotonic_ns() < until_ns
            self.turn()

    def close(self) -> None:
        for each in (self.sources, self.below, self.above):
            each.close()
        self._below_context.term()


def test_full_streams_come_for_those_markets_that_somebody_asks_for(
    short_dir: Path, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    over = Over(context, short_dir)
    try:
        over.until(lambda: set(over.upper.board.entries) == {"A", "B"})
        with context.socket(zmq.SUB) as peer:
            peer.setsockopt(zmq.LINGER, 0)

            secure_client(peer, short_dir / "keys")
            peer.connect(f"ipc://{short_dir}/u")
            peer.subscribe(b"score.A")
            heard: list[str] = []

            def hears() -> bool:
                while peer.poll(0):
                    heard.append(decode(peer.recv_multipart(), 65_536).market)
                return len(heard) >= 3

            over.until(hears)
            assert set(heard) == {"A"}
            assert set(over.upper._streams) == {"A"}
        over.until(lambda: not over.upper._streams)
        over.file.write_text("")
        over.until(lambda: not over.below.is_digest_asked)
        assert over.below.asked == set()
    finally:
        over.close()


@pytest.mark.parametrize("topic", [b"score.A", b"heartbeat.A", b"end.A", b"heart", b""])
def test_a_stream_is_held_as_long_as_any_of_its_messages_is_asked_for(topic: bytes) -> None:
    lower, upper = core_of("a", "A", "B"), core_of("top")
    for market in "AB":
        lower.take(encode(score(market)), S)
    upper.take_digest(digest_of(lower, S), S)
    for market in "AB":
        assert upper.take_stream(encode(score(market)))
    upper.let_go_but({topic, b"score.B", b"view"})
    assert set(upper._streams) == {"A", "B"}
    upper.let_go_but({topic, b"view"})
    assert set(upper._streams) == ({"A"} if topic.endswith(b".A") else {"A", "B"})


def test_more_markets_than_are_borne_are_counted_where_rejections_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carried, "MARKETS_MAX", 1)
    lower, upper = core_of("a", "A", "B"), core_of("top")
    upper.take_digest(digest_of(lower, S), S)
    assert (list(upper.board.carried.names), upper.rejected) == (["A"], {"room": 1})


def test_a_heartbeat_of_a_stream_is_passed_on_and_an_older_epoch_is_not() -> None:
    lower, upper = core_of("a", "A"), core_of("top")
    lower.take(encode(score("A", epoch=5)), S)
    upper.take_digest(digest_of(lower, S), S)
    assert upper.take_stream(encode(score("A", seq=2, epoch=5)))
    assert upper.take_stream(encode(heartbeat("A", seq=2, epoch=5)))
    assert not upper.take_stream(encode(score("A", seq=9, epoch=4)))
    assert not upper.take_stream(encode(score("UNKNOWN", epoch=5)))


def test_a_stream_is_kept_for_who_asks_for_any_kind_of_its_messages() -> None:
    for topic in (b"score.A", b"heartbeat.A", b"end.A", b"end.", b"h", b""):
        lower, upper = core_of("a", "A"), core_of("top")
        lower.take(encode(score("A", epoch=5)), S)
        upper.take_digest(digest_of(lower, S), S)
        assert upper.take_stream(encode(heartbeat("A", seq=2, epoch=5)))
        upper.let_go_but({topic})
        assert set(upper._streams) == {"A"}
        upper.let_go_but({b"score.B", b"view"})
        assert not upper._streams


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({b""}, {b"score.", b"heartbeat.", b"end."}),
        ({b"s", b"view", b"digest"}, {b"score."}),
        ({b"end.A", b"score.BTC-USD"}, {b"end.A", b"score.BTC-USD"}),
        ({b"decision.", b"e"}, {b"end."}),
    ],
)
def test_below_nothing_is_asked_for_but_messages_of_markets(asked: set[bytes], meant: set[bytes]) -> None:
    assert streams_meant(asked) == meant


def test_what_a_source_says_in_vain_is_told_in_the_view() -> None:
    lower, upper = core_of("a", "A", "B"), core_of("top")
    lower.take(encode(score("A")), S)
    frames = digest_of(lower, S)
    upper.take_digest([frames[0], frames[1].replace(b"unheard", b"unherad")], S)
    (outcome,) = upper.advance(S)[-1:]
    assert outcome.view.layer5 is not None
    assert outcome.view.layer5.sources["a"].refused == 1
    assert outcome.view.markets["A"].seq == 1
