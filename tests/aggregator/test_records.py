"""Records of the journal: whatever goes in comes out, at the cost of what is new in it."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.aggregator import records
from signalnode.aggregator.records import (
    BEGINS,
    GOES_ON,
    Packer,
    RecordError,
    contents,
    last_content,
    whole_size,
)

HEAD_BYTES = 8


def written(path: Path, *packed: bytes) -> Path:
    path.write_bytes(b"".join(packed))
    return path


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=20), st.sets(st.integers(0, 20)))
def test_contents_come_back_in_order_whoever_began_a_stream_where(
    tmp_path_factory: pytest.TempPathFactory, given: list[bytes], anew: set[int]
) -> None:
    packer, packed = Packer(), []
    for number, content in enumerate(given):
        if number in anew:
            packer.begin_anew()
        packed.append(packer.packed(content))
    path = written(tmp_path_factory.mktemp("records") / "file", *packed)
    assert list(contents(path)) == given
    assert last_content(path) == (given[-1] if given else None)
    assert whole_size(path) == path.stat().st_size


def test_what_was_there_before_costs_next_to_nothing() -> None:
    packer, content = Packer(), os.urandom(10_000)
    first, again = packer.packed(content), packer.packed(content + b"more")
    assert len(first) > 10_000
    assert len(again) < 300


def test_a_long_file_is_streams_so_that_its_end_is_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "STREAM_BYTES_MAX", 1_000)
    packer = Packer()
    packed = [packer.packed(os.urandom(400)) for _ in range(30)]
    marks = [each[HEAD_BYTES : HEAD_BYTES + 1] for each in packed]
    assert marks == 10 * [BEGINS, GOES_ON, GOES_ON]
    path = written(tmp_path / "file", *packed)
    whole = list(contents(path))
    damaged = bytearray(path.read_bytes())
    damaged[HEAD_BYTES + 20] ^= 0xFF
    body = bytes(damaged[HEAD_BYTES : len(packed[0])])
    written(path, framed(body), *packed[1:])
    assert last_content(path) == whole[-1]


@pytest.mark.parametrize(
    "body", [BEGINS + b"\xff\xff\xff", GOES_ON + zlib.compress(b"x"), BEGINS + b"\x07"], ids=repr
)
def test_a_body_that_is_no_deflate_is_told(tmp_path: Path, body: bytes) -> None:
    path = written(tmp_path / "file", framed(body))
    with pytest.raises(RecordError):
        list(contents(path))


def test_a_small_body_that_unpacks_to_more_than_a_record_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "file", Packer().packed(bytes(100_000)))
    monkeypatch.setattr(records, "RECORD_BYTES_MAX", 50_000)
    with pytest.raises(RecordError, match="more than 50000 bytes"):
        list(contents(path))
