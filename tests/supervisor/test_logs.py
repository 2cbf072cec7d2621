"""A followed log loses nothing and says nothing twice, however it changes under the reader."""

from __future__ import annotations

import json
import random
from itertools import islice
from pathlib import Path

import pytest

from signalnode_supervisor import logs

LOOKS = 40  # of the reader, in one run
CHANGES_MAX = 2  # of the file between two looks: the reader finds what was before, between and after


class Writer:
    """Entries numbered from 0, in a log that changes to a new file whenever told."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0

    def write(self, count: int, *, torn: bool = False) -> None:
        """Append entries; `torn` leaves the last one for the next call to finish."""
        with self.path.open("a") as file:
            for _ in range(count):
                file.write(json.dumps({"n": self.number}) + "\n")
                self.number += 1
            if torn:
                file.write('{"n": ')

    def change(self) -> None:
        """As the logbook does: the file becomes the older one, and a new one comes with the next entry."""
        if self.path.exists():
            self.path.replace(self.path.with_suffix(".log.1"))


@pytest.mark.parametrize("seed", range(20))
def test_a_followed_log_loses_nothing_and_repeats_nothing(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, writer = random.Random(seed), Writer(tmp_path / "a.log")
    writer.write(chance.randrange(5))

    def meanwhile(_s: float) -> None:
        for change in range(chance.randrange(CHANGES_MAX + 1)):
            writer.write(chance.randrange(4) + change)
            writer.change()
        writer.write(chance.randrange(4))

    monkeypatch.setattr(logs, "pause", meanwhile)
    looks = chance.randrange(20, LOOKS)
    heard = [entry["n"] for entry in islice(logs.follow(writer.path, 50, follow=True), looks)]
    assert heard == list(range(looks))


def test_the_last_lines_come_from_both_files(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.log")
    writer.write(10)
    writer.change()
    writer.write(3, torn=True)
    assert [entry["n"] for entry in logs.follow(writer.path, 5)] == [8, 9, 10, 11, 12]


def test_between_two_files_the_older_one_is_read_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.log")
    writer.write(4)
    writer.change()
    assert [entry["n"] for entry in logs.follow(writer.path)] == [0, 1, 2, 3]
    assert list(logs.follow(tmp_path / "none.log")) == []


def named(*numbers: int, name: str = "A") -> list[tuple[str, dict[str, object]]]:
    return [(name, {"time": f"{number:04}"}) for number in numbers]


def test_what_was_written_while_the_logs_were_read_comes_in_its_place() -> None:
    lines = logs.Interleaved()
    assert lines.take(named(3, name="B")) == []  # A was read before 2 was written to it
    assert lines.take(named(2, 4)) == named(2) + named(3, name="B")
    assert lines.take([]) == named(4)
    assert lines.take([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_all_logs_are_one_by_time_also_those_that_come_later(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, clock = random.Random(seed), iter(range(10_000))
    expected: list[tuple[str, int]] = []

    def write(most: int) -> None:
        for _ in range(chance.randrange(most)):
            name, number = chance.choice(("A", "B.log", "node", f"C{len(expected) // 20}")), next(clock)
            path = tmp_path / f"{name}.log"
            if chance.random() < 0.1 and path.exists():
                path.replace(logs.older(path))
            with path.open("a") as file:
                file.write(json.dumps({"time": f"{number:04}", "n": number}) + "\n")
            if name != "node":
                expected.append((name, number))

    write(20)
    shown = max(0, len(expected) - 5)
    monkeypatch.setattr(logs, "pause", lambda _: write(3))
    heard = list(islice(logs.follow_all(tmp_path, 5, follow=True, leave_out=("node",)), LOOKS))
    assert [(name, entry["n"]) for name, entry in heard] == expected[shown : shown + LOOKS]
    at_rest = list(logs.follow_all(tmp_path, 3, leave_out=("node",)))
    assert [(name, entry["n"]) for name, entry in at_rest] == expected[-3:]
