"""What the supervisor says of its children, as a table for people. Pure: an answer in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from signalnode.panels.table import table_lines

COLUMNS = (
    "name",
    "state",
    "data",
    "pid",
    "uptime",
    "restarts",
    "memory",
    "cpu",
    "score",
    "last exit",
    "reason",
)
_COLOURS = {
    "up": "32",
    "starting": "33",
    "stopping": "33",
    "backing_off": "33",
    "given_up": "31;1",
    "down": "2",
}
SOUND = frozenset({"live", "warming"})  # what an engine says of itself where nothing is amiss
# What Layer 5 says of one heard again, and of one whose scores come late: no engine knows it of itself.
SETTLING, BEHIND = "settling", "behind"
_DOING = {"preloading": "preloading (the first start compiles the kernel: see signalnode logs)"}
_NUMBERS = frozenset({"pid", "uptime", "restarts", "memory", "cpu", "score"})


def status_lines(answer: Mapping[str, Any], *, coloured: bool) -> list[str]:
    """Lines for the answer to a `status` request: the node, then a row for each child."""
    children: Sequence[Mapping[str, Any]] = answer.get("children", [])
    texts = table_lines(COLUMNS, [_cells(child) for child in children], _NUMBERS)
    rows = zip(texts, [None, *children], strict=True)
    painted = [_painted(text, child, coloured) for text, child in rows]
    return [_node_line(answer.get("supervisor", {}), children), "", *painted]


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
    state = str(supervisor.get("state", "up"))
    doing = _DOING.get(state, state)
    said = (supervisor.get("fork_server") or {}).get("said")
    if state == "preloading" and said:
        doing = f"{doing}: {said}"
    starved = len(supervisor.get("starved") or ())
    small = f"; the machine is too small: {starved} wait for a processor" if starved else ""
    return f"{running}, {up} of {len(children)} processes up{'' if doing == 'up' else f', {doing}'}{small}"


def with_doubts(answer: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with `settling` or `behind` as the data of each engine of which Layer 5 says so in the
    `whole` one; of many it names some, and says of itself how many there are.
    """
    children = [dict(child) for child in answer.get("children", [])]
    told = whole.get("children", [])
    doubts = {name: word for word in (SETTLING, BEHIND) for each in told for name in each.get(word) or ()}
    for child in children:
        if child.get("status") in SOUND and child.get("name") in doubts:
            child["status"] = doubts[child["name"]]
    return {**answer, "children": children}


def with_ages_now(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with each `score_age_s` as of now; an engine tells it as of its last heartbeat."""
    children = [dict(child) for child in answer.get("children", [])]
    for child in children:
        if child.get("score_age_s") is not None:
            child["score_age_s"] = round(child["score_age_s"] + (child.get("heard_s") or 0.0), 3)
    return {**answer, "children": children}


def megabytes(size_bytes: float | None) -> str:
    """`7.1 MB`; `-` for None or 0."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes else "-"


def cpu(child: Mapping[str, Any]) -> str:
    """Share of one CPU since the last time somebody asked; the first to ask gets it since the start."""
    share, spent_s, uptime_s = child.get("cpu_share"), child.get("cpu_s"), child.get("uptime_s")
    if share is None and spent_s is not None and uptime_s:
        share = spent_s / uptime_s
    return f"{share:.1%}" if share is not None else "-"


def waits(child: Mapping[str, Any]) -> str:
    """Why it stands where it stands, and when it is tried next."""
    next_s = child.get("next_s")
    again = f"next try in {duration(next_s)}" if next_s is not None else ""
    return "; ".join(part for part in (str(child.get("reason") or ""), again) if part)


def failing(child: Mapping[str, Any]) -> str:
    """The strategies that fail, as the aggregator says: `mine fails, 3 in a row: KeyError: 'mid'`."""
    told = child.get("failing")
    return "; ".join(map(str, told)) if isinstance(told, list) else ""


def trouble(child: Mapping[str, Any]) -> str:
    """Why a live market's data is no better, `trades silent for 7.1 s, over 4.8`; a gateway's; Layer 5's."""
    if count := child.get("behind_markets"):
        return f"{count} market{'s' * (count != 1)} behind: their scores come late or not at all"
    health = child.get("health")
    if isinstance(health, Mapping):
        outage_ms, next_ms = health.get("outage_ms"), health.get("next_try_ms")
        how = tried(_seconds(outage_ms), health.get("tries") or 0, _seconds(next_ms))
        return "; ".join(part for part in (str(health.get("reason") or ""), how) if part)
    how = ""
    if child.get("outage"):
        how = tried(child.get("outage_s"), child.get("tries") or 0, child.get("next_try_s"))
    return "; ".join(part for part in (str(child.get("outage") or ""), how) if part)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def tried(outage_s: float | None, tries: int, next_s: float | None) -> str:
    """`for 41s, 6 tries, the next in 12s`, of an outage; "" where there is none."""
    if outage_s is None:
        return ""
    how_often = f", {tries} {'tries' if tries != 1 else 'try'}" if tries else ""
    return f"for {duration(outage_s)}{how_often}" + (f", the next in {duration(next_s)}" if next_s else "")


def data(child: Mapping[str, Any]) -> str:
    """What an engine says of its data; of a gateway, how many of its markets are heard."""
    if child.get("heard") is None:
        return str(child.get("status") or "-")
    return f"{child['heard']} of {child.get('markets', '-')} heard"


def _cells(child: Mapping[str, Any]) -> tuple[str, ...]:
    last = child.get("last_exit") or {}
    return (
        str(child.get("name", "-")),
        str(child.get("state", "-")).replace("_", " "),
        data(child),
        str(child.get("pid") or "-"),
        duration(child.get("uptime_s")),
        str(child.get("restarts", 0)),
        megabytes(child.get("pss_bytes")),
        cpu(child),
        duration(child.get("score_age_s")),
        f"{last.get('exit', '-')}{' as asked' if last.get('expected') else ''}",
        "; ".join(part for part in (waits(child), trouble(child), failing(child)) if part),
    )


def _painted(text: str, child: Mapping[str, Any] | None, coloured: bool) -> str:
    if not coloured:
        return text
    colour = "1" if child is None else _COLOURS.get(str(child.get("state")), "0")
    return f"\033[{colour}m{text}\033[0m"
