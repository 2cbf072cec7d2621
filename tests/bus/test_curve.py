from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import zmq

from signalnode.bus.curve import (
    Authenticator,
    allow,
    allowed_keys,
    mark_as_node,
    new_keys,
    own_keys,
    secure_client,
    secure_server,
    trust_server,
)
from signalnode.errors import ConfigError, UsageError

TURNS_MAX = 3_000  # of 10 ms: far more than any handshake takes


def test_a_new_secret_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    public = new_keys(tmp_path / "keys")
    secret = tmp_path / "keys" / "node.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert own_keys(tmp_path / "keys")[0].decode() == public
    before = secret.read_bytes()
    with pytest.raises(UsageError, match="there is a key already"):
        new_keys(tmp_path / "keys")
    assert secret.read_bytes() == before


def test_a_secret_that_others_can_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    new_keys(tmp_path)
    os.chmod(tmp_path / "node.key_secret", 0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        own_keys(tmp_path)


def test_missing_and_broken_key_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file; .* signalnode keys"):
        own_keys(tmp_path)
    (tmp_path / "node.key_secret").write_text("nonsense")
    os.chmod(tmp_path / "node.key_secret", 0o600)
    with pytest.raises(ConfigError, match="not a key file"):
        own_keys(tmp_path)


@pytest.mark.parametrize("key", ["", "short", "x" * 41, '"' * 40, "x" * 39 + "\n"])
def test_only_a_public_key_can_be_allowed(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match="is not a public key"):
        allow(tmp_path, "alice", key)
    assert allowed_keys(tmp_path) == {}


def test_a_name_cannot_leave_the_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        allow(tmp_path, "../alice", "x" * 40)


@pytest.mark.parametrize(
    ("domain", "mechanism", "status"),
    [
        (b"signalnode", b"CURVE", b"200"),
        (b"other", b"CURVE", b"400"),
        (b"signalnode", b"NULL", b"400"),
        (b"signalnode", b"PLAIN", b"400"),
    ],
)
def test_zap_lets_in_this_domain_with_curve_alone(
    tmp_path: Path, domain: bytes, mechanism: bytes, status: bytes
) -> None:
    new_keys(tmp_path)
    new_keys(tmp_path / "alice")
    allow(tmp_path, "alice", own_keys(tmp_path / "alice")[0].decode())
    with zmq.Context() as context:
        zap = Authenticator(context, tmp_path)
        raw = zmq.utils.z85.decode(own_keys(tmp_path / "alice")[0])
        answer = zap.verdict([b"1.0", b"7", domain, b"127.0.0.1", b"", mechanism, raw])
        zap.socket.close()
    assert (answer[1], answer[2]) == (b"7", status)


class Scene:
    """A PUB behind CURVE, its authenticator, and subscribers with whatever keys."""

    def __init__(self, directory: Path) -> None:
        self.node = directory / "node"
        self.public = new_keys(self.node)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.zap = Authenticator(self.context, self.node)
        self.pub = self.context.socket(zmq.PUB)
        secure_server(self.pub, self.node)
        self.port = self.pub.bind_to_random_port("tcp://127.0.0.1")
        self.subs: list[zmq.Socket[bytes]] = []

    def subscriber(self, keys: Path | None) -> zmq.Socket[bytes]:
        sub = self.context.socket(zmq.SUB)
        if keys is not None:
            secure_client(sub, keys)
        sub.subscribe(b"")
        sub.connect(f"tcp://127.0.0.1:{self.port}")
        self.subs.append(sub)
        return sub

    def hears(self, sub: zmq.Socket[bytes], turns: int) -> bool:
        for _ in range(turns):
            self.zap.answer()
            self.pub.send(b"secret scores", zmq.NOBLOCK)
            if sub.poll(10):
                return sub.recv() == b"secret scores"
        return False

    def close(self) -> None:
        for socket in (*self.subs, self.pub, self.zap.socket):
            socket.close(linger=0)
        self.context.term()


def keys_for(scene: Scene, directory: Path, *, allowed: bool, server: str | None = None) -> Path:
    public = new_keys(directory)
    trust_server(directory, server or scene.public)
    if allowed:
        allow(scene.node, directory.name, public)
        scene.zap.reload()
    return directory


def test_an_allowed_key_hears_and_wrong_or_missing_keys_hear_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    stranger = scene.subscriber(keys_for(scene, tmp_path / "stranger", allowed=False))
    keyless = scene.subscriber(None)
    other = new_keys(tmp_path / "elsewhere")
    misled = scene.subscriber(keys_for(scene, tmp_path / "misled", allowed=True, server=other))
    alice = scene.subscriber(keys_for(scene, tmp_path / "alice", allowed=True))
    assert scene.hears(alice, TURNS_MAX)
    for sub in (stranger, keyless, misled):
        assert not scene.hears(sub, 10)
    for _ in range(TURNS_MAX):
        if scene.zap.refused:
            break
        assert not scene.hears(stranger, 1)
    assert scene.zap.refused >= 1
    scene.close()


def test_a_node_hears_itself_with_its_own_keys_and_nobody_allowed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    mark_as_node(scene.node)
    assert scene.hears(scene.subscriber(scene.node), TURNS_MAX)
    scene.close()


def test_a_subscriber_without_the_nodes_key_is_told_what_to_do(tmp_path: Path) -> None:
    new_keys(tmp_path)
    told = pytest.raises(ConfigError, match=r"server\.key: there is no such file; .* keys trust")
    with zmq.Context() as context, context.socket(zmq.SUB) as socket, told:
        secure_client(socket, tmp_path)


def test_an_eavesdropper_sees_none_of_the_bytes(tmp_path: Path) -> None:
    """A proxy between the two hears everything that travels."""
    scene = Scene(tmp_path)
    alice = keys_for(scene, tmp_path / "alice", allowed=True)
    heard: list[bytes] = []
    front, back = scene.context.socket(zmq.STREAM), scene.context.socket(zmq.STREAM)
    port = front.bind_to_random_port("tcp://127.0.0.1")
    back.connect(f"tcp://127.0.0.1:{scene.port}")
    sub = scene.context.socket(zmq.SUB)
    secure_client(sub, alice)
    sub.subscribe(b"")
    sub.connect(f"tcp://127.0.0.1:{port}")
    scene.subs += [front, back, sub]
    ends: dict[zmq.Socket[bytes], bytes] = {}
    waiting: dict[zmq.Socket[bytes], list[bytes]] = {front: [], back: []}
    for _ in range(10 * TURNS_MAX):
        scene.zap.answer()
        scene.pub.send(b"secret scores", zmq.NOBLOCK)
        for near, far in ((front, back), (back, front)):
            while near.poll(0):
                peer, content = near.recv_multipart()
                ends[near] = peer
                if content:
                    heard.append(content)
                    waiting[far].append(content)
            while far in ends and waiting[far]:
                far.send_multipart([ends[far], waiting[far].pop(0)])
        if sub.poll(1):
            break
    assert sub.recv(zmq.NOBLOCK) == b"secret scores"
    everything = b"".join(heard)
    assert len(everything) > 200
    assert b"secret" not in everything
    scene.close()
