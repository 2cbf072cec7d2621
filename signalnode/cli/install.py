"""`install-systemd`: the unit for this config, refused where a service could not run on it."""

from __future__ import annotations

import argparse
import hashlib
import os
import stat
import sys
from pathlib import Path

from signalnode.cli.numbers import joined_address
from signalnode.errors import ConfigError, RuntimeDirectoryError, UsageError
from signalnode.files import ensure_directory, replacing
from signalnode.names import checked_name
from signalnode.settings import NodeSettings, load_node, user_state_dir, user_units_dir
from signalnode.settings.code import own_code
from signalnode.settings.model import SupervisorSettings
from signalnode.settings.reading import shown
from signalnode_supervisor.units import Unit, unit_text

PROGRAM = "signalnode"  # and the name of its service, where no other is asked for
HEAD, HOST = f"{PROGRAM}-head", f"{PROGRAM}-host"  # likewise, in a cluster
CLUSTER_STOP_S = 20.0  # for a host's shards to keep what their markets know
SYSTEM_UNITS_DIR = Path("/etc/systemd/system")
MARK = "# By `signalnode install-systemd`, which leaves it alone once somebody has changed it: "
UNIT_MODE, UNITS_DIR_MODE = 0o644, 0o755
# What only a person can mend; a port or a directory may be free again at the next start.
FINAL_STATUSES = (UsageError.exit_status, ConfigError.exit_status)


def install(arguments: argparse.Namespace) -> int:
    """Write the unit, or print it, and say how to start it."""
    if arguments.head or arguments.join:
        name, text = _cluster_service(arguments)
    else:
        name, text = _node_service(arguments)
    text = marked(text)
    if arguments.print:
        print(text, end="")
        return 0
    path = (user_units_dir() if arguments.user else SYSTEM_UNITS_DIR) / f"{name}.service"
    refuse_another(path, text)
    _write(path, text)
    systemctl = "systemctl --user" if arguments.user else "systemctl"
    print(f"{path}: written; start it now and at every {'login' if arguments.user else 'boot'} with:")
    print(f"{systemctl} daemon-reload && {systemctl} enable --now {name}")
    if arguments.user:
        print("it ends when you log out, unless you let it linger: loginctl enable-linger")
    return 0


def _node_service(arguments: argparse.Namespace) -> tuple[str, str]:
    node = load_node(arguments.config)
    name = checked_name(PROGRAM if arguments.name is None else arguments.name, "a service")
    command = [*program(), "run", "--config", str(node.path)]
    faults = [] if arguments.user else service_faults(node, command[0], name)
    if faults:
        raise ConfigError(faults)
    return name, node_unit(command, node.supervisor, name, user=arguments.user)


def _cluster_service(arguments: argparse.Namespace) -> tuple[str, str]:
    """The head's service, or a host's, each with a directory of its own for the token."""
    usual = HEAD if arguments.head else HOST
    name = checked_name(usual if arguments.name is None else arguments.name, "a service")
    words = ["head"] if arguments.head else ["join", joined_address(arguments.join)]
    base = user_state_dir() / name if arguments.user else service_dirs(name)["state_dir"]
    command = [*program(), "cluster", *words, "--dir", str(base)]
    if arguments.head:
        command += ["--config", str(load_node(arguments.config, with_markets=False).path)]
    files = [Path(command[0]), Path(sys.executable).resolve(), Path(__file__)]
    closed = None if arguments.user else next(filter(None, map(closed_part, files)), None)
    if closed is not None:
        raise ConfigError(f"a system service cannot pass {closed}; install to /opt/{PROGRAM}, or use --user")
    return name, cluster_unit(command, name, user=arguments.user)


def marked(text: str) -> str:
    """A unit's text with a first line by which it is known as ours, and as it was written."""
    return f"{MARK}{hashlib.sha256(text.encode()).hexdigest()[:16]}\n{text}"


def refuse_another(path: Path, text: str) -> None:
    """Raises ConfigError where the unit that is there is not ours, was edited, or runs another node."""
    try:
        there = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # none, or none that we may read: writing says what is wrong
    mend = "choose another --name, or move it away"
    if marked(there.partition("\n")[2]) != there:
        edit = f"; to change a unit that we wrote use `systemctl edit {path.stem}`"
        raise ConfigError(f"{path}: another program wrote this, or somebody changed it; {mend}{edit}")
    if _config_of(there) != _config_of(text):
        raise ConfigError(f"{path}: runs another node,{_config_of(there)}; {mend}")


def _config_of(text: str) -> str:
    """The config of the node that the unit runs, as it stands in its command."""
    commands = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    return commands[0].rpartition("--config")[2] if commands else ""


def cluster_unit(command: list[str], name: str, *, user: bool) -> str:
    """As `node_unit`, for the head of a cluster or a host of it: neither divides its memory among children,
    for a host's shards would divide the same.
    """
    return unit_text(
        Unit(
            name=name,
            description=f"signalnode {' '.join(command[1:3])}",
            command=command,
            stop_grace_s=CLUSTER_STOP_S,
            user=user,
            final_statuses=FINAL_STATUSES,
            is_node=False,
        )
    )


def service_dirs(name: str) -> dict[str, Path]:
    """Where a hardened service of that name may write: systemd makes these for it (systemd.exec(5))."""
    return {"runtime_dir": Path("/run") / name, "state_dir": Path("/var/lib") / name}


def node_unit(command: list[str], policy: SupervisorSettings, name: str = PROGRAM, *, user: bool) -> str:
    """The text of the unit that runs `command`, whose first word is an absolute path."""
    return unit_text(
        Unit(
            name=name,
            description="Seven continuous scores a market, over ZeroMQ",
            command=command,
            on_supervisor_death=policy.on_supervisor_death,
            control_group=policy.control_group,
            stop_grace_s=policy.stop_grace_s,
            user=user,
            final_statuses=FINAL_STATUSES,
        )
    )


def program() -> list[str]:
    """The words that run this very installation: the script beside its Python, else that Python itself."""
    script = Path(sys.executable).with_name(PROGRAM)
    return [str(script)] if script.is_file() else [sys.executable, "-P", "-m", PROGRAM]


def service_faults(node: NodeSettings, executable: str, name: str = PROGRAM) -> list[str]:
    """What would keep a system service from running: it has a user and a view of the disk of its own."""
    assert node.path is not None
    where = shown(node.path)
    faults = []
    for key, wanted in service_dirs(name).items():
        given: Path = getattr(node, key)
        if given != wanted and wanted not in given.parents:
            what = f"a system service may not write to {given}"
            faults.append(f'{where}: {key}: {what}; set {key} = "{wanted}", or install with --user')
    files = [Path(executable), Path(sys.executable).resolve(), Path(__file__), node.path, node.markets_dir]
    files += [*(each.path for each in node.markets.values() if each.path)]
    files += [file for each in node.markets.values() for file in each.feed.paths]
    for file in [*files, *own_code(node)]:
        closed = closed_part(file)
        if closed is not None:
            what = (
                f"a system service cannot read {shown(file)}, for {closed} is closed to others or temporary"
            )
            faults.append(
                f"{where}: {what}; move it (to /etc/{PROGRAM}, /opt/{PROGRAM}), or install with --user"
            )
            break  # one place, one mend
    return faults + keys_faults(node, name) + group_faults(node, name)


def group_faults(node: NodeSettings, name: str = PROGRAM) -> list[str]:
    """A control group takes a runtime directory that others can pass to.

    A DynamicUser's is one only where it is not preserved over restarts, as `keep` needs; and systemd trips
    over the link to the private one that another unit of that name had.
    """
    if node.supervisor.control_group is None:
        return []
    assert node.path is not None
    where, directory = f"{shown(node.path)}: supervisor.control_group", service_dirs(name)["runtime_dir"]
    if node.supervisor.on_supervisor_death == "keep":
        return [f'{where}: a system service cannot have it with on_supervisor_death = "keep"; choose one']
    if directory.is_symlink():
        mend = f"run: systemctl stop {name}; rm {directory}"
        return [f"{where}: {directory} is a link that the service had without a group; {mend}"]
    return []


def keys_faults(node: NodeSettings, name: str = PROGRAM) -> list[str]:
    """A secret key is open to its owner alone, and the service owns just what systemd has given it.

    At the first start systemd gives it all that is in its state directory; what comes later keeps its owner.
    """
    keys, home = node.aggregator.keys_dir, service_dirs(name)["state_dir"]
    if keys is None:
        return []
    assert node.path is not None
    where = f"{shown(node.path)}: aggregator.keys_dir: a system service cannot read the secret key in {keys}"
    if home not in keys.parents:
        return [f'{where}; set keys_dir = "{home}/keys", move the keys there, or install with --user']
    for file in keys.rglob("*"):
        if owner_of(file) != owner_of(home):
            return [f"{where}, for {file.name} is not its own; run: chown -R --reference={home} {keys}"]
    return []


def owner_of(file: Path) -> int:
    return file.stat().st_uid


def closed_part(file: Path) -> Path | None:
    """The part of a path that any user but its owner cannot pass or read; None where all is open.

    /tmp and /var/tmp are closed as well: a service has its own (PrivateTmp).
    """
    for temporary in (Path("/tmp"), Path("/var/tmp")):
        if temporary in file.parents:
            return temporary
    for part in [*reversed(file.parents), file]:
        try:
            mode = os.stat(part).st_mode
        except OSError:
            return part
        needed = stat.S_IXOTH if part != file else stat.S_IROTH | stat.S_IXOTH * stat.S_ISDIR(mode)
        if mode & needed != needed:
            return part
    return None


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        ensure_directory(path.parent, UNITS_DIR_MODE)
        with replacing(path) as draft:
            draft.write_text(text, encoding="utf-8")
            draft.chmod(UNIT_MODE)
    except OSError as error:
        mend = "run it with sudo, or with --user, or use --print"
        raise RuntimeDirectoryError(f"{path}: cannot be written ({error.strerror}); {mend}") from None
