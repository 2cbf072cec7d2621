"""How a process ends that a library would keep for minutes: with its own exit status, and within a bound."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable

CLOSE_S_MAX = 10.0  # for a library to say goodbye to whom it is connected to


class _Leaving:
    """What is known of the end."""

    is_at_once = False
    status: int | None = None  # of the command; None where Python ends without one of ours


def at_once() -> None:
    """Nothing is waited for once the command is done: what was registered before this is not called."""
    if not _Leaving.is_at_once:
        _Leaving.is_at_once = True
        atexit.register(_leave)


def with_status(status: int) -> None:
    """What the command came to, whatever failed on its way."""
    _Leaving.status = status


def closed(close: Callable[[], object], wait_s: float = CLOSE_S_MAX) -> bool:
    """Whether `close` came back in time; else it goes on, and the process ends without it."""
    closing = threading.Thread(target=close, name="closing", daemon=True)
    closing.start()
    closing.join(wait_s)
    return not closing.is_alive()


def _leave() -> None:
    if _Leaving.status is None:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(_Leaving.status)
