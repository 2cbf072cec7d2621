"""The engine's end alone, its gateway played here by a socket; and the clock that gateways have in common."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from signalnode import SignalEngine
from signalnode.bus.wire import Channel, Health
from signalnode.clock import NS_PER_MS, NS_PER_S, utc_text
from signalnode.engine.standing import is_all_silent
from signalnode.engine.work import Work
from signalnode.errors import CheckpointError
from signalnode.feeds import ChannelHealth, open_feed
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live import envelope
from signalnode.feeds.live.envelope import Header
from signalnode.feeds.live.feed import GATEWAY_SILENT_NS, LiveFeed
from signalnode.feeds.live.kerneltime import agreed_offset_ns
from signalnode.feeds.live.passed import PassedPage
from signalnode.feeds.live.rehearsal import rehearse
from signalnode.feeds.venues import decoder_of
from signalnode.settings import EngineSettings, FeedSettings, MarketSettings
from tests.effort import PATIENCE_MS, drawn
from tests.venues.virtual import Virtual

NOW_NS = 1_795_000_000 * NS_PER_S
MARKET = "BTC-USD"
LEVELS = {
    "bids": [{"price": f"{100 - each}", "size": "1"} for each in range(1, 4)],
    "asks": [{"price": f"{100 + each}", "size": "1"} for each in range(1, 4)],
}


class Gateway:
    """A gateway's socket. What it sends has been taken in when `say` returns."""

    def __init__(self, endpoint: str) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.XPUB)
        self.socket.bind(endpoint)
        self.socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        decoder = decoder_of("dydx")
        self.feed = LiveFeed(endpoint, "gateway.dydx", MARKET, decoder, DEPTH_BPS, venue="dydx")
        list(self.feed.prepare())
        assert {self.socket.recv()[1:] for _ in range(2)} == {envelope.BEAT_TOPIC, b"BTC-USD\0"}
        self.sequence = 0
        self.now_ns = NS_PER_S  # monotonic

    def say(self, kind: int, body: bytes, time_ns: int = NOW_NS) -> None:
        self.sequence += kind != envelope.BEAT
        topic = envelope.BEAT_TOPIC if kind == envelope.BEAT else envelope.topic_of(MARKET)
        self.socket.send(envelope.pack(topic, Header(kind, time_ns, 1, self.sequence), body))
        assert self.feed.inlet.wait(10_000)
        self.feed.kernel_at(self.now_ns)

    def trade(self, number: int, time_ns: int, event_ns: int) -> None:
        trade = {"id": f"{number:08x}", "side": "BUY", "price": "100", "size": "1"}
        trade["createdAt"] = utc_text(event_ns, "milliseconds")
        frame: dict[str, object] = {"type": "channel_data", "channel": "v4_trades", "id": MARKET}
        frame |= {"message_id": 9, "contents": {"trades": [trade]}}
        self.say(envelope.FRAME, json.dumps(frame).encode(), time_ns)

    def image(self, time_ns: int = NOW_NS, contents: object = LEVELS) -> None:
        frame: dict[str, object] = {"type": "subscribed", "channel": "v4_orderbook", "id": MARKET}
        frame |= {"connection_id": "c", "message_id": 1, "contents": contents}
        self.say(envelope.FRAME, json.dumps(frame).encode(), time_ns)

    def close(self) -> None:
        self.feed.close()
        self._context.destroy(linger=0)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    played = Gateway(envelope.frames_endpoint(tmp_path, "gateway.dydx"))
    yield played
    played.close()


def test_a_quiet_feed_has_not_ended_and_is_stale_while_nothing_is_heard(gateway):
    engine = SignalEngine(MARKET)
    work = Work(engine, gateway.feed, ChannelHealth(), EngineSettings(), 1.0)
    work.start(0)
    turn = work.turn(0)
    assert not turn.ended
    assert work.standing(0).status == "stale"
    gateway.image()
    gateway.say(envelope.TOLD, b"heard ")
    work.turn(NS_PER_S)
    assert work.standing().status == "warming"
    gateway.say(envelope.TOLD, b"lost closed: 1012")
    work.turn(2 * NS_PER_S)
    assert gateway.feed.outage == "lost: closed: 1012"
    assert work.standing(NOW_NS).status == "stale"


def test_the_book_of_a_connection_that_is_gone_is_none_of_the_next_until_its_image_comes(gateway):
    gateway.image()
    gateway.say(envelope.TOLD, b"heard ")
    assert not gateway.feed.degraded(0)
    for word in (b"lost closed: 1012", b"lost HTTP 503", b"heard "):
        gateway.say(envelope.TOLD, word)
    assert not gateway.feed.outage
    assert gateway.feed.degraded(0)
    assert gateway.feed.losses()["depth"].gaps == 1
    gateway.image()
    assert not gateway.feed.degraded(0)


def test_a_gateway_that_says_nothing_is_told(gateway):
    gateway.say(envelope.TOLD, b"heard ")
    assert not gateway.feed.outage
    gateway.feed.kernel_at(gateway.now_ns + GATEWAY_SILENT_NS)
    assert not gateway.feed.outage
    gateway.feed.kernel_at(gateway.now_ns + GATEWAY_SILENT_NS + 1)
    assert gateway.feed.outage == "gateway.dydx does not answer"


def test_nothing_is_known_beyond_what_the_gateway_has_said(gateway):
    gateway.say(envelope.BEAT, envelope.pack_beat(NOW_NS), NOW_NS + NS_PER_S)
    assert gateway.feed.kernel_at(NS_PER_S + 10) == NOW_NS + NS_PER_S
    assert gateway.feed.kernel_at(3 * NS_PER_S) == NOW_NS + 2 * NS_PER_S


def test_all_is_known_up_to_when_all_was_passed_on_where_nothing_is_on_the_way(gateway, tmp_path):
    page = PassedPage(tmp_path / "gateway.dydx.passed")
    page.want(MARKET)
    gateway.say(envelope.BEAT, envelope.pack_beat(NOW_NS), NOW_NS)  # it looks for the page
    page.sent([(MARKET, NOW_NS + 1, b"")])
    gateway.say(envelope.TOLD, b"heard ", NOW_NS + 1)
    page.all_sent(NOW_NS + 50)
    assert gateway.feed.kernel_at(50) == NOW_NS + 50
    page.sent([(MARKET, NOW_NS + 60, b"")])
    page.all_sent(NOW_NS + 70)
    assert gateway.feed.kernel_at(70) == NOW_NS + 50
    gateway.say(envelope.TOLD, b"heard ", NOW_NS + 60)
    assert gateway.feed.kernel_at(70) == NOW_NS + 70


def test_a_book_without_an_image_is_asked_for_at_once_and_then_more_and_more_seldom(gateway):
    gateway.say(envelope.TOLD, b"heard ")
    for second in range(20):
        gateway.now_ns = (1 + second) * NS_PER_S
        gateway.say(envelope.BEAT, envelope.pack_beat(NOW_NS), NOW_NS + second * NS_PER_S)
    asked = [gateway.socket.recv() for _ in range(4)]  # at 0, 2, 6 and 14 s
    assert asked == [envelope.RENEW + b"BTC-USD\0"] * 4
    assert not gateway.socket.poll(0)


def test_a_book_that_stays_crossed_is_asked_for_and_one_that_mends_is_not(gateway):
    gateway.say(envelope.TOLD, b"heard ")
    gateway.socket.recv()  # it had none yet
    for crossed_s, asked in ((1, 0), (7, 2)):  # at 2 and at 6 s
        gateway.image(contents={"bids": [{"price": "101", "size": "1"}], "asks": LEVELS["asks"]})
        begun_ns = gateway.now_ns
        for second in range(crossed_s + 1):
            gateway.now_ns = begun_ns + second * NS_PER_S
            gateway.say(envelope.BEAT, envelope.pack_beat(NOW_NS))
        assert gateway.feed.degraded(0)
        gateway.image()
        assert [gateway.socket.recv() for _ in range(asked)] == [envelope.RENEW + b"BTC-USD\0"] * asked
        assert not gateway.socket.poll(0)


def test_a_message_of_the_gateway_that_is_missing_spoils_the_book_until_its_next_image(gateway):
    gateway.say(envelope.TOLD, b"heard ")
    gateway.image()
    assert not gateway.feed.degraded(0)
    gateway.sequence += 1
    gateway.say(envelope.TOLD, b"heard ")
    assert gateway.feed.degraded(0)
    assert gateway.feed.faults == {"frames_lost": 1, "book_gap": 1}
    gateway.image()
    assert not gateway.feed.degraded(0)


def test_every_message_says_how_each_channel_stands(gateway):
    work = Work(SignalEngine(MARKET), gateway.feed, ChannelHealth(), EngineSettings(), 1.0)
    work.start(0)
    gateway.say(envelope.TOLD, b"heard ")
    gateway.image()
    for second in range(40):
        time_ns = NOW_NS + second * NS_PER_S
        gateway.trade(second, time_ns, time_ns - (50 if second else 20) * NS_PER_MS)
    work.turn(gateway.now_ns)
    health = work.standing(NOW_NS + 45 * NS_PER_S).health
    book = Channel(age_ms=45_000, gaps=0, snapshots=1)  # dYdX's book has no time of its own
    assert health == Health(
        trades=Channel(age_ms=6_000, venue_age_ms=6_030, limit_ms=11_000),
        quotes=book,
        depth=book,
        connection=1,
        clock_ms=20,
    )


def test_trades_that_stop_while_the_book_goes_on_are_named_with_their_limit(gateway):
    work = Work(SignalEngine(MARKET), gateway.feed, ChannelHealth(), EngineSettings(), 1.0)
    work.start(0)
    gateway.say(envelope.TOLD, b"heard ")
    for tenth in range(60):
        time_ns = NOW_NS + tenth * 100 * NS_PER_MS
        gateway.trade(tenth, time_ns, time_ns - NS_PER_MS)
    last_ns = time_ns
    gateway.image(last_ns + 2_000 * NS_PER_MS)
    work.turn(gateway.now_ns)
    assert work.standing(last_ns + 2_000 * NS_PER_MS).status == "warming"
    standing = work.standing(last_ns + 2_100 * NS_PER_MS)
    assert standing.status == "stale"
    assert standing.health.reason == "trades silent for 2.1 s, over 2.0"


def test_what_is_lost_is_counted_by_channel_and_why_is_told(gateway):
    work = Work(SignalEngine(MARKET), gateway.feed, ChannelHealth(), EngineSettings(), 1.0)
    gateway.say(envelope.TOLD, b"lost not connected yet")
    gateway.say(envelope.TOLD, b"heard ")
    gateway.image()
    gateway.sequence += 1
    gateway.trade(1, NOW_NS, NOW_NS - 1)
    work.turn(gateway.now_ns)
    standing = work.standing(NOW_NS)
    assert standing.status == "degraded"
    assert standing.health.reason == "updates of the book are missing: waiting for an image"
    assert [each.gaps for each in (standing.health.trades, standing.health.quotes)] == [1, 1]
    gateway.say(envelope.TOLD, b"lost closed: 1012")
    assert gateway.feed.losses()["trades"].gaps == 2
    assert [re.split("[,(]", line)[0].strip() for line in gateway.feed.news_of_faults()] == [
        "1 x frames_lost",
        "1 x book_gap",
        "1 x market_lost",
    ]
    assert gateway.feed.news_of_faults() == []


def test_a_message_that_is_none_of_a_gateways_costs_itself_and_what_it_may_have_been(gateway):
    gateway.say(envelope.TOLD, b"heard ")
    gateway.image()
    topic = envelope.topic_of(MARKET)
    for message in (topic, topic + b"short", topic + b"x" * 24):
        gateway.socket.send(message)
        assert gateway.feed.inlet.wait(10_000)
        gateway.feed.kernel_at(gateway.now_ns)
    assert gateway.feed.faults == {"envelope_malformed": 3}
    assert not gateway.feed.degraded(0)
    gateway.sequence += 3
    gateway.say(envelope.TOLD, b"heard ")
    assert gateway.feed.faults["frames_lost"] == 1
    assert gateway.feed.degraded(0)


def test_a_silent_market_is_looked_up_now_and_then_and_is_halted_until_something_comes(gateway):
    gateway.image()
    gateway.say(envelope.TOLD, b"heard ")
    for second in (1, 2, 599, 601, 602):
        gateway.feed.doubt(second * NS_PER_S)
    assert [gateway.socket.recv() for _ in range(2)] == [envelope.DOUBT + b"BTC-USD\0"] * 2
    assert not gateway.socket.poll(0)
    gateway.say(envelope.TOLD, b"halted delisted")
    gateway.image()  # orders may be taken back still
    assert gateway.feed.outage == "halted by the venue: delisted"
    gateway.trade(1, NOW_NS, NOW_NS - 1)
    assert not gateway.feed.outage
    assert not gateway.feed.losses()["trades"].gaps


def test_a_market_is_looked_up_where_all_of_its_channels_are_silent():
    heard, silent = Channel(age_ms=10, limit_ms=2_000), Channel(age_ms=2_001, limit_ms=2_000)
    assert is_all_silent(Health(trades=silent, depth=silent))
    assert not is_all_silent(Health(trades=silent, depth=heard))
    assert not is_all_silent(Health(trades=silent, depth=Channel(age_ms=9_000)))  # by no standard yet
    assert not is_all_silent(Health())


def test_what_is_gone_through_before_the_fork_leaves_no_fault(monkeypatch):
    feeds = []
    monkeypatch.setattr(LiveFeed, "losses", lambda feed: feeds.append(feed) or {})
    rehearse()
    assert not feeds[-1].faults
    assert not feeds[-1].degraded(0)


def test_what_was_fetched_is_read_as_in_a_capture_and_addresses_go_to_the_decoder(gateway, monkeypatch):
    told: list[object] = []
    decoder = gateway.feed._decoder._older.decoder
    monkeypatch.setattr(decoder, "decode_reply", lambda *what: (told.append(what), ())[1])
    monkeypatch.setattr(decoder, "on_address", told.append)
    gateway.say(envelope.ANSWER, envelope.pack_answer("https://venue/depth", b"{}"))
    gateway.say(envelope.ADDRESS, b"wss://venue/public")
    gateway.say(envelope.FRAME, b'{"type":"pong"}')
    gateway.say(envelope.FRAME, b'{"type":"pong"}')
    assert told == [("https://venue/depth", b"{}", NOW_NS), "wss://venue/public"]


def test_a_position_goes_on_in_time_and_another_feeds_is_refused(gateway):
    gateway.image()
    gateway.feed.take(2**63 - 1, 10)
    position = gateway.feed.position
    assert position == {"live": ["dydx", MARKET], "time_ns": NOW_NS}
    gateway.feed.seek(position)
    for other in ({}, {**position, "live": ["dydx", "ETH-USD"]}, {**position, "time_ns": "now"}):
        with pytest.raises(CheckpointError):
            gateway.feed.seek(other)


def test_a_market_that_gets_a_gateway_of_its_own_goes_on_where_it_was(gateway, tmp_path):
    settings = FeedSettings(kind="live", venue="dydx", gateway="own")
    own = open_feed(MarketSettings(market=MARKET, feed=settings), tmp_path, tmp_path)
    own.seek({**gateway.feed.position, "time_ns": NOW_NS})
    assert own.position == {"live": ["dydx", MARKET], "time_ns": NOW_NS}


def test_gateways_that_start_at_once_all_have_their_clock(tmp_path):
    path, children, times = tmp_path / "gateways.clock", list[int](), drawn(50, 200)
    for _ in range(4):
        children.append(os.fork())
        if not children[-1]:
            failed = 1
            with contextlib.suppress(BaseException):
                failed = sum(agreed_offset_ns(path, 1_000 + each, 100) < 900 for each in range(times))
            os._exit(min(failed, 1))
    assert [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children] == [0] * 4
    assert [each.name for each in tmp_path.iterdir()] == ["gateways.clock"]


def test_the_gateways_clock_never_falls_when_the_wall_clock_is_set_back(tmp_path):
    path = tmp_path / "gateways.clock"
    assert agreed_offset_ns(path, 1_000, 100) == 900
    assert agreed_offset_ns(path, 500, 200) == 900
    assert agreed_offset_ns(path, 2_000, 300) == 1_700


def test_a_gateway_that_starts_on_a_full_disk_has_the_others_clock(tmp_path):
    path = tmp_path / "gateways.clock"
    unwritten = tmp_path / f"gateways.clock.{os.getpid()}.partial"
    unwritten.mkdir()
    with pytest.raises(OSError, match="partial"):
        agreed_offset_ns(path, 1_000, 100)
    unwritten.rmdir()
    agreed_offset_ns(path, 1_000, 100)
    unwritten.mkdir()
    assert agreed_offset_ns(path, 500, 200) == 900
    assert agreed_offset_ns(path, 2_000, 300) == 900


def test_a_market_is_mute_that_was_agreed_to_and_of_which_nothing_has_come_for_a_minute():
    world = Virtual("bitstamp")
    world.venue.script.silent |= {(world.symbol, what) for what in ("book", "trades")}
    world.run(59.0, NS_PER_S)
    assert not world.feed.outage
    assert not world.feed.is_mute
    world.run(5.0, NS_PER_S)
    assert world.feed.is_mute
    world.venue.script.silent.clear()
    world.until_sound()
    assert not world.feed.is_mute
