"""Markets that other aggregators carry: whose word stands while they move, fall silent and leave."""

from __future__ import annotations

from random import Random

import pytest

from signalnode.aggregator import carried
from signalnode.aggregator.carried import LEFT_S, Carried
from signalnode.bus.digest import NUMBERS, encode_digest, packed_names
from signalnode.bus.digest_reader import DigestReader
from signalnode.bus.wire import SCORE_NAMES
from signalnode.clock import NS_PER_S
from tests.effort import drawn

SILENT_S, SETTLE_S, GONE_S = 5, 10, 300
BEGUN_S = 1_000


class Source:
    """An aggregator below: says of its markets what the test gives, in digests that it numbers."""

    def __init__(self, name: str) -> None:
        self.name, self.epoch, self.seq = name, 1, 0

    def begin_anew(self) -> None:
        self.epoch, self.seq = self.epoch + 1, 0

    def frames(self, markets: dict[str, tuple[int, int]], *, age_s: float = 0.0) -> list[bytes]:
        """Its next digest: (epoch, seq) of each market, last heard `age_s` before."""
        self.seq += 1
        columns = {name: [1.0] * len(markets) for name in NUMBERS}
        columns |= {"age_s": [age_s] * len(markets), "outage_ms": [-1] * len(markets)}
        for at, name in enumerate(("epoch", "seq")):
            columns[name] = [place[at] for place in markets.values()]
        columns["time_published_ns"] = [epoch * 1_000 + seq for epoch, seq in markets.values()]
        words = {"state": "fresh", "status": "live", "process": "running", "why": "", "reason": ""}
        return encode_digest(
            source=self.name,
            host=f"host of {self.name}",
            place=(self.epoch, self.seq),
            time_published_ns=1,
            markets=packed_names(list(markets)),
            numbers=columns,
            words={name: [word] * len(markets) for name, word in words.items()},
            scores={name: [50.0] * len(markets) for name in SCORE_NAMES},
        )


class Upper:
    """The table, and the time."""

    def __init__(self) -> None:
        self.carried = Carried(SILENT_S * NS_PER_S, SETTLE_S * NS_PER_S, GONE_S * NS_PER_S)
        self.now_ns = BEGUN_S * NS_PER_S
        self._reader = DigestReader()

    def hear(self, source: Source, **markets: tuple[int, int]) -> None:
        self.take(source.frames(markets))

    def take(self, frames: list[bytes]) -> None:
        self.carried.take(self._reader.read(frames), self.now_ns)

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_PER_S)
        self.carried.forget(self.now_ns)

    def told(self, market: str = "A") -> tuple[str, int, int] | None:
        """State, epoch and seq; None where there is no such market any more."""
        found = self.carried.markets(self.now_ns).get(market)
        return None if found is None else (found.state, found.epoch, found.seq)


@pytest.fixture
def upper() -> Upper:
    return Upper()


def test_a_planned_move_is_one_stream_whose_older_half_is_not_heard_once_the_newer_is(upper: Upper) -> None:
    a, b = Source("a"), Source("b")
    upper.hear(a, A=(1, 7))
    upper.hear(b, A=(2, 1))
    upper.hear(a, A=(1, 8))
    assert upper.told() == ("fresh", 2, 1)
    upper.hear(a)  # it names the market no longer: what another owns has not ended
    assert upper.told() == ("fresh", 2, 1)
    assert upper.carried.sources(upper.now_ns)["a"].older == 1


def test_a_market_of_a_silent_source_is_silent_until_another_tells_it_and_then_settles(upper: Upper) -> None:
    a, b = Source("a"), Source("b")
    upper.hear(a, A=(1, 7))
    upper.pass_s(SILENT_S + 1)
    assert upper.told() == ("silent", 1, 7)
    upper.hear(b, A=(2, 1))
    assert upper.told() == ("settling", 2, 1)
    for seq in range(2, SETTLE_S + 2):
        upper.pass_s(1)
        upper.hear(b, A=(2, seq))
    assert upper.told() == ("fresh", 2, SETTLE_S + 1)


def test_a_source_that_comes_back_with_what_is_over_is_not_believed(upper: Upper) -> None:
    a, b = Source("a"), Source("b")
    upper.hear(a, A=(1, 7))
    upper.hear(b, A=(2, 1))
    a.begin_anew()
    upper.hear(a, A=(1, 900))  # cut off, it went on
    assert upper.told() == ("fresh", 2, 1)
    upper.hear(a, A=(3, 1))  # it has the market again
    assert upper.told() == ("fresh", 3, 1)


def test_late_digests_of_a_source_change_nothing(upper: Upper) -> None:
    a = Source("a")
    late = a.frames({"A": (1, 1), "B": (1, 1)})
    upper.hear(a, A=(1, 2))
    a.begin_anew()
    before = a.frames({"A": (1, 3)})
    upper.take(before)
    for again in (late, before):
        upper.take(again)
        assert upper.told() == ("fresh", 1, 3)
        assert upper.told("B") is None


def test_a_market_that_is_named_no_longer_has_ended_and_leaves_after_a_while(upper: Upper) -> None:
    a = Source("a")
    upper.hear(a, A=(1, 1), B=(1, 1))
    upper.hear(a, B=(1, 2))
    assert upper.told() == ("ended", 1, 1)
    for second in range(int(LEFT_S)):
        assert upper.told() == ("ended", 1, 1)
        upper.pass_s(1)
        upper.hear(a, B=(1, 3 + second))
    upper.pass_s(1)
    assert upper.told() is None
    assert upper.told("B") == ("fresh", 1, 2 + LEFT_S)


def test_a_market_that_is_named_again_in_time_goes_on(upper: Upper) -> None:
    a, b = Source("a"), Source("b")
    upper.hear(a, A=(1, 1))
    upper.hear(a)
    upper.pass_s(1)
    upper.hear(b, A=(2, 1))
    assert upper.told() == ("fresh", 2, 1)
    upper.pass_s(LEFT_S + 1)
    assert upper.told() == ("silent", 2, 1)


def test_a_source_that_is_gone_for_good_takes_its_markets_and_is_new_when_it_is_back(upper: Upper) -> None:
    a, b = Source("a"), Source("b")
    upper.hear(a, A=(1, 1))
    upper.pass_s(1)
    upper.hear(b, B=(1, 1))
    upper.pass_s(GONE_S - 0.5)
    assert (upper.told("A"), upper.told("B")) == (None, ("silent", 1, 1))
    assert upper.carried.sources(upper.now_ns).keys() == {"b"}
    a.begin_anew()
    upper.hear(a, A=(1, 2))
    assert upper.told() == ("fresh", 1, 2)


def test_a_source_whose_own_markets_are_old_makes_none_of_them_young(upper: Upper) -> None:
    a = Source("a")
    upper.take(a.frames({"A": (1, 1)}, age_s=2.0))
    assert upper.told() == ("fresh", 1, 1)
    upper.pass_s(SILENT_S - 1)
    upper.take(a.frames({"A": (1, 1)}, age_s=2.0 + SILENT_S - 1))
    assert upper.told() == ("silent", 1, 1)


def test_a_market_of_ones_own_is_nobody_elses_to_tell(upper: Upper) -> None:
    a = Source("a")
    upper.hear(a, A=(1, 1), B=(1, 1))
    upper.carried.keep_to({"A"})
    upper.hear(a, A=(9, 9), B=(1, 2))
    assert upper.told() is None
    assert upper.told("B") == ("fresh", 1, 2)


def test_markets_and_sources_beyond_what_is_borne_are_counted_and_cost_the_others_nothing(
    upper: Upper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried, "MARKETS_MAX", 2)
    monkeypatch.setattr(carried, "SOURCES_MAX", 1)
    upper.hear(Source("a"), A=(1, 1), B=(1, 1), C=(1, 1))
    assert (upper.told("B"), upper.told("C"), upper.carried.rejected) == (("fresh", 1, 1), None, 1)
    upper.hear(Source("b"), A=(2, 1))
    assert (upper.told("A"), upper.carried.rejected) == (("fresh", 1, 1), 2)


@pytest.mark.parametrize("seed", range(drawn(5, 2_000)))
def test_whatever_is_lost_late_or_cut_off_no_market_goes_back(seed: int, upper: Upper) -> None:
    """Three sources; each market is moved between them with a new epoch, and who lost it may not know."""
    random, sources = Random(seed), [Source(name) for name in "abc"]
    held: list[dict[str, tuple[int, int]]] = [{}, {}, {}]
    newest, under_way, told = dict.fromkeys("AB", 0), list[list[bytes]](), dict[str, tuple[int, int]]()
    for _ in range(120):
        if random.random() < 0.2:  # a move, after which the one before goes on at times
            market, to = random.choice("AB"), random.randrange(3)
            newest[market] += 1
            for each in held if random.random() < 0.6 else ():
                each.pop(market, None)
            held[to][market] = (newest[market], 0)
        at = random.randrange(3)
        if random.random() < 0.05:
            sources[at].begin_anew()
        held[at] = {name: (epoch, seq + random.randrange(3)) for name, (epoch, seq) in held[at].items()}
        under_way.append(sources[at].frames(held[at]))
        while under_way and random.random() < 0.7:
            frames = under_way.pop(random.randrange(len(under_way)))
            if random.random() < 0.8:
                upper.take(frames)
        upper.pass_s(random.random() * 2.0)
        for market, seen in upper.carried.markets(upper.now_ns).items():
            assert (seen.epoch, seen.seq) >= told.get(market, (0, 0))
            told[market] = (seen.epoch, seen.seq)
        told = {name: place for name, place in told.items() if name in upper.carried.places}
