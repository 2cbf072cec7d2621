"""What a service manager is told over NOTIFY_SOCKET (sd_notify(3)). Without that socket nothing happens."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

NS_PER_US = 1000


class Notifier:
    """Sends READY, STATUS, RELOADING, STOPPING and the watchdog's WATCHDOG. Never blocks, never raises."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self.watchdog_ns = self._watchdog_ns(environment)
        self._next_ns = 0
        self._status = ""

    @property
    def is_heard(self) -> bool:
        """Whether a service manager listens at all."""
        return self._socket is not None

    def _watchdog_ns(self, environment: Mapping[str, str]) -> int | None:
        """How often to report: half of what the manager allows; None when it does not watch us."""
        whose = environment.get("WATCHDOG_PID", "")
        allowed_us = environment.get("WATCHDOG_USEC", "")
        if self._socket is None or not allowed_us.isdigit() or (whose and whose != str(os.getpid())):
            return None
        return int(allowed_us) * NS_PER_US // 2 or None

    def ready(self) -> None:
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; said again only when it differs."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def reloading(self, now_ns: int) -> None:
        """Monotonic time is part of the protocol of Type=notify-reload; follow it with `ready`."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_ns // NS_PER_US}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def next_deadline_ns(self) -> int | None:
        return self._next_ns if self.watchdog_ns is not None else None

    def tick(self, now_ns: int) -> None:
        """From the loop itself, so that the watchdog sees a loop that no longer turns."""
        if self.watchdog_ns is not None and self._next_ns <= now_ns:
            self._next_ns = now_ns + self.watchdog_ns
            self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(text.encode(), self._address)
