"""Logs: one line an event, in one schema, as JSON for programs or coloured text for a terminal.

Keys, in this order where present: `time` (ISO 8601, UTC), `level`, `event`, `market`, `pid`, `epoch`, then
what the event adds. Nothing is written at import, and nothing before `configure`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from signalnode import clock
from signalnode.files import RotatingFile

FIRST_KEYS = ("time", "level", "event", "market", "pid", "epoch")
TEXT_CHARS_MAX = 4_096  # of one value; a longer one is cut, so that no event floods the log

Logger = structlog.typing.FilteringBoundLogger
_Event = MutableMapping[str, Any]
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def configure(stream: TextIO | None = None, *, as_json: bool | None = None, level: str = "info") -> None:
    """Send this process's events to `stream` (None: stderr), as JSON unless it is a terminal.

    A supervised child writes JSON to stderr, which its supervisor reads and merges.
    """
    stream = stream or sys.stderr
    renderer = json_line if (not stream.isatty() if as_json is None else as_json) else console_line
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _stamped, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )


def logger(**context: Any) -> Logger:
    """A logger whose every event carries `context`, for example `market` and `epoch`."""
    bound: Logger = structlog.get_logger(**context)
    return bound


def emitter(
    stream: TextIO | RotatingFile, *, as_json: bool | None = None
) -> Callable[[dict[str, Any]], None]:
    """A function that writes ready-made events of other processes, debugging ones left out."""
    renderer = json_line if (not stream.isatty() if as_json is None else as_json) else console_line

    def emit(event: dict[str, Any]) -> None:
        if event.get("level") == "debug":
            return
        stream.write(renderer(None, "", {"time": _now(), "level": "info", **event}) + "\n")
        stream.flush()

    return emit


def json_line(_logger: Any, _method: str, event: _Event) -> str:
    """One JSON object, first keys first; what JSON cannot hold is written as text."""
    return json.dumps(
        {key: _bounded(value) for key, value in _ordered(event)}, default=str, ensure_ascii=False
    )


def console_line(_logger: Any, _method: str, event: _Event) -> str:
    """`12:00:01.250 warning BTC-USDT child died  pid=71 …`, coloured by level."""
    values = dict(_ordered(event))
    time, level = str(values.pop("time", ""))[11:23], str(values.pop("level", "info"))
    what, market = values.pop("event", ""), values.pop("market", "")
    colour = {"warning": "\033[33m", "error": "\033[31m", "critical": "\033[31;1m"}.get(level, "\033[36m")
    rest = " ".join(f"{key}={_bounded(value)}" for key, value in values.items() if value not in ("", None))
    head = f"\033[2m{time}\033[0m {colour}{level:<7}\033[0m {market + ' ' if market else ''}{what}"
    return f"{head}  \033[2m{rest}\033[0m" if rest else head


def _stamped(_logger: Any, method: str, event: _Event) -> _Event:
    event["time"] = _now()
    event["level"] = method
    event.setdefault("pid", os.getpid())
    return event


def _now() -> str:
    moment = datetime.fromtimestamp(clock.wall_ns() / clock.NS_PER_S, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _ordered(event: _Event) -> list[tuple[str, Any]]:
    first = [(key, event[key]) for key in FIRST_KEYS if key in event]
    return first + [(key, value) for key, value in event.items() if key not in FIRST_KEYS]


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
        return f"{value[:TEXT_CHARS_MAX]}… ({len(value) - TEXT_CHARS_MAX} more characters)"
    return value
