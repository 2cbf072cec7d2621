"""What a cluster says of itself, as tables for people. Pure: what `status --json` prints, as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from signalnode.panels.status import duration
from signalnode.panels.table import table_lines

HOST_CHARS = 8  # of the name that Ray gives a host: 56 of them
MARKETS_TOLD_MAX = 20  # that find no place, or that move; the rest is counted
_HOSTS = ("host", "name", "state", "for", "shards", "markets")
_SHARDS = ("shard", "host", "state", "start", "heard", "markets", "ready", "grants", "reason")
_NUMBERS = frozenset({"for", "heard", "markets", "ready"})
_COLOURS = {"up": "32", "asked": "33", "ending": "33", "draining": "33", "lost": "31;1"}


def cluster_lines(answer: Mapping[str, Any], *, coloured: bool) -> list[str]:
    """Lines for a cluster: one for the whole, what is wrong, then hosts, shards and Layer 5."""
    hosts: Sequence[Mapping[str, Any]] = answer.get("hosts", [])
    shards: Sequence[Mapping[str, Any]] = answer.get("shards", [])
    addresses = {each["host"]: str(each["address"]) for each in hosts}
    lines = [whole_line(answer), *_layer5_lines(answer.get("layer5"), addresses), *trouble_lines(answer)]
    if hosts:
        lines += [
            "",
            *_painted(table_lines(_HOSTS, [_host(each) for each in hosts], _NUMBERS), hosts, coloured),
        ]
    if shards:
        rows = [_shard(each, addresses) for each in shards]
        lines += ["", *_painted(table_lines(_SHARDS, rows, _NUMBERS), shards, coloured)]
    return lines


def whole_line(answer: Mapping[str, Any]) -> str:
    """How many there are of each, and how far they are: one line, which also tells progress."""
    hosts = [each for each in answer.get("hosts", []) if each.get("state") != "lost"]
    shards = answer.get("shards", [])
    up = sum(each.get("state") == "up" for each in shards)
    phase = str(answer.get("phase", "-"))
    moving = len(answer.get("moving", ()))
    parts = [
        f"cluster {phase}" if phase != "at work" else "cluster up",
        f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}",
        f"{up} of {len(shards)} shards up",
        f"{answer.get('ready', 0)} of {answer.get('wanted', 0)} markets ready",
        *([f"{moving} moving"] if moving else []),
    ]
    return ", ".join(parts)


def trouble_lines(answer: Mapping[str, Any]) -> list[str]:
    """What is not as it should be, a line each: no place, a store that is away, a place that is not fit."""
    lines = []
    unplaced: Mapping[str, str] = answer.get("unplaced", {})
    for market, why in sorted(unplaced.items())[:MARKETS_TOLD_MAX]:
        lines.append(f"{market} has no place: {why}")
    if len(unplaced) > MARKETS_TOLD_MAX:
        lines.append(f"and {len(unplaced) - MARKETS_TOLD_MAX} more without a place")
    away: dict[str, list[str]] = {}
    for shard in answer.get("shards", []):
        if shard.get("unshipped"):
            away.setdefault(str(shard["unshipped"]), []).append(str(shard["shard"]))
    for why, names in away.items():
        lines.append(f"checkpoints not shipped by {_some(names)}: {why}; markets run on, moves start cold")
    if moving := list(answer.get("moving", ())):
        lines.append(f"moving: {_some(moving)}")
    return lines


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MARKETS_TOLD_MAX} more" if len(names) > MARKETS_TOLD_MAX else ""
    return f"{', '.join(names[:MARKETS_TOLD_MAX])}{more}"


def _layer5_lines(layer5: Mapping[str, Any] | None, addresses: Mapping[str, str]) -> list[str]:
    if not layer5:
        return []
    host = str(layer5.get("host", ""))
    state = "" if layer5.get("state") == "up" else f", {layer5.get('state')}"
    heard = f", heard {duration(layer5.get('age_s'))} ago" if layer5.get("age_s") is not None else ""
    where = f"{layer5.get('endpoint') or '-'} on {addresses.get(host, host[:HOST_CHARS])}"
    return [f"layer 5 at {where}{state}, {layer5.get('sources', 0)} shards in it{heard}"]


def _host(row: Mapping[str, Any]) -> list[str]:
    return [
        str(row["address"]),
        str(row["host"])[:HOST_CHARS],
        str(row["state"]),
        duration(row.get("age_s")),
        ", ".join(row.get("shards", ())) or "-",
        str(row.get("markets", 0)),
    ]


def _shard(row: Mapping[str, Any], addresses: Mapping[str, str]) -> list[str]:
    host, markets = str(row.get("host", "")), row.get("markets", {})
    return [
        str(row["shard"]),
        addresses.get(host) or host[:HOST_CHARS] or "-",
        str(row["state"]),
        str(row.get("start") or "-"),
        duration(row.get("age_s")),
        str(len(markets)),
        str(row.get("ready", 0)),
        _grants(list(markets.values())),
        str(row.get("fault") or "-"),
    ]


def _grants(grants: Sequence[int]) -> str:
    """`1764230410`, or the lowest and the highest: markets of one plan have one grant."""
    if not grants:
        return "-"
    low, high = min(grants), max(grants)
    return str(low) if low == high else f"{low} to {high}"


def _painted(lines: Sequence[str], rows: Sequence[Mapping[str, Any]], coloured: bool) -> list[str]:
    """The heading as it is, each row in the colour of its state."""
    if not coloured:
        return list(lines)
    codes = [_COLOURS.get(str(row.get("state")), "0") for row in rows]
    return [lines[0], *(f"\x1b[{code}m{line}\x1b[0m" for line, code in zip(lines[1:], codes, strict=True))]
