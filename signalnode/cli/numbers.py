"""Numbers and addresses that may be typed, each with its bounds."""

from __future__ import annotations

import argparse

from signalnode.errors import UsageError
from signalnode.names import PORT_MAX, host_and_port

COUNT_MAX = 2**63 - 1
LINES_MAX = 1_000_000  # more than the two files of a log hold
INTERVAL_MS_MAX = 86_400_000  # a day between two rows
TRIALS_MAX = 10_000
WAIT_S_MAX = 86_400
JOBS_MAX = 1_024  # processes of `tune`


def count(text: str) -> int:
    """How often, or a seed."""
    return _whole(text, COUNT_MAX)


def lines(text: str) -> int:
    """Lines of a log."""
    return _whole(text, LINES_MAX)


def interval_ms(text: str) -> int:
    """Milliseconds between two rows."""
    return _whole(text, INTERVAL_MS_MAX)


def trials(text: str) -> int:
    """Trials of a signal."""
    return _whole(text, TRIALS_MAX)


def jobs(text: str) -> int:
    """Processes at once."""
    return _whole(text, JOBS_MAX)


def wait_s(text: str) -> int:
    """Seconds until something is done; 0: no wait at all."""
    return _whole(text, WAIT_S_MAX, 0)


def joined_address(text: str) -> str:
    """Where a head listens, as it was typed. Raises UsageError."""
    address = host_and_port(f"tcp://{text}")
    if address is None or not 0 < address[1] <= PORT_MAX:
        raise UsageError(f"{text!r} is no host and port of a head; write it like 10.0.0.1:6379")
    return text


def _whole(text: str, most: int, least: int = 1) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most:,}")
    return int(text)
