"""What a child logs: one JSON object an event on stderr, which its supervisor reads and merges.

Keys: `event`, `level`, `time` (ISO 8601, UTC), what the logger carries (`market`, `epoch`) and what the event
adds; the supervisor adds the pid. Nothing is written at import, and nothing before `configure`. What people
see of an entry is in `panels/log.py`.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO


@contextlib.contextmanager
def _not_installed(package: str) -> Iterator[None]:
    """To an import within, `package` is not installed, unless it is loaded already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment] # Python's own word for that
    try:
        yield
    finally:
        del sys.modules[package]


# Where it finds rich, structlog loads it for tracebacks in colour, which nothing here prints: a quarter of
# what an engine imports, and 4 MB.
with _not_installed("rich"):
    import structlog
    from structlog.processors import JSONRenderer, TimeStamper, add_log_level
    from structlog.typing import EventDict, FilteringBoundLogger

TEXT_CHARS_MAX = 4_096  # of one value; a longer one is cut, so that no event floods the log

Logger = FilteringBoundLogger


def configure(stream: TextIO | None = None) -> None:
    """Send this process's events, debugging ones left out, to `stream` (None: stderr)."""
    structlog.configure(
        processors=[
            add_log_level,
            TimeStamper(fmt="iso", utc=True, key="time"),
            _bounded,
            JSONRenderer(default=str, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )


def logger(**context: Any) -> Logger:
    """A logger whose every event carries `context`, for example `market` and `epoch`."""
    bound: Logger = structlog.get_logger(**context)
    return bound


def _bounded(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
            event[key] = f"{value[:TEXT_CHARS_MAX]}… ({len(value) - TEXT_CHARS_MAX} more characters)"
    return event


def silent() -> logging.Logger:
    """A logger for a library whose words are for nobody here: whoever connects to it could fill the log."""
    mute = logging.getLogger("signalnode.silent")
    mute.propagate = False
    if not mute.handlers:
        mute.addHandler(logging.NullHandler())
    return mute
