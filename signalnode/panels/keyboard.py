"""The keys of the terminal we stand before, without waiting for Enter. What they mean is in `keys`."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from types import TracebackType

from signalnode.panels.keys import keys_in

BYTES_MAX = 1_024  # taken at once
ESCAPE_S = 0.025  # what a key sends after its ESC comes within this


class Keyboard:
    """Keys of the terminal at `descriptor`, for as long as the `with` block lasts, whenever we are in its
    foreground: whoever reads it in the background is stopped.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)

    def __enter__(self) -> Keyboard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(termios.error, OSError):
            if self._is_ours():
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def new(self) -> list[str]:
        """The keys since the last call; none where the terminal is gone."""
        try:
            if not self._is_ours():
                return []
            if termios.tcgetattr(self._descriptor)[tty.LFLAG] & (termios.ICANON | termios.ECHO):
                tty.setcbreak(self._descriptor, termios.TCSADRAIN)  # again after whoever had it meanwhile
            data = self._read(0.0)
            if data.endswith(b"\x1b"):
                data += self._read(ESCAPE_S)
        except (termios.error, OSError):
            return []
        return keys_in(data)

    def _is_ours(self) -> bool:
        return os.tcgetpgrp(self._descriptor) == os.getpgrp()

    def _read(self, wait_s: float) -> bytes:
        ready, _, _ = select.select([self._descriptor], [], [], wait_s)
        return os.read(self._descriptor, BYTES_MAX) if ready else b""


def keyboard() -> contextlib.AbstractContextManager[Keyboard | None]:
    """That of standard input, if it is a terminal."""
    try:
        return Keyboard(0)
    except (termios.error, OSError):
        return contextlib.nullcontext()
