"""What trials found outlives whoever ran them."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.research.tuning import journal
from signalnode.research.tuning.journal import Journal
from signalnode.research.tuning.trials import Found

VALUES = (("fast_s", 12.0),)
FOUND = {"volume_spike": Found((3, 4), (0.1, -0.2))}


def test_what_was_written_is_known_to_the_next_run_bit_for_bit(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as first:
        first.add("a", VALUES, FOUND)
    with Journal(tmp_path / "journal") as second:
        assert second.get("a", VALUES) == FOUND
        assert second.get("b", VALUES) is None
        assert second.get("a", (("fast_s", 13.0),)) is None


@pytest.mark.parametrize("torn", [b'["a",[["fast_s"', b"\xff\xfe\n", b"{}\n"])
def test_a_torn_line_is_left_out_and_what_is_added_then_is_whole(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal"
    with Journal(path) as first:
        first.add("a", VALUES, FOUND)
    with path.open("ab") as file:
        file.write(torn)
    with Journal(path) as second:
        assert second.get("a", VALUES) == FOUND
        second.add("b", VALUES, FOUND)
    with Journal(path) as third:
        assert third.get("b", VALUES) == FOUND


def test_a_journal_beyond_its_bound_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path / "journal") as first:
        first.add("a", VALUES, FOUND)
    monkeypatch.setattr(journal, "BYTES_MAX", 10)
    with Journal(tmp_path / "journal") as second:
        assert second.get("a", VALUES) is None
    assert (tmp_path / "journal").stat().st_size == 0
