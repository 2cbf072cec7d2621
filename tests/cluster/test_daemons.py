"""What is started on a machine of a cluster ends with it, whatever it started itself."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.cluster import daemons
from signalnode.cluster.daemons import (
    STARTS_MAX,
    TOO_SLOW,
    RefusedError,
    check_here,
    check_let_in,
    check_own,
    host_command,
    own_address,
)
from signalnode.cluster.place import Place
from signalnode.errors import ClusterError
from signalnode.settings import ClusterSettings
from tests.effort import PATIENCE_S
from tests.ports import free_port

FAMILY = """
import os, subprocess, sys, time
from signalnode.cluster.node import end_children, take_orphans
take_orphans()
deaf = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print(1, flush=True); time.sleep(600)"
python = [sys.executable, "-S", "-c"]
parent = f"import subprocess; subprocess.Popen([*{python!r}, {deaf!r}], start_new_session=True)"
below = subprocess.Popen([*python, parent], stdout=subprocess.PIPE)
below.stdout.readline()
below.wait()
end_children(0.2)
print("alone")
"""


def test_what_lost_its_parent_and_hears_no_signal_is_ended_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAMILY], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout == "alone\n"


def test_what_is_bound_gets_sigterm_when_who_started_it_is_gone() -> None:
    words = ("-S", "-c", "import time; print('begun', flush=True); time.sleep(600)")
    code = f"""
import subprocess, sys
from signalnode.cluster.node import bound
child = subprocess.Popen(bound(*{words!r}), stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), end="", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=PATIENCE_S)
    assert done.stdout == b"begun\n"  # and it has ended, or its output would still be open


def test_a_host_s_command_names_the_address_of_its_head() -> None:
    assert "--address=10.0.0.1:6379" in host_command("10.0.0.1:6379", "10.0.0.2")


def test_a_head_that_is_not_there_is_told_in_one_line_with_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ClusterError, match=r"cannot be reached \(.*refused\); is `cluster head` running\?"):
        own_address("127.0.0.1:1")
    monkeypatch.setattr(daemons, "REACH_S_MAX", 0.0)
    for error, mend in (
        (socket.gaierror(-2, "Name or service not known"), "is its name right"),
        (TimeoutError("timed out"), "does no firewall drop"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "the network between the machines"),
    ):

        def fails(*_: object, error: OSError = error) -> None:
            raise error

        monkeypatch.setattr(socket, "create_connection", fails)
        with pytest.raises(ClusterError, match=mend):
            own_address("10.0.0.1:6379")


def test_an_address_where_no_head_can_listen_is_told_before_ray_tries_it() -> None:
    with pytest.raises(ClusterError, match=r"can listen at 192\.0\.2\.1:6379 here .* name an address"):
        check_own("192.0.2.1:6379")  # TEST-NET-1, of no machine
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ClusterError, match="end the program that listens there"):
            check_own(f"127.0.0.1:{taken.getsockname()[1]}")
    check_own(f"127.0.0.1:{free_port()}")


MISMATCH = (  # as Ray 2.60 has it
    "RuntimeError: Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n"
    "This process on node 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (MISMATCH, "it has Ray 2.60.0 on Python 3.12.1, and this machine Ray 2.60.0 on Python 3.11.7"),
        (
            "ray.exceptions.AuthenticationError: InvalidAuthToken: …",
            "refuses this machine's token",
        ),
    ],
)
def test_a_machine_that_will_never_be_let_in_is_told_why(said: str, told: str, tmp_path: Path) -> None:
    output = tmp_path / "host.log"
    check_let_in(output, "10.0.0.1:6379")
    output.write_text("Local node IP: 10.0.0.2\n")
    check_let_in(output, "10.0.0.1:6379")
    output.write_text(said)
    with pytest.raises(RefusedError) as raised:
        check_let_in(output, "10.0.0.1:6379")
    assert told in str(raised.value)


def test_a_machine_on_which_nothing_of_the_head_is_seen_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "CURRENT", tmp_path / "current")
    for content in ("", "10.0.0.9:6379"):
        (tmp_path / "current").write_text(content)
        with pytest.raises(ClusterError, match=r"of 10\.0\.0\.1:6379 is seen on this machine"):
            check_here("10.0.0.1:6379")
    (tmp_path / "current").write_text("10.0.0.1:6379")
    check_here("10.0.0.1:6379")


@pytest.mark.parametrize(("said", "starts"), [(f"the current node {TOO_SLOW}.", STARTS_MAX), ("no room", 1)])
def test_a_head_that_was_too_slow_to_start_is_started_once_more_and_another_fault_is_told(
    said: str, starts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []

    def ends(_command: object, _extra: object, output: Path, _stop: object) -> int:
        begun.append(output)
        output.write_text(said)
        return 1

    monkeypatch.setattr(daemons, "_run", ends)
    settings = ClusterSettings(head=f"127.0.0.1:{free_port()}", checkpoints="file:///srv/x")
    told: list[str] = []
    with pytest.raises(ClusterError, match=r"has ended \(status 1\)"):
        daemons.run_head(Place(tmp_path), settings, told.append)
    assert len(begun) == starts
    assert sum("once more" in line for line in told) == (starts if starts > 1 else 0)
