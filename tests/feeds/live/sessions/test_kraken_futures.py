"""Kraken Futures' words; every frame of a recording finds its market."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from signalnode.feeds.faults import Faults
from signalnode.feeds.files.framing import unwrap
from signalnode.feeds.files.lines import read_lines
from signalnode.feeds.live.sessions.base import OLDEST, Heard
from signalnode.feeds.live.sessions.kraken_futures import VENUE

EXCERPT = Path("tests/data/venues/kraken_futures_ltc_xrp.jsonl.zst")
SYMBOLS = {"PI_LTCUSD", "PI_XRPUSD"}


def test_every_frame_of_a_recording_finds_its_market():
    found = Counter(
        VENUE.hear(held.frame, SYMBOLS)[:3]
        for line in read_lines(EXCERPT, Faults())
        if (held := unwrap(line.text)) is not None and not held.address
    )
    assert found.pop(("greeting", "", "")) == 1
    assert found["data", "PI_LTCUSD", "book"] > 400
    assert found["data", "PI_XRPUSD", "trade"] > 0
    assert found["subscribed", "PI_XRPUSD", "book"] == 1
    assert {symbol for what, symbol, _ in found if what != "noise"} == SYMBOLS


@pytest.mark.parametrize(
    ("market", "symbol"),
    [("BTC-USD", "PF_XBTUSD"), ("ETH-USD", "PF_ETHUSD"), ("fi_xbtusd_261225", "FI_XBTUSD_261225")],
)
def test_a_market_of_ours_is_the_linear_perpetual(market, symbol):
    assert VENUE.symbol(market) == symbol


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Invalid product id", "refused"),
        ("Not subscribed to feed", "refused"),
        ("Already subscribed to feed, re-requesting", "subscribed"),
        ("Json Error", "failed"),
    ],
)
def test_an_error_names_nothing_and_is_about_the_oldest_request(message, what):
    frame = b'{"event":"error","message":"%s"}' % message.encode()
    assert VENUE.hear(frame, SYMBOLS) == Heard(what, detail=message, number=OLDEST)


def test_what_cannot_be_left_is_left():
    frame = b'{"event":"unsubscribed_failed","feed":"book","product_ids":["PI_LTCUSD"]}'
    assert VENUE.hear(frame, SYMBOLS)[:3] == ("unsubscribed", "PI_LTCUSD", "book")


def test_a_heartbeat_is_no_market_s():
    for frame in (b'{"feed":"heartbeat","time":1534262350627}', b'{"event":"subscribed","feed":"heartbeat"}'):
        assert VENUE.hear(frame, SYMBOLS).what == "noise"
