"""The terminal that `run` is started on: who gets Ctrl-C, and what happens when its window is closed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from signalnode.settings.environment import colours_refused


@contextlib.contextmanager
def terminal_to_ourselves() -> Iterator[None]:
    """Be the terminal's foreground process group, where another program started us on a terminal.

    Under `make run` Ctrl-C would go to make as well, which then fails although the node ended well. Nobody
    would wake us from Ctrl-Z there, so it does nothing. A shell gives each command a group of its own: then
    nothing is to do, nor where there is no terminal.
    """
    group = os.getpgrp()
    if group == os.getpid() or _foreground() != group:
        yield
        return
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpid())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # whoever started us may be gone
            os.tcsetpgrp(sys.stdin.fileno(), group)
        for number, reaction in earlier.items():
            signal.signal(number, reaction)


def ending_with_terminal(tell: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Events pass through to `tell`; the node ends when the window it was started in is closed.

    A closed window sends SIGHUP, which to a node without a terminal means reload, so we look at a reload.
    Told once, for a second SIGTERM would hurry the end. What was the terminal leads nowhere from then on:
    half a line that waits for it would fail at exit, and Python then ends with status 120.
    """
    open_still = _foreground() != 0
    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def watching(event: dict[str, Any]) -> None:
        nonlocal open_still
        if open_still and str(event.get("event")).startswith("reload") and not _foreground():
            open_still = False
            nowhere = os.open(os.devnull, os.O_RDWR)
            for number in terminals:
                os.dup2(nowhere, number)
            os.close(nowhere)
            os.kill(os.getpid(), signal.SIGTERM)
        tell(event)

    return watching


def is_coloured(stream: TextIO) -> bool:
    """Whether colours belong there: on a terminal, unless its user wants none."""
    return stream.isatty() and not colours_refused()


def _foreground() -> int:
    """The process group that the terminal's keys go to; 0 without a terminal."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno())
    except (OSError, ValueError):
        return 0
