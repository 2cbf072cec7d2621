"""The command `signalnode`: the one place where everything is put together.

`parser` says what may be typed; each other file holds one group of verbs, loaded when one of them is used, so
that `status` need not wait for a compiler.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from signalnode.cli.parser import parse
from signalnode.errors import SignalnodeError

INTERRUPTED_STATUS = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE_STATUS = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. A user's fault is one line on stderr, never a traceback."""
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        module, _, function = arguments.target.partition(":")
        status: int = getattr(importlib.import_module(module), function)(arguments)
        sys.stdout.flush()
    except SignalnodeError as error:
        return _told(error)
    except BrokenPipeError:
        # The reader (`head`, say) has enough. Whatever is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE_STATUS
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS
    return status


def _told(error: SignalnodeError) -> int:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    for line in str(error).splitlines():
        print(f"signalnode: {line}", file=sys.stderr)
    return error.exit_status
