"""What Layer 5 has learnt goes with it to another host, and never is older than what lies there."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from signalnode import logs
from signalnode.aggregator.journal import journal_dir
from signalnode.aggregator.kept import outcomes_path
from signalnode.aggregator.states import states_path
from signalnode.cluster import shipping
from signalnode.cluster.config import Home
from signalnode.cluster.learnt import AGAIN_S, ASKED_MAX, HELD, LEARNT, NAME, PARTS, Learnt, of_shards
from signalnode.cluster.shipping import shipment_of
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.panels.alerts.process import told_path
from signalnode.settings import NodeSettings

START = 1_764_230_400


class Store(CheckpointStore):
    """One that is away for so many tries."""

    away = 0

    def names(self) -> list[str]:
        if self.away > 0:
            raise ClusterError("it gives no answer")
        return super().names()


class Places:
    """Hosts by name, with one store for all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(f"file://{folder}/store")

    def home(self, host: str, start: int = START) -> Home:
        return Home(self.folder / host, NAME, start)

    def begin(self, host: str, start: int) -> Learnt:
        made = Learnt(self.home(host, start), self.store, logs.logger())
        self.waited_ns: list[int] = []
        made.fetch(self.wait)
        return made

    def wait(self, wait_ns: int) -> None:
        """What a start does while the store is away."""
        self.waited_ns.append(wait_ns)
        self.store.away -= 1

    def write(self, host: str, **files: bytes) -> None:
        for stem, content in files.items():
            path = self.path(host, stem)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def path(self, host: str, stem: str) -> Path:
        files = {file: folder for part in PARTS.values() for file, folder in part.items()}
        (file,) = [file for file in files if file.partition(".")[0] == stem]
        return self.home(host).kept / files[file] / file

    def read(self, host: str, stem: str) -> bytes:
        return self.path(host, stem).read_bytes()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_another_host_goes_on_from_what_was_shipped(places: Places) -> None:
    first = places.begin("a", START)
    places.write("a", outcomes=b"much", states=b"long", told=b"{}")
    first.ship()
    places.begin("b", START + 1)
    assert [places.read("b", stem) for stem in ("outcomes", "states", "told")] == [b"much", b"long", b"{}"]


def test_on_its_own_host_what_lies_there_is_newer_than_what_was_shipped(places: Places) -> None:
    places.begin("a", START).ship()
    places.write("a", outcomes=b"some")
    places.begin("a", START).ship()
    places.write("a", outcomes=b"more")
    places.begin("a", START + 1)
    assert places.read("a", "outcomes") == b"more"


def test_a_host_that_had_it_before_goes_on_from_the_one_that_had_it_since(places: Places) -> None:
    places.begin("a", START)
    places.write("a", outcomes=b"old", states=b"old")
    second = places.begin("b", START + 1)
    places.write("b", outcomes=b"new", states=b"new")
    second.ship()
    places.begin("a", START + 2)
    assert (places.read("a", "outcomes"), places.read("a", "states")) == (b"new", b"new")


def test_a_start_that_is_over_and_ships_yet_is_not_gone_on_from(places: Places) -> None:
    old = places.begin("a", START)
    places.write("b", outcomes=b"new")
    places.begin("b", START + 1).ship()
    places.write("a", outcomes=b"old")
    old.ship()
    places.begin("c", START + 2)
    assert places.read("c", "outcomes") == b"new"


def test_of_a_torn_bundle_the_one_before_is_taken(places: Places) -> None:
    first = places.begin("a", START)
    for content in (b"one", b"two"):
        places.write("a", outcomes=content + content)
        places.path("a", "outcomes").touch()
        first._shipped.clear()
        first.ship()
    newest = max(name for name in places.store.names() if name.startswith(f"{LEARNT}/"))
    places.store.write(newest, b"half of it")
    places.begin("b", START + 1)
    assert places.read("b", "outcomes") == b"oneone"


def test_only_what_has_changed_is_shipped_and_little_is_left_in_the_store(places: Places) -> None:
    learnt = places.begin("a", START)
    places.write("a", outcomes=b"same", states=b"0")
    for number in range(40):
        places.write("a", states=b"%0*d" % (number + 1, number))
        learnt.ship()
    shipped = [found for found in map(shipment_of, places.store.names()) if found]
    assert [each.number for each in shipped if each.shard == LEARNT] == [1]
    assert max(each.number for each in shipped if each.shard == HELD) == 40
    for number in range(5):
        places.write("a", outcomes=b"x" * number)
        learnt.ship()
    ours = [each for each in map(shipment_of, places.store.names()) if each and each.shard == LEARNT]
    assert len(ours) <= shipping.KEPT


def test_without_the_store_it_goes_on_with_what_its_host_has_and_says_so(places: Places) -> None:
    places.write("a", outcomes=b"mine")
    (places.folder / "store").write_text("no directory")
    learnt = places.begin("a", START)
    assert places.read("a", "outcomes") == b"mine"
    learnt.ship()
    assert "cannot be written" in learnt.unshipped
    (places.folder / "store").unlink()
    learnt.ship()
    assert learnt.unshipped == ""


def test_a_store_that_is_back_in_time_is_gone_on_from(places: Places) -> None:
    learnt = places.begin("a", START)
    places.write("a", outcomes=b"learnt")
    learnt.ship()
    places.store.away = ASKED_MAX - 1
    places.begin("b", START + 1)
    assert places.read("b", "outcomes") == b"learnt"
    assert places.waited_ns == [AGAIN_S * 1_000_000_000] * (ASKED_MAX - 1)


def test_one_that_stays_away_is_asked_so_often_and_the_log_says_what_is_missing(places: Places) -> None:
    places.store.away = 2 * ASKED_MAX
    with capture_logs() as told:
        learnt = places.begin("b", START)
    assert len(places.waited_ns) == ASKED_MAX - 1
    (loud,) = [each for each in told if each["event"] == "layer 5 starts without what was shipped"]
    assert loud["log_level"] == "error"
    assert loud["what"].startswith("it begins cold")
    assert learnt.unshipped == "it gives no answer"


def test_what_is_too_large_is_told_and_the_rest_is_shipped(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = places.begin("a", START)
    places.write("a", outcomes=b"x" * 100, states=b"y")
    for module in (shipping, __import__("signalnode.cluster.learnt", fromlist=["learnt"])):
        monkeypatch.setattr(module, "MARKET_BYTES_MAX", 10)
    learnt.ship()
    assert "cannot be shipped" in learnt.unshipped
    assert [name.partition("/")[0] for name in places.store.names()] == [HELD]


def test_a_shard_looks_for_its_markets_elsewhere() -> None:
    names = [f"{name}/grant-1764230400/000000000001.bundle" for name in ("shard-0001", LEARNT, HELD)]
    assert of_shards(names) == names[:1]


def test_its_files_are_those_that_aggregator_and_alerts_write(places: Places) -> None:
    state_dir = places.home("a").kept
    written = {
        outcomes_path(journal_dir(state_dir)),
        states_path(journal_dir(state_dir)),
        told_path(NodeSettings(state_dir=state_dir)),
    }
    assert {places.path("a", stem) for stem in ("outcomes", "states", "told")} == written
