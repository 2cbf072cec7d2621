from __future__ import annotations

import errno
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from signalnode.aggregator.journal import (
    Journal,
    Record,
    damaged_files,
    journal_files,
    newest_states,
    read_journal,
)
from signalnode.aggregator.records import RECORD_BYTES_MAX
from signalnode.bus.wire import DecisionMessage, ViewMessage
from signalnode.errors import DataError
from tests.effort import PATIENCE_S
from tests.forked import Forked

WRITER = """
import sys
from pathlib import Path
import msgspec
from signalnode.aggregator.journal import Journal
from signalnode.bus.wire import DecisionMessage, ViewMessage
view = msgspec.json.decode(sys.argv[2], type=ViewMessage)
decision = msgspec.json.decode(sys.argv[3], type=DecisionMessage)
journal = Journal(Path(sys.argv[1]), 1 << 20, 4)
for seq in range(1, 1_000_000):
    decided = msgspec.structs.replace(decision, seq=seq, view_seq=seq)
    journal.append(msgspec.structs.replace(view, seq=seq), [decided])
    print(seq, flush=True)
"""


def view(seq: int = 1) -> ViewMessage:
    return ViewMessage(
        v=1,
        epoch=1,
        seq=seq,
        time_published_ns=seq * 10,
        markets={},
        regime={},
        measures={"breadth": 0.5},
        relations=[],
        strategies={},
    )


def decision(seq: int = 1) -> DecisionMessage:
    return DecisionMessage(
        v=1,
        strategy="s",
        epoch=1,
        seq=seq,
        view_seq=seq,
        time_published_ns=seq * 10,
        action="enter",
        markets=["A"],
        direction="long",
        strength=50.0,
        reasons=["because"],
        scores={"A": {"volume_spike": 50.0}},
    )


def plain(path: Path, *seqs: int, **known: Any) -> None:
    """A file as older versions wrote it: each content as it is."""
    for seq in seqs:
        content = msgspec.msgpack.encode(Record(view(seq), [decision(seq)], states(**known)))
        with path.open("ab") as file:
            file.write(struct.pack("<II", len(content), zlib.crc32(content)) + content)


def states(**known: Any) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(msgspec.msgpack.encode(state)) for name, state in known.items()}


def newest(directory: Path) -> dict[str, Any]:
    return {name: msgspec.msgpack.decode(raw) for name, raw in newest_states(directory)[1].items()}


def written(directory: Path, count: int, bytes_max: int = 1 << 20, files_max: int = 4) -> None:
    with Journal(directory, bytes_max, files_max) as journal:
        for seq in range(1, count + 1):
            journal.append(view(seq), [decision(seq)])


def seqs(directory: Path, since_ns: int = 0) -> list[int]:
    return [each.decision.seq for each in read_journal(directory, since_ns)]


def test_a_decision_comes_back_with_the_view_it_came_from(tmp_path: Path) -> None:
    written(tmp_path, 3)
    last = list(read_journal(tmp_path))[-1]
    assert (last.decision, last.view) == (decision(3), view(3))
    assert seqs(tmp_path, since_ns=20) == [2, 3]


def test_a_journal_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    written(tmp_path, 2)
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(3), [decision(3)])
    assert seqs(tmp_path) == [1, 2, 3]


def test_a_journal_of_an_older_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    plain(tmp_path / "decisions-00000001.journal", 1, 2)
    plain(tmp_path / "decisions-00000002.journal", 3, a=3)
    assert newest(tmp_path) == {"a": 3}
    with Journal(tmp_path, 1 << 20, 4) as journal:
        for seq in (4, 5):
            journal.append(view(seq), [decision(seq)], states(a=seq))
    assert len(journal_files(tmp_path)) == 2
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]
    assert seqs(tmp_path, since_ns=30) == [3, 4, 5]
    assert newest(tmp_path) == {"a": 5}
    assert damaged_files(tmp_path) == []


def test_decisions_since_a_time_are_found_over_all_files(tmp_path: Path) -> None:
    written(tmp_path, 100, bytes_max=1_000, files_max=100)
    assert len(journal_files(tmp_path)) > 3
    assert [seqs(tmp_path, since_ns=10 * seq) for seq in (1, 50, 100, 101)] == [
        list(range(seq, 101)) for seq in (1, 50, 100, 101)
    ]


def test_a_record_of_another_version_is_told_after_everything_before_it(tmp_path: Path) -> None:
    written(tmp_path, 2)
    with journal_files(tmp_path)[0].open("ab") as file:
        file.write(struct.pack("<II", 3, zlib.crc32(b"\x03ab")) + b"\x03ab")
    came = read_journal(tmp_path)
    assert [next(came).decision.seq for _ in range(2)] == [1, 2]
    with pytest.raises(DataError, match="another version"):
        next(came)
    assert newest(tmp_path) == {}


@pytest.mark.parametrize("cut", [1, 5, 8, 9, 30])
def test_a_torn_last_record_is_cut_off_and_everything_before_it_kept(tmp_path: Path, cut: int) -> None:
    with Journal(tmp_path, 1 << 20, 4) as journal:
        for seq in range(1, 4):
            journal.append(view(seq), [decision(seq)])
            if seq == 2:
                two = journal_files(tmp_path)[0].stat().st_size
    path = journal_files(tmp_path)[0]
    assert two + cut < path.stat().st_size
    os.truncate(path, two + cut)
    assert seqs(tmp_path) == [1, 2]
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(4), [decision(4)])
    assert seqs(tmp_path) == [1, 2, 4]


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(1), [decision(1)])

        def write_until_full(file: int, content: bytes) -> int:
            if len(content) > 40:
                return real_write(file, content[:40])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", write_until_full)
        with pytest.raises(OSError, match="No space"):
            journal.append(view(2), [decision(2)])
        monkeypatch.undo()
        for seq in (3, 4):
            journal.append(view(seq), [decision(seq)])
    assert seqs(tmp_path) == [1, 3, 4]


def test_a_disk_that_fails_when_a_file_is_full_costs_that_record_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal(tmp_path, 400, 9) as journal:
        journal.append(view(1), [decision(1)])
        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input"):
            journal.append(view(2), [decision(2)], states(a=list(range(200))))
        monkeypatch.undo()
        for seq in (3, 4):
            journal.append(view(seq), [decision(seq)])
    assert seqs(tmp_path) == [1, 3, 4]


def test_a_real_full_disk_is_survived(tmp_path: Path) -> None:
    """/dev/full takes nothing and says so."""
    journal = Journal(tmp_path, 1 << 20, 4)
    full = os.open("/dev/full", os.O_WRONLY)
    real, journal._file = journal._file, full
    with pytest.raises(OSError):  # noqa: PT011 (truncating the device may fail first)
        journal.append(view(1), [decision(1)])
    os.close(full)
    journal._file = real
    journal.append(view(2), [decision(2)])
    journal.close()
    assert seqs(tmp_path) == [2]


def test_the_journal_is_bounded_in_bytes_and_files(tmp_path: Path) -> None:
    written(tmp_path, 400, bytes_max=2_000, files_max=3)
    files = journal_files(tmp_path)
    assert len(files) == 3
    assert all(path.stat().st_size <= 2_000 for path in files)
    kept = seqs(tmp_path)
    assert kept == list(range(kept[0], 401))


def test_kill_9_loses_nothing_acknowledged_and_corrupts_nothing(tmp_path: Path) -> None:
    made = (msgspec.json.encode(each).decode() for each in (view(), decision()))
    writer = Forked(WRITER, [str(tmp_path), *made], os.environ)
    for _ in range(200):
        assert writer.stdout.readline()
    writer.kill()
    acknowledged = 200 + len(writer.communicate(PATIENCE_S)[0].splitlines())
    kept = seqs(tmp_path)
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) >= acknowledged - 1  # the last line of a killed writer may be torn


def test_a_damaged_record_hides_the_rest_of_its_file_alone(tmp_path: Path) -> None:
    written(tmp_path, 40, bytes_max=1_000, files_max=100)
    first = journal_files(tmp_path)[0]
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 0xFF
    first.write_bytes(content)
    kept = seqs(tmp_path)
    assert kept[-1] == 40
    assert kept == sorted(set(kept))
    assert 0 < len(kept) < 40


def test_a_writer_cuts_off_nothing_behind_a_damaged_record_and_goes_on_in_a_new_file(tmp_path: Path) -> None:
    written(tmp_path, 5)
    (first,) = journal_files(tmp_path)
    content = bytearray(first.read_bytes())
    content[-50] ^= 0xFF  # in a body
    first.write_bytes(content)
    before = seqs(tmp_path)
    assert before == list(range(1, len(before) + 1))
    assert 0 < len(before) < 5
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(6), [decision(6)])
    assert first.read_bytes() == content
    assert damaged_files(tmp_path) == [first]
    assert seqs(tmp_path) == [*before, 6]


def test_zeros_that_a_loss_of_power_left_hide_neither_states_nor_what_follows(tmp_path: Path) -> None:
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(1), [decision(1)], states(a=1))
    (first,) = journal_files(tmp_path)
    os.truncate(first, first.stat().st_size + 4_096)
    assert newest(tmp_path) == {"a": 1}
    with Journal(tmp_path, 1 << 20, 4) as journal:
        journal.append(view(2), [decision(2)])
    assert seqs(tmp_path) == [1, 2]


def test_a_record_cut_short_is_no_damage(tmp_path: Path) -> None:
    written(tmp_path, 3)
    (path,) = journal_files(tmp_path)
    for _ in range(path.stat().st_size):
        os.truncate(path, path.stat().st_size - 1)
        assert damaged_files(tmp_path) == []


def test_no_journal_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no journal here yet"):
        list(read_journal(tmp_path / "none"))


def test_any_bytes_at_all_are_read_without_harm(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / "decisions-00000001.journal").write_bytes(os.urandom(number * 7))
        contents: list[Any] = list(read_journal(tmp_path))
        assert contents == []


def test_the_newest_whole_record_has_the_states_also_over_files_and_torn_ends(tmp_path: Path) -> None:
    assert newest(tmp_path) == {}
    with Journal(tmp_path, bytes_max=200, files_max=4) as journal:
        for seq in range(1, 4):
            journal.append(view(seq), [decision(seq)], states(a={"A": ["long", seq]}, b=seq))
    assert newest(tmp_path) == {"a": {"A": ["long", 3]}, "b": 3}
    last = journal_files(tmp_path)[-1]
    os.truncate(last, last.stat().st_size - 1)  # a kill in the middle of the third record
    assert newest(tmp_path) == {"a": {"A": ["long", 2]}, "b": 2}


def test_a_record_too_large_to_be_read_again_is_refused_and_leaves_the_rest_whole(tmp_path: Path) -> None:
    with Journal(tmp_path, bytes_max=1 << 20, files_max=4) as journal:
        journal.append(view(1), [decision(1)], states(a=1))
        with pytest.raises(OSError, match="large"):
            journal.append(view(2), [decision(2)], states(a=bytes(RECORD_BYTES_MAX)))
        journal.append(view(3), [decision(3)], states(a=3))
    assert [each.decision.seq for each in read_journal(tmp_path)] == [1, 3]
    assert newest(tmp_path) == {"a": 3}


def test_a_journal_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "kept", 1 << 20, 4) as journal:
        journal.append(view(1), [decision(1)])
        shutil.rmtree(tmp_path / "kept")
        journal.append(view(2), [decision(2)])
    assert seqs(tmp_path / "kept") == [2]


def test_a_journal_for_which_there_is_no_room_begins_when_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.open", full)
    journal = Journal(tmp_path, 1 << 20, 4)
    with pytest.raises(OSError, match="No space"):
        journal.append(view(1), [decision(1)])
    monkeypatch.undo()
    journal.append(view(2), [decision(2)])
    journal.close()
    assert seqs(tmp_path) == [2]
