"""Ports for tests: free now, and none that the kernel would hand to a connecting socket."""

from __future__ import annotations

import random
import socket

# Below the ephemeral range (32768 and up on Linux): a subscriber that retries a port inside it will sooner or
# later be given that very port as its own end, connect to itself, and so keep the node from binding it.
LOWEST, HIGHEST = 10_000, 32_000


def free_port() -> int:
    """A port on which, and on the one behind it (the snapshot socket's), nothing listens on 127.0.0.1."""
    while True:
        port = random.randrange(LOWEST, HIGHEST, 2)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
        return port
