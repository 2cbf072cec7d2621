from __future__ import annotations

import gzip
import lzma
import zipfile
from pathlib import Path

import pytest

from signalnode.errors import DataError
from signalnode.feeds.faults import Faults
from signalnode.feeds.files import lines
from signalnode.feeds.files.lines import read_lines

TEXT = b"".join(b"line %d\n" % number for number in range(5_000))


def texts(path: Path, faults: Faults | None = None) -> list[bytes]:
    return [line.text for line in read_lines(path, faults or Faults())]


@pytest.mark.parametrize("name", ["plain.txt", "packed.gz", "packed_under_another_name"])
def test_lines_come_out_the_same_however_the_file_is_packed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(TEXT if name == "plain.txt" else gzip.compress(TEXT))
    read = list(read_lines(path, Faults()))
    assert [line.text for line in read] == TEXT.splitlines()
    assert [line.number for line in read] == list(range(1, 5_001))
    assert read[-1].bytes_read == path.stat().st_size


def test_zstd_is_read_as_well(tmp_path: Path) -> None:
    import pyarrow as pa

    path = tmp_path / "a.zst"
    with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as out:
        out.write(TEXT)
    assert texts(path) == TEXT.splitlines()
    path.write_bytes(path.read_bytes()[:-200])
    faults = Faults()
    texts(path, faults)
    assert faults.counts == {"file_damaged": 1}


def test_xz_is_read_as_well_and_gives_what_it_has_when_it_breaks_off(tmp_path: Path) -> None:
    path, faults = tmp_path / "a.xz", Faults()
    wanted = [b"%d" % i for i in range(50_000)]
    packed = lzma.compress(b"\n".join(wanted))
    path.write_bytes(packed)
    assert texts(path, faults) == wanted
    assert not faults.counts
    path.write_bytes(packed[:-200])
    some = texts(path, faults)
    assert some[:-1] == wanted[: len(some) - 1]
    assert faults.counts == {"file_damaged": 1}


@pytest.mark.parametrize("between", [b"", b"\0" * 4, b"\0" * 100_000])
def test_packed_files_put_together_are_read_to_the_end(tmp_path: Path, between: bytes) -> None:
    path, faults = tmp_path / "a.xz", Faults()
    half = len(TEXT) // 2
    path.write_bytes(lzma.compress(TEXT[:half]) + between + lzma.compress(TEXT[half:]) + between)
    assert texts(path, faults) == TEXT.splitlines()
    assert not faults.counts
    path.write_bytes(lzma.compress(TEXT) + between + b"no xz at all")
    assert texts(path, faults) == TEXT.splitlines()
    assert faults.counts == {"file_damaged": 1}


def test_a_truncated_gzip_gives_what_it_has_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT)[:-2_000])
    faults = Faults()
    read = texts(path, faults)
    assert len(read) > 1_000
    assert read[:-1] == TEXT.splitlines()[: len(read) - 1]
    assert faults.counts == {"file_damaged": 1}
    assert str(path) in faults.examples["file_damaged"][0]


def test_reading_goes_on_at_the_member_after_a_truncated_one(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT)[:-2_000] + gzip.compress(b"after\n" * 50_000))
    faults = Faults()
    assert texts(path, faults).count(b"after") == 50_000
    assert faults.counts["file_damaged"] == 1


def test_what_only_looks_like_a_member_inside_a_truncated_one_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\n\x1f\x8b\x08\xff nothing\ntwo\n" + TEXT, 0)[:-1_000])
    faults = Faults()
    assert b"two" in texts(path, faults)
    assert faults.counts == {"file_damaged": 1}


def test_members_one_after_the_other_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\nhalf ") + gzip.compress(b"a line\n"))
    faults = Faults()
    assert texts(path, faults) == [b"one", b"half a line"]
    assert not faults.counts


def test_a_flipped_byte_costs_a_fault_not_the_file(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "a.gz"
    path.write_bytes(bytes(packed))
    faults = Faults()
    assert texts(path, faults)[:500] == TEXT.splitlines()[:500]
    assert faults.counts == {"file_damaged": 1}


def test_padding_after_the_last_member_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT) + bytes(512))
    faults = Faults()
    assert texts(path, faults) == TEXT.splitlines()
    assert not faults.counts


def test_an_overlong_line_is_left_out_and_the_next_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINE_BYTES_MAX", 100_000)
    path = tmp_path / "a.txt"
    path.write_bytes(b"before\n" + b"x" * 400_000 + b"\nafter\n")
    faults = Faults()
    assert texts(path, faults) == [b"before", b"after"]
    assert faults.counts == {"line_too_long": 1}
    assert f"{path}:2" in faults.examples["line_too_long"][0]


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"not gzip at all\n")
    with pytest.raises(DataError, match=r"a\.gz: not gz as its name says"):
        texts(path)


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        texts(tmp_path / "none.gz")
    assert "\n" not in str(caught.value)


def test_lines_of_windows_are_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo\r\nlast\r")
    assert [line.text for line in read_lines(path, Faults())] == [b"one", b"", b"two", b"last"]


def test_a_zip_archive_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "one")
    with pytest.raises(DataError, match=r"a zip archive: .* unpacked, or packed with gzip"):
        list(read_lines(path, Faults()))
