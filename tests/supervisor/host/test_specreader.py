"""A config that cannot be read to its end, in a real thread that waits for a real pipe; time is passed in."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.core.messages import Asked
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.host.specreader import READ_TIMEOUT_NS, SpecReader
from signalnode_supervisor.spec import ChildSpec
from tests.supervisor.harness import eventually


class Disk:
    """A reader whose file is on a disk that does not answer until `answers`."""

    def __init__(self, pipe: Path) -> None:
        os.mkfifo(pipe)
        self._pipe = pipe
        self._poller = Poller()
        self.told: list[Asked] = []
        self.begun = threading.Event()
        self.reader = SpecReader(self._poller, self._read, self.told.append)

    def _read(self, _names: tuple[str, ...]) -> tuple[ChildSpec, ...]:
        path = self._pipe
        self.begun.set()
        return (ChildSpec(name=path.read_text(), target="a:b"),)

    def answers(self, text: str) -> None:
        """The reading under way is given what it waits for."""
        self._pipe.write_text(text)

    def turn(self) -> None:
        self._poller.wait(0.01)

    def later(self) -> None:
        self.reader.tick(monotonic_ns() + READ_TIMEOUT_NS)

    def close(self) -> None:
        self.reader.close()
        self._poller.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "A-USD.toml")
    yield made
    made.close()


def test_a_disk_that_is_gone_is_named_and_holds_up_nobody(disk: Disk, tmp_path: Path) -> None:
    disk.reader.take(Asked(1, "reload"))
    disk.reader.take(Asked(2, "stop", ("a",)))
    disk.reader.tick(monotonic_ns())
    assert disk.told == [], "nothing is given up before its time"
    disk.begun.wait()
    disk.later()
    assert [each.request for each in disk.told] == [1, 2]
    assert disk.told[0].fault == f"{tmp_path}/A-USD.toml has not been read within 30 s; is its disk gone?"
    assert disk.told[1].fault == ""
    assert disk.reader.next_deadline_ns() is None
    disk.reader.take(Asked(3, "reload"))
    disk.reader.take(Asked(4, "stop", ("b",)))
    assert "A-USD.toml has not been read within 30 s, and still is not" in disk.told[2].fault
    assert disk.told[3].fault == ""
    disk.answers("late")
    eventually(lambda: disk.turn() or not disk.reader._stuck, "the reading ended")
    assert len(disk.told) == 4, "nobody waits for that answer any more"


def test_a_disk_that_is_back_is_read_again(disk: Disk) -> None:
    disk.reader.take(Asked(1, "reload"))
    disk.later()
    disk.answers("late")
    eventually(lambda: disk.turn() or not disk.reader._stuck, "the reading ended")
    disk.reader.take(Asked(2, "reload"))
    disk.answers("new")
    eventually(lambda: disk.turn() or len(disk.told) == 2, "the answer")
    specs = disk.told[1].specs
    assert specs is not None
    assert [spec.name for spec in specs] == ["new"]
