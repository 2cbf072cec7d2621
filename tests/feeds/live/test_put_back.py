"""What somebody removes of a gateway's in the runtime directory is made again: some cleaner of old files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from signalnode import logs
from signalnode.bus.xsub import Xsub
from signalnode.feeds.live import envelope
from signalnode.feeds.live.gateway import TOLD_CALLS, FrameOutlet
from signalnode.feeds.live.passed import Passed, passed_path
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.relief import Crew, Relief
from signalnode.feeds.live.seat import Seat
from signalnode.names import ipc_path
from tests.effort import PATIENCE_MS
from tests.feeds.live.made_up import MadeUp

GATEWAY = "gateway.dydx"


class Link:
    def beat(self, **facts: Any) -> None:
        pass


def _replaced(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"of somebody else")


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    made = Seat(tmp_path, GATEWAY, may_wait=False)
    made.take()
    yield made
    made.leave()


@pytest.fixture
def outlet(seat: Seat) -> Iterator[FrameOutlet]:
    made = FrameOutlet(seat.endpoint, 0, Link(), logs.logger(gateway=GATEWAY))
    yield made
    made.close()


@pytest.mark.parametrize("gone", [Path.unlink, _replaced])
def test_a_gateway_is_found_again_by_engines_that_come_later(
    seat: Seat, outlet: FrameOutlet, tmp_path: Path, gone: Callable[[Path], None]
) -> None:
    crew = Crew(seat.keep, seat.take, seat.let_go, lambda: None)
    relief, endpoint = (
        Relief(Pool(MadeUp(), Random(1)), crew, None),
        envelope.frames_endpoint(tmp_path, GATEWAY),
    )
    outlet.pass_time(None, relief)
    known = sorted(tmp_path.iterdir())
    path = ipc_path(seat.endpoint)
    assert path is not None
    for each in (path, passed_path(seat.endpoint)):
        gone(each)
    for each in known:
        if each.is_symlink() or each.suffix == ".lock":
            each.unlink()
    relief.turn(1)
    for _ in range(TOLD_CALLS):
        outlet.pass_time(None, relief)
    assert sorted(tmp_path.iterdir()) == known
    engine, page = Xsub((envelope.BEAT_TOPIC,)), Passed(passed_path(endpoint), "BTC-USD")
    engine.connect(endpoint)
    page.open()
    came = list[bytes]()
    for _ in range(PATIENCE_MS):
        outlet.pass_time(None, relief)
        assert list(outlet.requests()) == []
        engine.wait(1)
        if came := engine.receive(10):
            break
    outlet.pass_time(None, relief)
    assert page.time_ns() > envelope.unpack(came[0])[0].time_ns
    engine.close()
    page.close()


def test_a_name_that_leads_to_who_came_to_relieve_us_is_left(seat: Seat, tmp_path: Path) -> None:
    seat.let_go()
    links = [each for each in tmp_path.iterdir() if each.is_symlink()]
    led = [os.readlink(each) for each in links]
    seat.keep()
    assert [os.readlink(each) for each in links] == led
