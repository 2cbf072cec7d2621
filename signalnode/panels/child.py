"""One process in full, as `status MARKET` shows it: where it stands, and how each run before ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signalnode.clock import utc_text
from signalnode.panels.status import cpu, data, duration, failing, megabytes, trouble, waits

TRACEBACK_LINES_MAX = 40  # of the last one; the log has the rest
_INDENT = "  "


def child_lines(child: Mapping[str, Any]) -> list[str]:
    """Lines for one child of the answer to a `status` request with names; its exits, the newest first."""
    name, state = child.get("name", "-"), str(child.get("state", "-")).replace("_", " ")
    wanted = ", stopped by request" if child.get("wanted") == "down" else ""
    lines = [f"{name}  {child.get('role', 'child')}, {state}{wanted}"]
    lines += [f"{_INDENT}{key:<9}{text}" for key, text in _facts(child) if text not in ("", "-")]
    exits = child.get("exits") or [each for each in (child.get("last_exit"),) if each]
    if not exits:
        return [*lines, f"{_INDENT}never ended"]
    lines.append(f"{_INDENT}ended, the newest first:")
    lines += [f"{_INDENT * 2}{_exit_line(each)}" for each in reversed(exits)]
    return [*lines, *_traceback_lines(exits)]


def _facts(child: Mapping[str, Any]) -> list[tuple[str, str]]:
    pid, score_age_s = child.get("pid"), child.get("score_age_s")
    adopted = ", adopted" if child.get("adopted") else ""
    return [
        ("reason", waits(child)),
        ("process", f"{pid}, up {duration(child.get('uptime_s'))}{adopted}" if pid else ""),
        ("heard", f"{duration(child.get('heard_s'))} ago" if child.get("heard_s") is not None else ""),
        ("score", f"{duration(score_age_s)} ago, seq {child.get('seq')}" if score_age_s is not None else ""),
        ("data", ": ".join(part for part in (data(child), trouble(child)) if part not in {"", "-"})),
        ("frames", f"{child['frames']:,}" if child.get("frames") is not None else ""),
        *channel_facts(child.get("health")),
        ("epoch", str(child.get("epoch") or "")),
        ("restarts", str(child.get("restarts", 0))),
        ("memory", megabytes(child.get("pss_bytes"))),
        ("cpu", cpu(child)),
        ("strategy", failing(child)),
        ("log", str(child.get("log") or "")),
    ]


def channel_facts(health: object) -> list[tuple[str, str]]:
    """`trades` and `0.4s ago, at most 4.8s; 1 gap`, of each channel of a live market; and its connection."""
    if not isinstance(health, Mapping):
        return []
    facts = [(name, _channel(each)) for name, each in health.items() if isinstance(each, Mapping)]
    clock_ms = health.get("clock_ms")
    clock = "" if clock_ms is None else f"; events come {clock_ms} ms after its time"
    return [*facts, ("venue", f"connection {health.get('connection', 0)}{clock}")]


def _channel(channel: Mapping[str, Any]) -> str:
    age_ms, limit_ms = channel.get("age_ms") or 0, channel.get("limit_ms")
    limit = "" if limit_ms is None else f", at most {duration(limit_ms / 1e3)}"
    gaps, snapshots = channel.get("gaps") or 0, channel.get("snapshots") or 0
    counts = [(gaps, "gap"), (snapshots, "snapshot")]
    lost = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
    return f"{duration(age_ms / 1e3)} ago{limit}{'; ' * bool(lost)}{lost}"


def _exit_line(each: Mapping[str, Any]) -> str:
    """`2026-08-09T12:00:01Z  SIGKILL  process 71, peak 92.1 MB, 3.4s of CPU, after 2 restarts`."""
    time_ns, cpu_s = each.get("time_ns"), each.get("cpu_s")
    when = utc_text(time_ns, "seconds") if time_ns else "-"
    words = f" ({each['words']})" if each.get("words") else ""
    how = f"{each.get('exit', '-')}{' as asked' if each.get('expected') else words}"
    peak, restarts = each.get("peak_rss_bytes"), each.get("restarts", 0)
    more = [
        f"process {each.get('pid', '-')}",
        f"peak {megabytes(peak)}" if peak else "",
        f"{duration(cpu_s)} of CPU" if cpu_s is not None else "",
        f"after {restarts} restart{'s' * (restarts != 1)}" if restarts else "",
    ]
    return f"{when}  {how}  {', '.join(part for part in more if part)}"


def _traceback_lines(exits: list[Mapping[str, Any]]) -> list[str]:
    """The last traceback there is, and of which exit when that is not the newest."""
    told = [each for each in exits if each.get("traceback")]
    if not told:
        return []
    of = "" if told[-1] is exits[-1] else f", of process {told[-1].get('pid', '-')}"
    text = str(told[-1]["traceback"]).rstrip().splitlines()
    left_out = len(text) - TRACEBACK_LINES_MAX
    shown = text[-TRACEBACK_LINES_MAX:]
    note = [f"{_INDENT * 2}({left_out} lines before it)"] if left_out > 0 else []
    return [f"{_INDENT}last traceback{of}:", *note, *(f"{_INDENT * 2}{line}" for line in shown)]
