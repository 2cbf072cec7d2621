"""What can go wrong for a user, each with an exit status of its own.

A message is one line: what is wrong, where, and the mend. The command line prints it and exits with
`exit_status`; nobody sees a traceback for something they can mend themselves.
"""

from __future__ import annotations


def in_words(error: BaseException) -> str:
    """`KeyError: 'mid'`: what a user's code raised. Its own str() may fail."""
    try:
        text = str(error)
    except Exception:
        text = "(which cannot be shown)"
    return f"{type(error).__name__}: {text}"


class SignalnodeError(Exception):
    """Base of every fault a user can mend. `exit_status` is distinct for each subclass."""

    exit_status = 1


class UsageError(SignalnodeError):
    """The command line itself is wrong (the status argparse uses as well)."""

    exit_status = 2


class ConfigError(SignalnodeError):
    """A config file is missing, broken or says something impossible. `faults` holds one line each."""

    exit_status = 3

    def __init__(self, faults: str | list[str]) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))


class DataError(SignalnodeError):
    """A recording or capture is missing, unreadable, or not what its extension says.

    What it quotes of the data may have lines; here it is one.
    """

    exit_status = 4

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class RuntimeDirectoryError(SignalnodeError):
    """The runtime or state directory cannot be used: wrong owner, wrong mode, or not writable."""

    exit_status = 5


class AlreadyRunningError(SignalnodeError):
    """Another node or engine holds the lock."""

    exit_status = 6


class EndpointError(SignalnodeError):
    """A socket cannot be bound: port in use, path over 107 bytes, or an address that needs keys."""

    exit_status = 7


class NotRunningError(SignalnodeError):
    """No node answers on the control socket."""

    exit_status = 8


class RequestError(SignalnodeError):
    """The node refused a request, for example for an unknown market."""

    exit_status = 9


class EventOrderError(SignalnodeError, ValueError):
    """Events or a question go back in time; kernel time never does."""

    exit_status = 10


class EventTimeError(SignalnodeError, ValueError):
    """Events are of a time that cannot be: before 1990, after 2100 or none at all."""

    exit_status = 15

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class CheckpointError(SignalnodeError):
    """A checkpoint cannot be used: torn, of other parameters or of another version."""

    exit_status = 11


class ExtensionError(SignalnodeError):
    """A user's signal or strategy cannot be loaded. What it raised may have lines; here it is one."""

    exit_status = 12

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class CompilationError(SignalnodeError):
    """The kernel cannot be compiled or loaded on this machine."""

    exit_status = 13


class OutputError(SignalnodeError):
    """There is no room left for what a command writes."""

    exit_status = 14


class VenueError(SignalnodeError):
    """A venue cannot be reached from here, or refuses. What it quotes may have lines; here it is one."""

    exit_status = 16

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class AlertError(SignalnodeError):
    """Whoever is to be told by an alert cannot be reached, or does not take it."""

    exit_status = 17


class ClusterError(SignalnodeError):
    """The cluster cannot do what was asked: no head, no store, a grant that is over, or Ray is
    not installed.
    """

    exit_status = 18
