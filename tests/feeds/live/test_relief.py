"""A gateway's process taking another's place: who does what when, in time made up."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from signalnode.clock import NS_PER_S
from signalnode.errors import AlreadyRunningError
from signalnode.feeds.live.actions import Address, Beside, Deliver, Moved
from signalnode.feeds.live.envelope import Heir
from signalnode.feeds.live.pool import OVERLAP_S, Pool, Step
from signalnode.feeds.live.relief import ELDER_SILENT_S, NUMBERS, RELIEF, RELIEF_S_MAX, Crew, Relief, ended
from signalnode.feeds.live.seat import Seat
from signalnode.names import ipc_path
from tests.feeds.live.made_up import MadeUp, said


class Elder:
    """Says what it is told to say."""

    def __init__(self) -> None:
        self.says: Heir | None = Heir(7, 5_000, 2)
        self.gone = False

    def word(self) -> Heir | None:
        return self.says

    def is_gone(self) -> bool:
        return self.gone


class Young:
    """A process that relieves another, with a pool of its own."""

    def __init__(self, elder: Elder | None) -> None:
        self.done: list[str] = []
        crew = Crew(*(lambda name=name: self.done.append(name) for name in Crew._fields))
        self.pool = Pool(MadeUp(), Random(1))
        self.relief = Relief(self.pool, crew, elder)
        self.now_s = 0.0

    def want(self, symbol: str) -> None:
        self.relief.want(symbol)
        self.pool.want(symbol)
        self.pool.on_time(int(self.now_s * NS_PER_S))
        self.pool.sessions[0].on_opened(int(self.now_s * NS_PER_S))

    def agree(self) -> None:
        """The venue says yes to all that is asked."""
        session, now_ns = self.pool.sessions[0], int(self.now_s * NS_PER_S)
        for _ in range(100):
            now_ns += NS_PER_S // 100
            session.on_time(now_ns)
            session.on_frame(said("subscribed", number=-1), now_ns)

    def turn(self, after_s: float = 0.0) -> list[Step]:
        self.now_s += after_s
        return self.relief.turn(int(self.now_s * NS_PER_S) + NS_PER_S)


@pytest.fixture
def elder() -> Elder:
    return Elder()


@pytest.fixture
def young(elder: Elder) -> Young:
    return Young(elder)


def test_every_state_is_reached_but_those_of_a_beginning_and_left() -> None:
    assert set(RELIEF.values()) == {before for before, _ in RELIEF} - {"asking"}


def test_a_gateway_that_relieves_nobody_is_ready_at_once() -> None:
    alone = Young(None)
    assert (alone.relief.state, alone.done) == ("chief", ["take", "ready"])
    assert alone.turn() == []


def test_a_new_one_numbers_its_connections_behind_the_old_ones(young: Young) -> None:
    assert young.relief.state == "asking"
    young.turn()
    assert (young.relief.state, young.pool.newest) == ("beside", 5_000)
    assert young.done == ["take"]


def test_a_market_is_told_of_a_connection_beside_before_anything_comes_over_it(young: Young) -> None:
    young.turn()
    young.want("A")
    steps = [Step(0, 9, Address("A", "")), Step(0, 9, Deliver("A", b"")), Step(0, 9, Address("B", ""))]
    assert list(young.relief.passed(steps)) == [Step(0, 9, Beside("A")), *steps]


def test_a_market_moves_when_all_of_it_has_come_for_as_long_as_the_overlap(young: Young) -> None:
    young.turn()
    young.want("A")
    assert young.turn(1.0) == []
    young.pool.is_settled = lambda _symbol: True  # type: ignore[method-assign]
    assert young.turn() == []
    assert young.turn(OVERLAP_S - 0.1) == []
    moved = [step for step in young.turn(0.2) if isinstance(step.action, Moved)]
    assert moved == [Step(0, 5_001, Moved("A", True))]
    assert young.turn(1.0) == [], "once"
    assert "ready" not in young.done, "the old one still has markets that are heard"


@pytest.mark.parametrize("how", ["none left", "gone", "silent", "too late"])
def test_it_counts_when_the_old_one_has_nothing_left_or_is_no_good(
    how: str, young: Young, elder: Elder
) -> None:
    young.turn()
    young.want("A")
    elder.gone = how == "gone"
    elder.says = None if how == "silent" else Heir(7, 5_000, 0 if how == "none left" else 2)
    for _ in range(int(RELIEF_S_MAX) if how == "too late" else 0):
        assert young.turn(1.0) == []
    moved = young.turn(ELDER_SILENT_S + 0.1 if how == "silent" else 0.1)
    assert [step.action for step in moved if isinstance(step.action, Moved)] == [Moved("A", True)]
    assert young.relief.state == "chief"
    assert young.done[-1] == "ready"


def test_an_old_one_lets_go_of_its_seat_tells_who_comes_and_makes_no_handover_of_its_own() -> None:
    old = Young(None)
    old.relief.stand_by(9, lambda: False)
    assert (old.relief.state, old.done) == ("standing_by", ["take", "ready", "let_go"])
    assert old.relief.heir(3) == Heir(9, NUMBERS, 3)


def test_an_old_one_goes_on_where_who_came_is_gone_and_is_dialled_again_only_after_it_was_told() -> None:
    old, gone = Young(None), False
    old.want("A")
    old.relief.stand_by(9, lambda: gone)
    assert old.turn() == []
    gone = True
    assert [step.action for step in old.turn()] == [Moved("A", False)]
    assert (old.relief.heir(1), old.done[-1]) == (Heir(0, 0, 0), "hold")
    old.turn(1.1)
    assert (old.relief.state, old.done[-2:], old.relief.heir(1)) == ("chief", ["take", "hold"], None)


def test_a_process_that_is_not_there_has_ended() -> None:
    assert ended(2**22 + 1)()
    assert not ended(os.getpid())()


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    made = Seat(tmp_path, "gateway.x", may_wait=False)
    made.take()
    yield made
    made.leave()
    assert not list(tmp_path.iterdir())


def test_both_names_of_a_seat_lead_to_whoever_was_let_have_it(seat: Seat, tmp_path: Path) -> None:
    names = [tmp_path / f"gateway.x.{what}" for what in ("frames", "frames~", "passed", "passed~")]

    def led_to() -> set[str]:
        return {os.readlink(name) for name in names}

    with pytest.raises(AlreadyRunningError):
        Seat(tmp_path, "gateway.x", may_wait=False)
    other = Seat(tmp_path, "gateway.x", may_wait=True)
    assert other.elder == seat.endpoint != other.endpoint
    assert led_to() == {"gateway.x.frames.0", "gateway.x.passed.0"}
    seat.let_go()
    other.hold()
    assert led_to() == {"gateway.x.frames.1", "gateway.x.passed.1"}
    seat.leave()
    assert all(name.is_symlink() for name in names), "they are the other's"
    other.leave()


def test_who_comes_after_one_that_died_on_the_way_waits_for_the_old_one_and_takes_no_socket_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Seat(tmp_path, "gateway.x", may_wait=False)
    old.take()
    path = ipc_path(old.endpoint)
    assert path is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        old.let_go()  # to one that dies before it has taken over
        looks: list[int] = []

        def pause(_wait_ns: int) -> None:
            looks.append(1)
            old.take()  # it returns

        monkeypatch.setattr("signalnode.feeds.live.seat.pause", pause)
        other = Seat(tmp_path, "gateway.x", may_wait=True)
        assert (other.elder, len(looks)) == (old.endpoint, 1)
        assert other.endpoint != old.endpoint
    path.unlink()
    assert Seat(tmp_path, "gateway.y", may_wait=True).elder == "", "nobody is there"
