"""What this machine may still ask of a venue, which counts by address: one file for all gateways, which a
crash loop cannot forget. Times are of the machine's monotonic clock.

Connects are counted, and REST requests by weight. Where the venue has said to wait (HTTP 429 or 418), no
gateway asks for anything before that is over.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from signalnode.clock import NS_PER_S
from signalnode.errors import SignalnodeError
from signalnode.feeds.live.sessions.base import Limits
from signalnode.files import hold_lock, replace_file

BUSY_NS = NS_PER_S // 10  # to wait where another gateway has the file just now
BAN_S, BAN_S_MAX = 60.0, 86_400.0  # where a venue does not say how long; and whatever it says

Spent = list[tuple[int, float]]  # when, and how much


class Account(msgspec.Struct):
    """What the file holds."""

    connects: Spent = []
    requests: Spent = []
    banned_ns: int = 0  # until then


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
    """The file at `path`; each method but `ban` gives the ns to wait, 0 where it may be done now."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._lock = path.with_name(f"{path.name}-lock")
        self._banned_ns = 0  # that may not stand in the file yet

    def connect(self, now_ns: int) -> int:
        """Take one connect."""
        limits = self._limits
        return self._spend("connects", 1.0, now_ns, limits.connects_max, limits.connects_period_s)

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
            with hold_lock(self._lock):
                account = self._read(now_ns)
                spent, wait_ns = granted(getattr(account, name), weight, now_ns, most, period_s)
                if account.banned_ns > now_ns:
                    wait_ns = account.banned_ns - now_ns
                else:
                    setattr(account, name, spent)
                replace_file(self._path, msgspec.json.encode(account))
        except (OSError, SignalnodeError):
            return BUSY_NS
        return wait_ns

    def _read(self, now_ns: int) -> Account:
        try:
            account = msgspec.json.decode(self._path.read_bytes(), type=Account)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            account = Account()
        if account.banned_ns > now_ns + int(BAN_S_MAX * NS_PER_S):
            account.banned_ns = 0  # of another boot's clock
        account.banned_ns = max(account.banned_ns, self._banned_ns)
        return account
