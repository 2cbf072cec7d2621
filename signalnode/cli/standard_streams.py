"""Standard input, output and error as a command can rely on: open, and never failing over a character.

A shell may close any of the three (`<&-`, `>&-`, `2>&-`). Python then sets `sys.stdin` or its like to None,
and the next file or socket opened gets the free number: a log line would go into a checkpoint. So before
anything else each free number leads to /dev/null. A terminal that is not UTF-8 gets ASCII for what it lacks.
"""

from __future__ import annotations

import codecs
import io
import os
import sys

_IN_ASCII = {
    "·": "-", "−": "-", "–": "-", "—": "-", "×": "x", "…": "...", "→": "->", "↑": "^", "↓": "v",  # text
    "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#",  # bars, low to high
    "▲": "^", "▼": "v", "►": ">", "●": "*", "○": "o", "Δ": "d", "σ": "s", "µ": "u",
    "─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┼": "+",
}  # fmt: skip
_ERRORS = "signalnode.ascii"


def secure_standard_streams() -> None:
    """Open what is closed on /dev/null, and let output that cannot be encoded be shown in ASCII."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        _open(number, name)
    codecs.register_error(_ERRORS, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _open(number: int, name: str) -> None:
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        os.set_inheritable(number, True)
    if getattr(sys, name) is None:
        stream = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
        setattr(sys, name, io.TextIOWrapper(stream, encoding="utf-8", line_buffering=True))


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """As codecs.register_error wants it: what stands in for the characters, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(each, "?") for each in lost), error.end
