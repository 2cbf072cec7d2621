"""Ports for tests: free now, kept from every other test, and none that a connecting socket could be given."""

from __future__ import annotations

import random
import socket

# Below the ephemeral range (32768 and up on Linux): a subscriber that retries a port inside it will sooner or
# later be given that very port as its own end, connect to itself, and so keep the node from binding it.
LOWEST, HIGHEST = 10_000, 32_000


def free_port() -> int:
    """A port on which, and on the one behind it (the snapshot socket's), nothing listens on 127.0.0.1.

    Whoever gets it binds it only later. Until then an abstract socket of its name, of which each network has
    one, tells the other processes of the same run that it is given.
    """
    while True:
        port = random.randrange(LOWEST, HIGHEST, 2)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as first, socket.socket() as second:
            try:
                claim.bind(f"\0signalnode-test-port-{port}")
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                claim.close()
                continue
        claim.detach()  # held until this process ends
        return port
