"""A Layer 5 that begins elsewhere goes on with what its strategies hold: nothing is decided again."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import msgspec

from signalnode.aggregator import states
from signalnode.aggregator.core import Outcome
from signalnode.aggregator.journal import Journal
from signalnode.bus.wire import ViewMessage
from tests.aggregator.conftest import DEADLINE_S, THRESHOLD, Scene
from tests.aggregator.test_living_strategies import Play
from tests.forked import Forked

GRANT = 1_764_230_400


def view(epoch: int, seq: int) -> ViewMessage:
    return ViewMessage(
        v=1,
        epoch=epoch,
        seq=seq,
        time_published_ns=1,
        markets={},
        regime={},
        measures={},
        relations={},
        strategies={},
    )


def packed(held: Any) -> dict[str, msgspec.Raw]:
    return {"mine": msgspec.Raw(msgspec.msgpack.encode(held))}


def held(directory: Path) -> Any:
    return {name: msgspec.msgpack.decode(raw) for name, raw in states.begun(directory).items()}


def test_of_journal_and_file_the_newer_one_counts(tmp_path: Path) -> None:
    assert held(tmp_path) == {}
    states.keep(tmp_path, Outcome(view(1, 5), [], states=packed("file")))
    assert held(tmp_path) == {"mine": "file"}
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(1, 6), [], packed("journal"))
    assert held(tmp_path) == {"mine": "journal"}
    states.keep(tmp_path, Outcome(view(2, 1), [], states=packed("of a later epoch")))
    assert held(tmp_path) == {"mine": "of a later epoch"}


def test_a_file_that_is_torn_is_passed_over(tmp_path: Path) -> None:
    states.keep(tmp_path, Outcome(view(1, 5), [], states=packed("file")))
    path = states.states_path(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    assert held(tmp_path) == {}


def test_what_was_entered_is_not_entered_again_where_only_the_states_were_brought(scene: Scene) -> None:
    def begin(grant: int) -> Forked:
        shard = f'[shard]\nname = "layer5"\ngrant = {grant}\n'
        scene.configure("A", "B", strategies=f"{THRESHOLD}\n{shard}")
        return scene.start()

    first, directory = begin(GRANT), scene.directory / "state" / "aggregator"
    with scene.subscribe(kinds=("decision", "view")) as heard:
        play = Play(scene, heard, "threshold")
        play.until_decided("A")
        assert play.decided == [("enter", "A")]
        first.send_signal(signal.SIGKILL)
        first.wait(DEADLINE_S)
        kept = states.states_path(directory).read_bytes()
        shutil.rmtree(scene.directory / "state")  # of another host
        directory.mkdir(parents=True)
        states.states_path(directory).write_bytes(kept)
        begin(GRANT + 1)
        play.until(lambda m: isinstance(m, ViewMessage) and m.seq >= 4 and m.markets["A"].state == "fresh")
        play.levels["B"] = 95.0
        play.until_decided("B")
        play.levels["A"] = 5.0
        play.until(lambda _: len(play.decided) > 2)
    assert play.decided == [("enter", "A"), ("enter", "B"), ("exit", "A")]
