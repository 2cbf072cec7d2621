"""The cluster's keys: one pair, carried to every host, and replaced while both are heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.bus.curve import allow, allowed_keys, let_in, new_keys, own_keys
from signalnode.cluster.keys import BEFORE, cluster_keys, lay_out
from signalnode.errors import ClusterError


def test_a_host_has_the_pair_and_lets_in_whom_the_config_lets_in(tmp_path: Path) -> None:
    new_keys(tmp_path / "alice")
    cluster_keys(tmp_path / "here")
    allow(tmp_path / "here", "alice", str(tmp_path / "alice" / "node.key"))
    files = cluster_keys(tmp_path / "here")
    assert set(files) == {"node.key_secret", "allowed/alice.key"}
    lay_out(files, tmp_path / "there")
    assert own_keys(tmp_path / "there") == own_keys(tmp_path / "here")
    assert let_in(tmp_path / "there") == let_in(tmp_path / "here")
    for path in (tmp_path / "there").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


def test_asked_again_it_is_the_same_pair(tmp_path: Path) -> None:
    assert cluster_keys(tmp_path) == cluster_keys(tmp_path)


def test_a_new_pair_lets_in_who_has_the_old_one(tmp_path: Path) -> None:
    cluster_keys(tmp_path)
    old, _ = own_keys(tmp_path)
    files = cluster_keys(tmp_path, anew=True)
    new, _ = own_keys(tmp_path)
    assert new != old
    assert allowed_keys(tmp_path) == {old: BEFORE}
    assert f"allowed/{BEFORE}.key" in files


@pytest.mark.parametrize("name", ["../node.key_secret", "allowed/../../x", "/etc/x", "deep/er/x.key", ""])
def test_no_name_of_a_file_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ClusterError, match="is no file of keys"):
        lay_out({name: "x"}, tmp_path / "keys")
