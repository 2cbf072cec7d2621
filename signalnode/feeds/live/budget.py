"""What this machine may still ask of a venue, which counts by address: one file for all gateways, which a
crash loop cannot forget. Times are of the machine's monotonic clock.

Connects are counted, and REST requests by weight. Where the venue has said to wait (HTTP 429 or 418), no
gateway asks for anything before that is over. Where a venue bears only so many connections of one address,
those that stand are counted as well, by process: what a killed one had is free.

Where the file cannot be written, for the disk is full, a gateway goes on by what it last read and what it has
spent since, and writes that down as soon as there is room.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec

from signalnode.clock import NS_PER_S
from signalnode.errors import RuntimeDirectoryError, SignalnodeError
from signalnode.feeds.live.sessions.base import Limits
from signalnode.files import hold_lock, replace_file

BUSY_NS = NS_PER_S // 10  # to wait where another gateway has the file just now
FULL_NS = 5 * NS_PER_S  # to wait where the venue bears no more connections
BAN_S, BAN_S_MAX = 60.0, 86_400.0  # where a venue does not say how long; and whatever it says

Spent = list[tuple[int, float]]  # when, and how much
UNCOUNTED = 1_000  # `connections_max` of a venue that bears as many as anybody has


class Account(msgspec.Struct):
    """What the file holds."""

    connects: Spent = []
    requests: Spent = []
    banned_ns: int = 0  # until then
    standing: dict[str, int] = {}  # connections, by pid


def granted(spent: Spent, weight: float, now_ns: int, most: float, period_s: float) -> tuple[Spent, int]:
    """What counts of `spent`, with `weight` at `now_ns` if that may be; and how long it must wait, 0 if so.

    At most `most` within any `period_s`; what weighs more than that waits for all else.
    """
    period_ns = int(period_s * NS_PER_S)
    counted = [(time_ns, each) for time_ns, each in spent if now_ns - period_ns < time_ns <= now_ns]
    excess = sum(each for _, each in counted) + min(weight, most) - most
    for time_ns, each in counted:
        if excess <= 0.0:
            break
        excess -= each
        if excess <= 0.0:
            return counted, time_ns + period_ns - now_ns
    return [*counted, (now_ns, weight)], 0


class Budget:
    """The file at `path`; `connect` and `request` give the ns to wait, 0 where it may be done now."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._lock = path.with_name(f"{path.name}-lock")
        self._banned_ns = 0  # that may not stand in the file yet
        self._unwritten: Account | None = None  # what the file would hold, were there room
        self._owed = 0  # connections that are gone, as the file does not say yet

    def connect(self, now_ns: int) -> int:
        """Take one connect; `closed` gives back what stands for it."""
        limits = self._limits
        return self._spend("connects", 1.0, now_ns, limits.connects_max, limits.connects_period_s)

    def closed(self) -> None:
        """A connection of ours is gone, or never was."""
        if self._limits.connections_max >= UNCOUNTED:
            return
        try:
            with self._held():
                account = self._read(0)
                own = str(os.getpid())
                account.standing[own] = max(0, account.standing.get(own, 0) - 1)
                self._write(account)
        except (OSError, SignalnodeError):
            self._owed += 1

    def _has_room(self, account: Account) -> bool:
        """Whether one more connection may stand; then it does."""
        if self._limits.connections_max >= UNCOUNTED:
            return True
        own = str(os.getpid())
        standing = {pid: count for pid, count in account.standing.items() if count > 0 and _is_alive(pid)}
        if own in standing:
            standing[own], self._owed = max(0, standing[own] - self._owed), 0
        has_room = sum(standing.values()) < self._limits.connections_max
        account.standing = {**standing, own: standing.get(own, 0) + has_room}
        return has_room

    def request(self, weight: float, now_ns: int) -> int:
        """Take a REST request of that weight."""
        limits = self._limits
        return self._spend("requests", weight, now_ns, limits.requests_max, limits.requests_period_s)

    def ban(self, wait_s: float, now_ns: int) -> None:
        """The venue wants nothing asked for so long; 0: it does not say."""
        wait_ns = int(min(wait_s or BAN_S, BAN_S_MAX) * NS_PER_S)
        self._banned_ns = max(self._banned_ns, now_ns + wait_ns)
        self.request(0.0, now_ns)  # which writes it down

    def _spend(self, name: str, weight: float, now_ns: int, most: float, period_s: float) -> int:
        try:
            with self._held():
                account = self._read(now_ns)
                spent, wait_ns = granted(getattr(account, name), weight, now_ns, most, period_s)
                if account.banned_ns > now_ns:
                    wait_ns = account.banned_ns - now_ns
                elif name == "connects" and not wait_ns and not self._has_room(account):
                    wait_ns = FULL_NS
                else:
                    setattr(account, name, spent)
                self._write(account)
        except (OSError, SignalnodeError):
            return BUSY_NS
        return wait_ns

    def _held(self) -> AbstractContextManager[object]:
        try:
            return hold_lock(self._lock)
        except RuntimeDirectoryError:
            return nullcontext()  # no file can be made here, by nobody else either

    def _write(self, account: Account) -> None:
        try:
            replace_file(self._path, msgspec.json.encode(account))
        except OSError:
            self._unwritten = account
        else:
            self._unwritten = None

    def _read(self, now_ns: int) -> Account:
        try:
            account = msgspec.json.decode(self._path.read_bytes(), type=Account)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            account = Account()
        if self._unwritten is not None:
            own, known = str(os.getpid()), self._unwritten
            account.connects = sorted({*account.connects, *known.connects})
            account.requests = sorted({*account.requests, *known.requests})
            account.banned_ns = max(account.banned_ns, known.banned_ns)
            account.standing[own] = known.standing.get(own, 0)
        if account.banned_ns > now_ns + int(BAN_S_MAX * NS_PER_S):
            account.banned_ns = 0  # of another boot's clock
        account.banned_ns = max(account.banned_ns, self._banned_ns)
        return account


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return pid.isdecimal()
    return True
