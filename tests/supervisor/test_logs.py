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
