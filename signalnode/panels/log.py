"""An entry of a log as text, for people or for programs. Pure: an entry in, a line out.

A traceback has lines of its own: for people they follow, indented, so that none looks like another entry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

TEXT_CHARS_MAX = 4_096  # of one value; the file itself has the rest
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")  # what a child printed must not steer the terminal
_COLOURS = {"debug": "2", "warning": "33", "error": "31", "critical": "31;1"}
_SHOWN_ABOVE = frozenset({"time", "level", "event", "line", "child", "market", "trace"})
_INDENT = "    "  # of a traceback below its entry


def json_line(entry: Mapping[str, Any]) -> str:
    """One JSON object; what JSON cannot hold is written as text."""
    return json.dumps(entry, default=str, ensure_ascii=False)


def log_line(entry: Mapping[str, Any], *, coloured: bool, named: bool = False) -> str:
    """`2026-08-09 12:00:01.250Z warning restarting  pid=71 wait_s=0.4`; a printed line stands alone, and the
    lines of a traceback stand below.

    `named` puts the child's name before it, for a log of several.
    """
    when = str(entry.get("time", "")).replace("T", " ")
    level, what = str(entry.get("level", "info")), str(entry.get("event", ""))
    if what == "output":
        what = str(entry.get("line", ""))
    if named and entry.get("child"):
        what = f"{entry['child']} {what}"
    more = {key: value for key, value in entry.items() if key not in _SHOWN_ABOVE and value not in ("", None)}
    rest = " ".join(f"{key}={_plain(value)}" for key, value in more.items())
    text = f"{_plain(when)} {level:<7} {_plain(what)}{'  ' + rest if rest else ''}"
    colour = _COLOURS.get(level) if coloured else None
    head = f"\033[{colour}m{text}\033[0m" if colour else text
    return "\n".join([head, *_indented(entry.get("trace"))])


def _indented(trace: object) -> list[str]:
    cut = _cut(str(trace or "").rstrip())
    return [f"{_INDENT}{_CONTROL.sub('�', line)}" for line in cut.split("\n")] if cut else []


def _plain(value: object) -> str:
    return _CONTROL.sub("�", _cut(str(value)))


def _cut(text: str) -> str:
    left_out = len(text) - TEXT_CHARS_MAX
    return f"{text[:TEXT_CHARS_MAX]}… ({left_out} more characters)" if left_out > 0 else text
