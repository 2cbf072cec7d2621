"""A machine inside this one, for tests: a real systemd as process 1 of namespaces of its own.

Its disk is a view of this one's whose changes are kept in memory; its network, /run, /tmp, /dev and control
groups are its own; signalnode is installed in /opt/signalnode. When process 1 is killed the kernel ends
everything in it and forgets its mounts; only its control group is left for us to remove.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from signalnode.compiled.loader import compile_missing, object_path
from tests.effort import PATIENCE_S

ROOT = Path(__file__).parent.parent
PROBES_MAX, PROBE_S = 1_800, 0.1  # looks at a state that is about to change, and the time between two
SYSTEMD = "/lib/systemd/systemd"
PROGRAM = "/opt/signalnode/bin/signalnode"
TOOLS = ("unshare", "nsenter", "setpriv", "pivot_root", "systemctl", "journalctl")
PATH = "/opt/signalnode/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USER, USER_ID = "trader", 59_000  # an ordinary one, below those that systemd gives out (61184 and up)
INTERPRETER = f"python{sys.version_info.major}.{sys.version_info.minor}"

# Every file system is mounted in a mount namespace that nothing leaves; then `$@` runs as process 1.
DISK = """
mount --make-rprivate /
mount -t tmpfs tmpfs "$HOLD"
mkdir "$HOLD/upper" "$HOLD/work" "$HOLD/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$HOLD/upper,workdir=$HOLD/work" "$HOLD/root"
cd "$HOLD/root"
mkdir -p old host opt/signalnode/packages ".$BASE"
mount --bind "$OUTSIDE" host
mount --bind "$PACKAGES" opt/signalnode/packages
mount --rbind "$BASE" ".$BASE"
for each in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $each; done
for each in null zero full random urandom tty; do touch dev/$each; mount --bind /dev/$each dev/$each; done
mkdir dev/shm
chmod 1777 tmp dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
pivot_root . old
cd /
umount -l old
exec "$@"
"""

# What a bare machine has of systemd's own units; none that would look for hardware.
TARGETS = (
    "basic default multi-user network network-online paths shutdown slices sockets sysinit timers local-fs"
)
JOURNAL = "systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket"
USER_SERVICE = f"""[Service]
User={USER}
Type=notify
Environment=XDG_RUNTIME_DIR=/run/user/{USER_ID}
RuntimeDirectory=user/{USER_ID}
ExecStart={SYSTEMD} --user
Delegate=yes
"""
SCRIPT = """#!/opt/signalnode/bin/python
import sys
from signalnode.cli import main
sys.exit(main())
"""
SUDO = '#!/bin/sh\nexec "$@"\n'  # who runs the tests is root already
INSTALL = f"""
"$PYTHON" -m venv --without-pip /opt/signalnode
cp -r --preserve=timestamps /host/code/. /opt/signalnode/lib/{INTERPRETER}/site-packages
echo /opt/signalnode/packages > /opt/signalnode/lib/{INTERPRETER}/site-packages/packages.pth
install -m 755 /host/signalnode {PROGRAM}
install -m 755 /host/sudo /usr/local/bin/sudo
for each in $OPENED; do chmod o+x "$each"; done
rm -rf /etc/systemd/system /var/lib/signalnode /var/lib/private /var/cache/private /etc/signalnode
mkdir -p /etc/systemd/system /var/cache/private
chmod 700 /var/cache/private
cp -r /host/cache /var/cache/private/signalnode
cp -r /host/units/. /etc/systemd/system
for each in {TARGETS}; do cp /lib/systemd/system/$each.target /etc/systemd/system; done
for each in {JOURNAL}; do cp /lib/systemd/system/$each /etc/systemd/system; done
mkdir -p /etc/systemd/system/sockets.target.wants
ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket /etc/systemd/system/sockets.target.wants
useradd --uid {USER_ID} --create-home {USER}
mkdir /home/{USER}/.cache
cp -r /host/cache /home/{USER}/.cache/signalnode
exec "$@"
"""


class CannotBootError(Exception):
    """This place lacks what such a machine needs; the message says what."""


class Machine:
    """Booted when made; `end` leaves nothing of it."""

    def __init__(self) -> None:
        groups = group_folder()
        self._outside = Path(tempfile.mkdtemp(prefix="machine"))
        self._group = groups / self._outside.name
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0  # of its process 1, as seen from here
        try:
            self._group.mkdir()
            self._probe()
            self._boot()
        except BaseException:
            self.end()
            raise

    def run(self, line: str, user: str = "root", folder: str = "/") -> subprocess.CompletedProcess[str]:
        """Run one command line in it, to its end."""
        home = {"root": "/root"}.get(user, f"/home/{user}")
        environment = [
            f"PATH={PATH}",
            f"HOME={home}",
            f"XDG_RUNTIME_DIR=/run/user/{USER_ID}",
            "LC_ALL=C.UTF-8",
        ]
        who = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
        command = ["env", "-i", *environment, *who, "bash", "-c", f"cd {folder} && {line}"]
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def told(self, line: str, user: str = "root", folder: str = "/") -> str:
        """What a command prints that must succeed."""
        done = self.run(line, user, folder)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def path(self, name: str) -> Path:
        """A path in it, as seen from here. Links in it that are absolute lead elsewhere."""
        return Path(f"/proc/{self.pid}/root{name}")

    def until(self, look: Callable[[], str], satisfied: Callable[[str], bool]) -> str:
        """What is seen as soon as it satisfies."""
        seen = ""
        for _ in range(PROBES_MAX):
            seen = look()
            if satisfied(seen):
                return seen
            time.sleep(PROBE_S)
        raise AssertionError(f"never: {seen}")

    def end(self) -> None:
        """End everything in it, and remove its control group and folder."""
        if self._process is not None:
            first = children_of(self._process.pid)  # its process 1, whose end waits for everybody else's
            for pid in first or [self._process.pid]:
                os.kill(pid, signal.SIGKILL)
            self._process.wait()
        for folder in sorted(self._group.rglob("*/"), reverse=True):
            folder.rmdir()
        with contextlib.suppress(FileNotFoundError):
            self._group.rmdir()
        shutil.rmtree(self._outside)

    def _start(self, *command: str, console: int) -> subprocess.Popen[bytes]:
        hold = self._outside / "hold"
        hold.mkdir(exist_ok=True)
        environment = {
            "PATH": PATH,
            "GROUP": str(self._group),
            "HOLD": str(hold),
            "OUTSIDE": str(self._outside),
            "BASE": sys.base_prefix,
            "OPENED": " ".join(map(str, Path(sys.base_prefix).parents)),
            "PYTHON": os.path.realpath(sys.executable),
            "PACKAGES": str(next(path for path in map(Path, sys.path) if (path / "numpy").is_dir())),
        }
        # Whoever watches process 1 stays out of its group, which may be divided only while nobody is in it.
        join = 'echo 0 > "$GROUP/cgroup.procs" && exec unshare --cgroup "$@"'
        namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        # When whoever runs the test is killed, unshare is, and with it process 1.
        apart = ["setpriv", "--pdeathsig=KILL", "unshare", *namespaces]
        return subprocess.Popen(
            [*apart, "bash", "-ec", join, "-", "bash", "-ec", DISK, "-", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )

    def _probe(self) -> None:
        """Whether all its file systems can be mounted here."""
        with tempfile.TemporaryFile() as console:
            status = self._start("true", console=console.fileno()).wait(PATIENCE_S)
            console.seek(0)
            if status != 0:
                raise CannotBootError(console.read().decode().strip().rpartition("\n")[2])

    def _boot(self) -> None:
        self._furnish()
        address = self._outside / "notify"
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news,
            (self._outside / "console").open("wb") as console,
        ):
            news.bind(str(address))
            said = "NOTIFY_SOCKET=/host/notify"
            systemd = [
                "env",
                "-i",
                f"PATH={PATH}",
                said,
                "container=test",
                "SYSTEMD_UNIT_PATH=/etc/systemd/system",
            ]
            options = ["--system", "--unit=multi-user.target", "--log-target=journal", "--show-status=no"]
            self._process = self._start(
                "bash", "-ec", INSTALL, "-", *systemd, SYSTEMD, *options, console=console.fileno()
            )
            watched = [news.fileno(), os.pidfd_open(self._process.pid)]
            try:
                while b"READY=1" not in self._heard(news, watched):
                    pass
            finally:
                os.close(watched[1])
        (self.pid,) = children_of(self._process.pid)

    def _heard(self, news: socket.socket, watched: list[int]) -> bytes:
        """What its systemd says next. Raises CannotBootError where its process 1 ended instead."""
        ready, _, _ = select.select(watched, [], [], PATIENCE_S)
        said = (self._outside / "console").read_text()
        if news.fileno() in ready:
            return news.recv(4096)
        if ready:
            raise CannotBootError(said.strip().rpartition("\n")[2])
        raise AssertionError(f"never booted: {said}")

    def _furnish(self) -> None:
        """What its installation takes from here."""
        for package in (ROOT / "signalnode", ROOT / "supervisor" / "signalnode_supervisor"):
            shutil.copytree(package, self._outside / "code" / package.name)
        (self._outside / "cache").mkdir(mode=0o700)
        compile_missing(lambda _: None)  # once here, not in each of its nodes
        shutil.copy2(object_path(), self._outside / "cache")
        (self._outside / "units").mkdir()
        (self._outside / "units" / f"user-{USER}.service").write_text(USER_SERVICE)
        (self._outside / "signalnode").write_text(SCRIPT)
        (self._outside / "sudo").write_text(SUDO)


def children_of(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def group_folder() -> Path:
    """Where control groups (v2) can be made. Raises CannotBootError where that, or a tool, is missing."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or not Path(SYSTEMD).exists():
        raise CannotBootError(f"{', '.join(missing) or SYSTEMD} is not installed")
    if os.geteuid() != 0:
        raise CannotBootError("only root may make namespaces")
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    if not found or not os.access(found[0], os.W_OK):
        raise CannotBootError("no writable control groups (v2) are mounted")
    return found[0]
