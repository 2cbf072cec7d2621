"""Checkpoints between hosts: what is put is found, and a store that is away keeps nobody waiting."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from signalnode.cluster.store import WAITING_MAX, CheckpointStore, kind_fault
from signalnode.errors import ClusterError


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(f"file://{tmp_path}/checkpoints")


def test_a_store_that_nobody_has_written_to_is_empty(store: CheckpointStore) -> None:
    assert store.names() == []


def test_an_object_is_found_by_its_name_and_gone_when_it_is_removed(store: CheckpointStore) -> None:
    store.write("shard-1/grant-7/1.bundle", b"one")
    store.write("shard-1/grant-7/1.bundle", b"two")
    assert store.names() == ["shard-1/grant-7/1.bundle"]
    assert store.read("shard-1/grant-7/1.bundle") == b"two"
    store.remove(["shard-1/grant-7/1.bundle", "shard-1/never"])
    assert store.names() == []


def test_a_store_of_an_unknown_kind_is_told_in_one_line() -> None:
    with pytest.raises(ClusterError, match=r"^cluster\.checkpoints: nowhere://x cannot be listed [^\n]*$"):
        CheckpointStore("nowhere://x").names()


@pytest.mark.parametrize("address", ["file:///srv/x", "s3://bucket/x", "memory://x"])
def test_a_kind_of_store_that_fsspec_knows_is_no_fault_even_where_its_library_is_missing(
    address: str,
) -> None:
    assert kind_fault(address) == ""


def test_another_kind_is_a_fault_where_fsspec_can_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kind_fault("ssss://bucket/x").startswith("ssss:// is no kind of store; write it like ")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert kind_fault("ssss://bucket/x") == ""


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        ClusterError, match=r"^fsspec is not installed; run: pip install 'signalnode\[cluster\]'$"
    ):
        CheckpointStore("memory://x").names()


def test_a_store_that_hangs_is_away_after_its_limit_and_takes_no_more_threads() -> None:
    goes_on = threading.Event()
    store = CheckpointStore("memory://x", answer_s_max=0.01)
    try:
        for _ in range(WAITING_MAX):
            with pytest.raises(ClusterError, match=r"within 0\.01 s"):
                store._asked("listed", goes_on.wait)
        with pytest.raises(ClusterError, match="earlier questions still wait"):
            store._asked("listed", goes_on.wait)
    finally:
        goes_on.set()
