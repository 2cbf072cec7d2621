"""One command as it was typed: what runs it, and how each of its ends is told."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from signalnode.cli import BROKEN_PIPE_STATUS
from signalnode.cli.completion import answer, is_asked
from signalnode.cli.parser import command_line, parse
from signalnode.cli.standard_streams import secure_standard_streams
from signalnode.errors import OutputError, SignalnodeError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def run(argv: Sequence[str] | None) -> int:
    """See `cli.main`. Raises KeyboardInterrupt."""
    secure_standard_streams()
    try:
        if is_asked():
            answer(command_line())
        arguments = _parsed(sys.argv[1:] if argv is None else argv)
        module, _, function = arguments.target.partition(":")
        status: int = getattr(importlib.import_module(module), function)(arguments)
        sys.stdout.flush()
    except SignalnodeError as error:
        return _report(error)
    except BrokenPipeError:
        _drop_output()  # the reader (`head`, say) has enough
        return BROKEN_PIPE_STATUS
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _drop_output()
        what = f"{error.filename or 'output'}: cannot be written ({error.strerror})"
        return _report(OutputError(f"{what}; make room, or write elsewhere"))
    return status


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """What was typed; ends here for `--help` and `--version`, with what they say written out."""
    try:
        return parse(argv)
    except SystemExit:
        sys.stdout.flush()
        raise


def _drop_output() -> None:
    """Whatever is still buffered must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: SignalnodeError) -> int:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    for line in str(error).splitlines():
        print(f"signalnode: {line}", file=sys.stderr)
    return error.exit_status
