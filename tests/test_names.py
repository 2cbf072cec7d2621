"""Names and addresses: what may stand in a file and a topic, and who else may reach what is bound there."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.errors import EndpointError, UsageError
from signalnode.names import (
    NAME_CHARS_MAX,
    RESERVED_NAMES,
    SOCKET_PATH_BYTES_MAX,
    check_endpoint,
    checked_name,
    connect_address,
    host_and_port,
    is_local,
    is_loopback,
    market_name_fault,
    market_name_of,
    name_fault,
    scores_endpoint,
    snapshot_endpoint,
    socket_path_fault,
)


@pytest.mark.parametrize("name", ["", "A/B", "A B", ".A", "-A", "A" * 65, "Ä", "A\n", "../A", "٣"])
def test_a_name_that_could_leave_its_file_or_topic_is_refused(name: str) -> None:
    assert name_fault(name)
    with pytest.raises(UsageError, match=r"cannot name a market|too long"):
        checked_name(name)


def test_a_list_is_no_name() -> None:
    with pytest.raises(UsageError, match=r"\['A', 'B'\] cannot name a market; give each name as a string"):
        checked_name(["A", "B"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["BTC-USDT", "0x", "a.b_c-d", "A" * NAME_CHARS_MAX])
def test_ordinary_names_pass(name: str) -> None:
    assert checked_name(name) == name
    assert market_name_fault(name) is None


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "Aggregator", "NODE"])
def test_no_market_is_called_as_something_of_the_nodes_own(name: str) -> None:
    fault = market_name_fault(name)
    assert fault is not None
    assert f"{name!r} is a name of the node's own" in fault


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC/USDT", "BTC-USDT"),
        ("btc/usdt:usdt", "BTC-USDT-USDT"),
        ("tBTCUSD", "TBTCUSD"),
        (" BTC USD ", "BTC-USD"),
        ("node", ""),
        ("", ""),
        ("$", ""),
    ],
)
def test_a_venues_symbol_gives_a_name_that_a_market_may_have(symbol: str, name: str) -> None:
    assert market_name_of(symbol) == name
    assert not name or market_name_fault(name) is None


def test_a_fault_says_what_was_to_be_named() -> None:
    assert "'a b' cannot name a strategy" in (name_fault("a b", "a strategy") or "")


def test_a_socket_path_may_have_as_many_bytes_as_the_system_takes() -> None:
    longest = Path("/" + "x" * (SOCKET_PATH_BYTES_MAX - 1))
    assert socket_path_fault(longest) is None
    assert "use a shorter runtime_dir" in (socket_path_fault(Path(f"{longest}x")) or "")
    assert socket_path_fault(Path("/" + "é" * 54))  # bytes, not characters


def test_endpoints_follow_from_the_runtime_directory_and_from_each_other() -> None:
    assert scores_endpoint(Path("/run/sn"), "BTC-USDT") == "ipc:///run/sn/BTC-USDT.scores"
    assert snapshot_endpoint("tcp://127.0.0.1:7450") == "tcp://127.0.0.1:7451"
    assert snapshot_endpoint("tcp://[::1]:7450") == "tcp://[::1]:7451"
    assert snapshot_endpoint("ipc:///run/x") == "ipc:///run/x.snapshot"


def test_what_binds_every_interface_is_reached_on_this_machine() -> None:
    assert connect_address("tcp://*:7450") == "tcp://127.0.0.1:7450"
    assert connect_address("tcp://10.0.0.1:7450") == "tcp://10.0.0.1:7450"


def test_a_tcp_endpoint_has_two_parts_and_any_other_none() -> None:
    assert host_and_port("tcp://[::1]:7450") == ("[::1]", 7450)
    assert host_and_port("tcp://*:7450") == ("*", 7450)
    assert host_and_port("ipc:///run/x:1") is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "ipc://",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:7450/x",
        "tcp://::1:7450",
        "udp://127.0.0.1:1",
        "ipc:///" + "x" * 107,
    ],
)
def test_what_nobody_can_bind_is_one_line(endpoint: str) -> None:
    with pytest.raises(EndpointError) as caught:
        check_endpoint(endpoint)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)  # and the mend


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


@pytest.mark.parametrize("host", ["localhost.example.com", "127.0.0.1.example.com", "", "2130706433"])
def test_a_host_that_only_looks_like_this_machine_is_not(host: str) -> None:
    assert not is_loopback(host)
