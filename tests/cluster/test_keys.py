"""The cluster's keys: one pair, carried to every host, and replaced while both are heard."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from signalnode.bus.curve import allow, allowed_keys, let_in, new_keys, own_keys
from signalnode.cluster.keys import BEFORE, cluster_keys, lay_out
from signalnode.errors import ClusterError
from tests.aggregator.conftest import Scene, joined, scene
from tests.effort import PATIENCE_S
from tests.forked import Forked
from tests.ports import free_port

__all__ = ["scene"]


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


def test_who_has_the_new_keys_first_hears_layer_5_as_soon_as_it_has_them(
    scene: Scene, tmp_path: Path
) -> None:
    made, directories = tmp_path / "made", {name: tmp_path / name for name in ("old", "new")}
    for name, directory in directories.items():
        lay_out(cluster_keys(made, anew=name == "new"), directory)
    endpoint = f"tcp://127.0.0.1:{free_port()}"

    def begin(name: str) -> Forked:
        scene.configure("A", aggregator=f'endpoint = "{endpoint}"\nkeys_dir = "{directories[name]}"')
        return scene.start()

    before, publisher = begin("old"), scene.publisher("A")
    with (
        scene.subscribe(endpoint=endpoint, keys=directories["old"]) as old,
        scene.subscribe(endpoint=endpoint, keys=directories["new"]) as new,
    ):
        joined(old, publisher)
        assert new.receive(0.2) is None  # it trusts another key than that one has
        before.send_signal(signal.SIGTERM)
        before.wait(PATIENCE_S)
        begin("new")
        joined(new, publisher)
    with scene.subscribe(endpoint=endpoint, keys=directories["new"]) as fresh:
        joined(fresh, publisher)
