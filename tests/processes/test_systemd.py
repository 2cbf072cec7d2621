"""The systemd chapter of docs/operate.md, on a machine where systemd is process 1: every line, every claim.

Skipped where no such machine can be made: without root, namespaces, control groups (v2) or systemd itself.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode.errors import RequestError
from tests.documents import DOCS, commands, is_for_systemd
from tests.effort import only_long
from tests.machine import PROGRAM, USER, CannotBootError, Machine

ROOT = Path(__file__).parent.parent.parent
CONFIG = "/etc/signalnode/signalnode.toml"
NODE = """runtime_dir = "/run/signalnode"
state_dir = "/var/lib/signalnode"
[aggregator]
keys_dir = "/var/lib/signalnode/keys"
[supervisor]
memory_mb_max = 500
"""
MARKET = 'market = "{name}"\n[feed]\nkind = "synthetic"\nevents_per_s = 100.0\n'
ALL_UP = "3 of 3 up"  # two markets and the aggregator
GROUP = "/sys/fs/cgroup/system.slice/signalnode.service"
QUICK_WATCHDOG = "/etc/systemd/system/signalnode.service.d/quick.conf"
GREEDY = """
taken = []

def greedy(features, parameters):
    taken.append(bytearray(b"x" * 20_000_000))
    return 0.0
"""
LINES = [line for line, _ in commands(DOCS / "operate.md") if is_for_systemd(line)]
AS_ROOT = [line for line in LINES if "--user" not in line]
PREPARING, OF_THE_MACHINE = AS_ROOT[:2], AS_ROOT[2:]
OF_A_USER = [line for line in LINES if "--user" in line]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    try:
        made = Machine()
    except CannotBootError as lack:
        pytest.skip(f"no machine with systemd can be booted here: {lack}")
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Machine:
    """The service of the machine, installed as the docs say, and started."""
    for line in PREPARING:
        machine.told(line)
    assert "no faults" in machine.told(f"{PROGRAM} check --config {CONFIG}")
    assert all(line in machine.path(CONFIG).read_text() for line in NODE.splitlines()[:2])
    shutil.rmtree(machine.path("/etc/signalnode/markets"))
    machine.path("/etc/signalnode/markets").mkdir()
    machine.path(CONFIG).write_text(NODE)
    for name in ("ALPHA-USD", "BETA-USD"):
        write_market(machine, name, MARKET.format(name=name))
    machine.told(f"{PROGRAM} keys new --config {CONFIG}")
    install, enable = OF_THE_MACHINE[:2]
    told = machine.told(install)
    assert enable.replace("sudo ", "") in told.splitlines(), "it says how to start it"
    machine.told(enable)
    assert shown(machine, "StatusText") == ALL_UP, "it is started when its markets are up"
    return machine


@pytest.fixture
def service(installed: Machine) -> Machine:
    """The service, running."""
    installed.told("systemctl start signalnode")
    return installed


def shown(machine: Machine, key: str) -> str:
    """What systemd itself holds of the service."""
    return machine.told(f"systemctl show signalnode --property {key} --value").strip()


def write_market(machine: Machine, name: str, text: str) -> Path:
    path = machine.path(f"/etc/signalnode/markets/{name}.toml")
    path.write_text(text)
    return path


def journal(machine: Machine) -> str:
    return machine.told("journalctl -u signalnode --output cat")


def test_a_service_is_not_shut_down_behind_its_managers_back(service: Machine) -> None:
    told = service.run(f"{PROGRAM} shutdown --config {CONFIG}")
    assert told.returncode == RequestError.exit_status
    assert "use `systemctl stop signalnode`" in told.stderr
    assert shown(service, "StatusText") == ALL_UP


def wait_restarted(machine: Machine, before: str = "0") -> None:
    """Until systemd has started it again, once more than before."""
    machine.until(lambda: shown(machine, "NRestarts"), lambda count: count == str(int(before) + 1))
    machine.told("systemctl start signalnode")  # it is being started: this waits for the end of it
    assert shown(machine, "StatusText") == ALL_UP


def test_the_readmes_lines_run_a_service_of_the_machine(service: Machine) -> None:
    told = {line: service.told(line) for line in OF_THE_MACHINE}
    (status,) = [text for line, text in told.items() if " systemctl status " in line]
    assert "Active: active (running)" in status
    assert f'Status: "{ALL_UP}"' in status
    (own,) = [text for line, text in told.items() if " status --config" in line]
    assert all(name in own for name in ("ALPHA-USD", "BETA-USD", "aggregator"))
    (logged,) = [text for line, text in told.items() if "journalctl" in line]
    assert '"event": "ready"' in logged
    assert OF_THE_MACHINE[-1].startswith("sudo systemctl stop")
    assert (shown(service, "ActiveState"), shown(service, "Result")) == ("inactive", "success")
    engines = [line for line in journal(service).splitlines() if '"event": "started"' in line]
    assert all('"resumed": true' in line for line in engines[-2:]), (
        "since the restart, from their checkpoints"
    )
    assert not service.path("/run/signalnode").exists()
    assert service.run("pgrep --full signalnode/bin").stdout == "", "nothing is left"
    assert service.told("systemctl is-enabled signalnode") == "enabled\n", "at the next boot it starts"


@only_long("a second systemd and a node, beside the service of the machine")
def test_the_readmes_lines_run_a_service_of_ones_own(machine: Machine) -> None:
    home = f"/home/{USER}/signalnode"
    synthetic = shutil.ignore_patterns("*-USDT.toml")  # recordings have to be decoded first
    shutil.copytree(ROOT / "config", machine.path(f"{home}/config"), ignore=synthetic)
    machine.told(f"chown -R {USER}: /home/{USER} && systemctl start user-{USER}")
    next_step = machine.told("signalnode install-systemd --user", USER, home).splitlines()[1]
    assert next_step == OF_A_USER[0]
    told = {line: machine.told(line, USER, home) for line in OF_A_USER}
    (status,) = [text for line, text in told.items() if "status" in line]
    assert "Active: active (running)" in status
    assert 'Status: "3 of 3 up"' in status
    assert OF_A_USER[-1].startswith("systemctl --user stop")
    state = machine.told("systemctl --user show signalnode -P ActiveState -P Result", USER)
    assert sorted(state.split()) == ["inactive", "success"]


def test_it_runs_without_rights_and_on_a_disk_it_cannot_write_to(service: Machine) -> None:
    pid = shown(service, "MainPID")
    status = dict(re.findall(r"^(\w+):\s+(\S+)", service.told(f"cat /proc/{pid}/status"), re.M))
    assert int(status["Uid"]) >= 61_184, "a user made for it"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    users = [service.told(f"readlink /proc/{each}/ns/user") for each in (pid, 1)]
    assert users[0] != users[1]
    for folder in ("/etc", "/opt/signalnode", "/root"):
        refused = service.run(f"nsenter --target {pid} --mount touch {folder}/x")
        assert "Read-only file system" in refused.stderr
    for folder in ("/run/signalnode/", "/var/lib/signalnode/", "/var/cache/signalnode/"):
        assert service.told(f"stat --format '%a %u' {folder}") == f"700 {status['Uid']}\n"


def test_a_reload_takes_a_new_market_and_leaves_it(service: Machine) -> None:
    pid = shown(service, "MainPID")
    path = write_market(service, "GAMMA-USD", MARKET.format(name="GAMMA-USD"))
    for expected in ("4 of 4 up", ALL_UP):
        service.told("systemctl reload signalnode")
        service.until(lambda: shown(service, "StatusText"), expected.__eq__)
        service.until(lambda: shown(service, "ActiveState"), lambda state: state == "active")
        path.unlink(missing_ok=True)
    assert shown(service, "MainPID") == pid


def test_a_faulty_file_is_refused_at_reload_and_not_retried_at_start(service: Machine) -> None:
    pid = shown(service, "MainPID")
    path = write_market(service, "GAMMA-USD", "oops")
    service.told("systemctl reload signalnode")
    service.until(lambda: journal(service), lambda text: "reload refused" in text)
    refused = shown(service, "MainPID"), shown(service, "StatusText")
    restarted = service.run("systemctl restart signalnode").returncode
    path.unlink()
    assert refused == (pid, ALL_UP), "the running node goes on"
    assert "GAMMA-USD.toml: " in journal(service)
    assert restarted != 0
    assert shown(service, "ExecMainStatus") == "3"
    assert (shown(service, "ActiveState"), shown(service, "NRestarts")) == ("failed", "0")
    service.told("systemctl start signalnode")
    assert shown(service, "StatusText") == ALL_UP


def test_a_killed_node_is_started_again(service: Machine) -> None:
    before = shown(service, "NRestarts")
    service.told("systemctl kill --kill-whom main --signal KILL signalnode")
    wait_restarted(service, before)
    assert shown(service, "StartLimitIntervalUSec") == "0", "and again, however often"


def engines_of(machine: Machine) -> dict[str, int]:
    """Pid by name of every process of the node."""
    status = json.loads(machine.told(f"{PROGRAM} status --json --config {CONFIG}"))
    return {child["name"]: child["pid"] for child in status["children"]}


@contextlib.contextmanager
def reinstalled(machine: Machine, more: str) -> Iterator[None]:
    """The service with more in its config, for as long as the block lasts."""

    def reinstall(text: str) -> None:
        machine.path(CONFIG).write_text(text)
        machine.told("systemctl stop signalnode")
        machine.told(f"{OF_THE_MACHINE[0]} && systemctl daemon-reload && systemctl start signalnode")

    try:
        reinstall(NODE + more)
        yield
    finally:
        reinstall(NODE)


@only_long("two starts of the service, for a policy that few have")
def test_users_of_the_control_group_may_ask_the_service(service: Machine) -> None:
    ask = f"{PROGRAM} restart ALPHA-USD --config {CONFIG}"
    refused = service.run(ask, USER)
    assert refused.returncode == RequestError.exit_status
    assert "or as one of its control_group" in refused.stderr
    service.told(f"groupadd --force traders && usermod --append --groups traders {USER}")
    service.told("systemctl stop signalnode && rm /run/signalnode")
    with reinstalled(service, 'control_group = "traders"\n'):
        assert service.told(ask, USER) == "ALPHA-USD: up\n"
        assert service.told("stat --format '%a %G' /run/signalnode/") == "710 traders\n"
        assert service.run("ls /run/signalnode/", USER).returncode, "it may pass, and not look"


@only_long("three starts of the service; test_node.py has it without one")
def test_markets_that_are_kept_outlive_a_killed_supervisor(service: Machine) -> None:
    with reinstalled(service, 'on_supervisor_death = "keep"\n'):
        before = engines_of(service)
        service.told("systemctl kill --kill-whom main --signal KILL signalnode")
        wait_restarted(service)
        assert engines_of(service) == before, "the same processes, adopted"


@only_long("three starts of the service; the watchdog has its tests in tests/supervisor")
def test_a_node_that_hangs_is_started_again(service: Machine) -> None:
    assert shown(service, "WatchdogUSec") == "30s"
    drop_in = service.path(QUICK_WATCHDOG)
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nWatchdogSec=3\n")
    try:
        service.told("systemctl daemon-reload && systemctl restart signalnode")
        service.told("systemctl kill --kill-whom main --signal STOP signalnode")
        wait_restarted(service)
    finally:
        shutil.rmtree(drop_in.parent)
        service.told("systemctl daemon-reload && systemctl restart signalnode")
    assert "Watchdog timeout" in journal(service)


def test_what_keeps_it_from_running_is_told_before(service: Machine) -> None:
    install = OF_THE_MACHINE[0]
    service.told("chmod o-rx /etc/signalnode")
    refused = service.run(install)
    service.told("chmod o+rx /etc/signalnode")
    assert refused.returncode == 3
    assert "for /etc/signalnode is closed to others" in refused.stderr
    # Root's, and closed to the service.
    service.told(f"{PROGRAM} keys allow desk {'a' * 40} --config {CONFIG}")
    refused = service.run(install)
    assert refused.returncode == 3
    service.told(refused.stderr.strip().rpartition("run: ")[2])
    service.told(f"{install} && systemctl daemon-reload && systemctl restart signalnode")
    assert shown(service, "StatusText") == ALL_UP


def has_memory_controller(machine: Machine) -> bool:
    return "memory" in machine.told(f"cat {GROUP}/cgroup.controllers").split()


def test_a_market_is_capped_by_an_rlimit_where_no_controller_is_delegated(service: Machine) -> None:
    if has_memory_controller(service):
        pytest.skip("this kernel caps memory by control group")
    assert service.run(f"ls -d {GROUP}/*/").stdout == "", "the group is left undivided"
    status = json.loads(service.told(f"{PROGRAM} status --json --config {CONFIG}"))
    engines = [child["pid"] for child in status["children"] if child["role"] == "engine"]
    limits = [service.told(f"grep 'data size' /proc/{pid}/limits") for pid in engines]
    assert len(limits) == 2
    assert not any("unlimited" in limit for limit in limits)


def test_a_market_is_capped_in_a_control_group_of_its_own(service: Machine) -> None:
    if not has_memory_controller(service):
        pytest.skip("this kernel's memory controller belongs to control groups v1")
    group, pid = GROUP, shown(service, "MainPID")
    assert service.told(f"cat {group}/ALPHA-USD/memory.max") == f"{500_000_000 // 4096 * 4096}\n"
    assert pid in service.told(f"cat {group}/supervisor/cgroup.procs").split()
    before = service.told(f"cat {group}/ALPHA-USD/cgroup.procs")
    service.path("/etc/signalnode/markets/greedy.py").write_text(GREEDY)
    greedy = MARKET.format(name="GAMMA-USD") + '[signals]\nextra = ["greedy.py:greedy"]\n'
    path = write_market(service, "GAMMA-USD", greedy + "[limits]\nmemory_mb_max = 100\n")
    service.told("systemctl reload signalnode")
    ask = f"{PROGRAM} status GAMMA-USD --config {CONFIG}"
    service.until(lambda: service.run(ask).stdout, lambda text: "SIGKILL, out of memory" in text)
    path.unlink()
    assert service.told(f"cat {group}/ALPHA-USD/cgroup.procs") == before, "the others do not notice"
    assert shown(service, "MainPID") == pid
    service.told("systemctl reload signalnode")
