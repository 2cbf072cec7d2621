from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.bus.topics import (
    check_endpoint,
    checked_name,
    connect_address,
    is_local,
    scores_endpoint,
    snapshot_endpoint,
)
from signalnode.errors import UsageError


@pytest.mark.parametrize("name", ["", "A/B", "A B", ".A", "-A", "A" * 65, "Ä", "A\n", "../A"])
def test_a_name_that_could_leave_its_file_or_topic_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a name"):
        checked_name(name)


@pytest.mark.parametrize("name", ["BTC-USDT", "0x", "a.b_c-d", "A" * 64])
def test_ordinary_names_pass(name: str) -> None:
    assert checked_name(name) == name


def test_endpoints_follow_from_the_runtime_directory_and_from_each_other() -> None:
    assert scores_endpoint(Path("/run/sn"), "BTC-USDT") == "ipc:///run/sn/BTC-USDT.scores"
    assert snapshot_endpoint("tcp://127.0.0.1:7450") == "tcp://127.0.0.1:7451"
    assert snapshot_endpoint("ipc:///run/x") == "ipc:///run/x.snapshot"


def test_what_binds_every_interface_is_reached_on_this_machine() -> None:
    assert connect_address("tcp://*:7450") == "tcp://127.0.0.1:7450"
    assert connect_address("tcp://10.0.0.1:7450") == "tcp://10.0.0.1:7450"


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("tcp://127.0.0.1:7450", True),
        ("tcp://127.8.8.8:7450", True),
        ("tcp://localhost:7450", True),
        ("tcp://[::1]:7450", True),
        ("ipc:///run/x", True),
        ("tcp://0.0.0.0:7450", False),
        ("tcp://*:7450", False),
        ("tcp://10.0.0.7:7450", False),
        ("tcp://eth0:7450", False),
        ("tcp://[::]:7450", False),
    ],
)
def test_only_loopback_and_ipc_are_local(endpoint: str, local: bool) -> None:
    assert is_local(check_endpoint(endpoint)) is local
