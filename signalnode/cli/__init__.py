"""The command `signalnode`: the one place where everything is put together.

`command` runs what was typed, `parser` says what may be; each other file holds one group of verbs, loaded
when one of them is used, so that `status` need not wait for a compiler. Here nothing is loaded before `main`
looks after Ctrl-C: a busy machine takes a second to load the rest, and a traceback tells a user nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # of `typing`, which loads a quarter of the library
if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED_STATUS = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE_STATUS = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. A user's fault is one line on stderr, never a traceback."""
    try:
        from signalnode.cli.command import run

        return _known(run(argv))
    except KeyboardInterrupt:
        return _known(INTERRUPTED_STATUS)


def _known(status: int) -> int:
    """Told to what may end this process before Python does, where a command has loaded it."""
    import sys

    leaving = sys.modules.get("signalnode.cluster.leaving")
    if leaving is not None:
        leaving.with_status(status)
    return status
