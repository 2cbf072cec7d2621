"""`alerts test`: one message to each receiver of `[alerts]`, so that its owner knows that they arrive."""

from __future__ import annotations

import argparse
import socket

from signalnode.clock import NS_PER_S, monotonic_ns, wall_ns
from signalnode.errors import AlertError, UsageError
from signalnode.settings import load_node
from signalnode.settings.reading import shown


def test(arguments: argparse.Namespace) -> int:
    """Send one message from here to each receiver, whether a node runs or not; says how each took it."""
    from signalnode.panels.alerts.message import trial_message
    from signalnode.panels.alerts.routes import receivers

    node = load_node(arguments.config, with_markets=False)
    assert node.path is not None
    found = receivers(node.alerts)
    if not found:
        raise UsageError(f"{shown(node.path)}: alerts: nobody is to be told; set its webhook or its command")
    message = trial_message(socket.gethostname(), wall_ns())
    faults = []
    for name, deliver in found.items():
        start_ns = monotonic_ns()
        outcome = deliver(message)
        if outcome.fault:
            faults.append(f"{name}: {outcome.fault}")
        else:
            print(f"{name}: delivered in {(monotonic_ns() - start_ns) / NS_PER_S:.2f} s")
    if faults:
        raise AlertError("\n".join(faults))
    return 0
