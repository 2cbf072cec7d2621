"""The text of a systemd unit for a supervised node, as hardened as its compiled code and sockets allow.

Sources: systemd.exec(5), systemd.service(5), systemd.kill(5). MemoryDenyWriteExecute is left out: compiled
kernels are written and then executed. ProtectControlGroups is left out: with Delegate the node caps its
children's memory itself. AF_NETLINK is in: libzmq lists the network interfaces when it binds, and aborts
where it may not.

A user's own service manager has no privileges to give up. What is only for the system's either keeps the
service from starting there (whatever drops a capability: exit 218) or does nothing (whatever needs mounts),
so it stands in the system's unit alone. PrivateUsers= would lend what it takes, but not every distribution
lets users make namespaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalnode_supervisor.settings import OnDeath

WATCHDOG_S = 30  # the loop reports twice in that time
START_S = 600  # a first start compiles
STOP_MARGIN_S = 10  # beyond the grace period, before systemd kills what is left
FILES_MAX = 65_536

_ANY_USER = """
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @obsolete
SystemCallErrorNumber=EPERM
UMask=0077
KeyringMode=private
"""

_SYSTEM = """
DynamicUser=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateDevices=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
DevicePolicy=closed
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What differs from one node to another. `command` is absolute; its words are quoted here."""

    name: str  # of the service, and of its directories under /run, /var/lib and /var/cache
    description: str
    command: Sequence[str]
    on_supervisor_death: OnDeath = "terminate"
    stop_grace_s: float = 5.0
    user: bool = False  # for a user's own service manager
    control_group: str | None = None  # of users who may ask the node; a user's own service leaves it alone
    final_statuses: Sequence[int] = ()  # exits that another start cannot mend: systemd leaves it ended
    environment: Mapping[str, str] = field(default_factory=dict)
    documentation: str = ""
    is_node: bool = True  # whose loop tells systemd how it is, and who divides its control group


def unit_text(unit: Unit) -> str:
    """The whole unit file. Raises ValueError when the command's path is not absolute."""
    if not unit.command or not unit.command[0].startswith("/"):
        raise ValueError(f"{' '.join(unit.command)!r}: a unit's command begins with an absolute path")
    keep = unit.on_supervisor_death == "keep"
    open_to_group = unit.control_group is not None and not unit.user
    about = [f"Description={unit.description}"]
    if unit.documentation:
        about.append(f"Documentation={unit.documentation}")
    if not unit.user:
        about += ["Wants=network-online.target", "After=network-online.target"]
    # By default systemd gives up after five starts in ten seconds; a port in use is soon tried that often.
    about.append("StartLimitIntervalSec=0")
    service = [
        *(("Type=notify", "NotifyAccess=main") if unit.is_node else ("Type=exec",)),
        f"ExecStart={' '.join(_quoted(word) for word in unit.command)}",
        "ExecReload=/bin/kill -HUP $MAINPID" if unit.is_node else "",
        *(f"Environment={_quoted(f'{key}={value}')}" for key, value in unit.environment.items()),
        "Restart=always",
        f"RestartPreventExitStatus={' '.join(map(str, unit.final_statuses))}" if unit.final_statuses else "",
        f"RestartSec={'100ms' if keep else '1s'}",
        f"WatchdogSec={WATCHDOG_S}" if unit.is_node else "",
        f"TimeoutStartSec={START_S}",
        f"TimeoutStopSec={unit.stop_grace_s + STOP_MARGIN_S:g}",
        "# keep: only the supervisor is killed, and its successor adopts the children." if keep else "",
        f"KillMode={'process' if keep else 'mixed'}",
        f"RuntimeDirectory={unit.name}",
        # For adoption; and always, for systemd cannot start a unit with `no` where one with `restart` ran.
        # With it the directory of a DynamicUser is below /run/private, which nobody but root can pass.
        f"RuntimeDirectoryPreserve={'no' if open_to_group else 'restart'}",
        f"StateDirectory={unit.name}",
        f"CacheDirectory={unit.name}",
        "RuntimeDirectoryMode=0700",
        "StateDirectoryMode=0700",
        "CacheDirectoryMode=0700",
        "# One child out of memory is the supervisor's business, not the end of the service.",
        "OOMPolicy=continue",
        # keep: a successor could not join a group that its predecessor has divided; limits are rlimits then.
        "" if keep or not unit.is_node else "Delegate=memory pids",
        f"LimitNOFILE={FILES_MAX}",
        "LimitCORE=0",
        *_ANY_USER.split("\n")[1:-1],
        *([] if unit.user else _SYSTEM.split("\n")[1:-1]),
        # A successor in a user namespace of its own could not look into the children it is to adopt.
        "" if unit.user or keep else "PrivateUsers=yes",
        # Its own group: what it makes belongs to that at once, for it may give no file away.
        f"Group={unit.control_group}" if open_to_group else "",
    ]
    wanted_by = "default.target" if unit.user else "multi-user.target"
    sections = (
        ("Unit", about),
        ("Service", [line for line in service if line]),
        ("Install", [f"WantedBy={wanted_by}"]),
    )
    return "\n".join(f"[{title}]\n" + "\n".join(lines) + "\n" for title, lines in sections)


def _quoted(word: str) -> str:
    """A word of a command or environment line: percent signs doubled, quoted where it would be split."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and not set(word) & set(" \t\"'\\;"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
