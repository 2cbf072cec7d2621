"""What can go wrong for the caller of this package. Each message is one line: what, where, the mend."""

from __future__ import annotations


class SupervisorError(Exception):
    """Base of everything this package raises on purpose."""


class AlreadyRunning(SupervisorError):  # noqa: N818 - reads as a fact, like FileExistsError's message
    """Another supervisor holds the lock of this runtime directory. `pid` is its process, 0 when unknown."""

    def __init__(self, message: str, pid: int = 0) -> None:
        self.pid = pid
        super().__init__(message)


class NotRunning(SupervisorError):  # noqa: N818
    """Nobody answers on the control socket."""


class NotAllowed(SupervisorError):  # noqa: N818
    """The control socket is another user's. `owner` is that user's number."""

    def __init__(self, message: str, owner: int) -> None:
        self.owner = owner
        super().__init__(message)


class RequestRefused(SupervisorError):  # noqa: N818
    """The supervisor answered a request with an error, for example for an unknown name."""


class NoAnswer(SupervisorError):  # noqa: N818
    """The supervisor took the request and did not answer in time."""


class DirectoryUnusable(SupervisorError):  # noqa: N818
    """The runtime or state directory cannot be written, or its socket path is too long."""


class SpecError(SupervisorError, ValueError):
    """A `ChildSpec` says something impossible, or two carry one name."""


class PreloadError(SupervisorError):
    """The fork server could not import or warm up what every child needs; nothing can be started."""
