"""What the supervisor says of its children, as a table for people. Pure: an answer in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("name", "state", "data", "pid", "uptime", "restarts", "memory", "cpu", "heard", "last exit")
_COLOURS = {
    "up": "32",
    "starting": "33",
    "stopping": "33",
    "backing_off": "33",
    "given_up": "31;1",
    "down": "2",
}
_NUMBERS = frozenset({"pid", "uptime", "restarts", "memory", "cpu", "heard"})


def status_lines(answer: Mapping[str, Any], *, coloured: bool) -> list[str]:
    """Lines for the answer to a `status` request: the node, then a row for each child."""
    children: Sequence[Mapping[str, Any]] = answer.get("children", [])
    cells = [COLUMNS, *(_cells(child) for child in children)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    lines = [_node_line(answer.get("supervisor", {}), children), ""]
    for row, child in zip(cells, [None, *children], strict=True):
        text = "  ".join(
            _aligned(cell, width, name) for cell, width, name in zip(row, widths, COLUMNS, strict=True)
        )
        lines.append(_painted(text.rstrip(), child, coloured))
    return lines


def duration(seconds: float | None) -> str:
    """`0.4s`, `12s`, `3m 05s`, `2h 10m`, `4d 3h`; `-` for None."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}s"
    whole = int(seconds)
    for unit, size, small_unit, small in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "m", 60),
        ("m", 60, "s", 1),
    ):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // small:02d}{small_unit}"
    return f"{whole}s"


def _node_line(supervisor: Mapping[str, Any], children: Sequence[Mapping[str, Any]]) -> str:
    up = sum(child.get("state") == "up" for child in children)
    running = f"node {supervisor.get('pid', '-')} up {duration(supervisor.get('uptime_s'))}"
    doing = supervisor.get("state", "up")
    return f"{running}, {up} of {len(children)} processes up{'' if doing == 'up' else f', {doing}'}"


def _cells(child: Mapping[str, Any]) -> tuple[str, ...]:
    memory, cpu = child.get("pss_bytes"), child.get("cpu_share")
    return (
        str(child.get("name", "-")),
        str(child.get("state", "-")).replace("_", " "),
        str(child.get("status") or "-"),
        str(child.get("pid") or "-"),
        duration(child.get("uptime_s")),
        str(child.get("restarts", 0)),
        f"{memory / 1e6:.1f} MB" if memory else "-",
        f"{cpu:.1%}" if cpu is not None else "-",
        duration(child.get("heard_s")),
        _last_exit(child),
    )


def _last_exit(child: Mapping[str, Any]) -> str:
    """How it ended last, and why it is where it is now."""
    last, reason = child.get("last_exit") or {}, child.get("reason") or ""
    ended = f"{last.get('exit', '-')}{' as asked' if last.get('expected') else ''}"
    return f"{ended} ({reason})" if reason else ended


def _aligned(cell: str, width: int, column: str) -> str:
    return cell.rjust(width) if column in _NUMBERS else cell.ljust(width)


def _painted(text: str, child: Mapping[str, Any] | None, coloured: bool) -> str:
    if not coloured:
        return text
    colour = "1" if child is None else _COLOURS.get(str(child.get("state")), "0")
    return f"\033[{colour}m{text}\033[0m"
