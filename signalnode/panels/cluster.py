"""What a cluster says of itself, as tables for people. Pure: how it stands in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signalnode.bus.cluster import ClusterState, HostState, PlaceState, ShardState
from signalnode.panels.status import duration
from signalnode.panels.table import table_lines

MARKETS_TOLD_MAX = 20  # names in a line; the rest is counted
HEAD_SILENT_S = 5.0  # Layer 5 asks each second; what is older was said before the head went
_HOSTS = ("host", "name", "state", "for", "shards", "markets")
_SHARDS = ("shard", "host", "state", "start", "heard", "markets", "ready", "grants", "reason")
_NUMBERS = frozenset({"for", "heard", "markets", "ready"})
_COLOURS = {"up": "32", "asked": "33", "ending": "33", "draining": "33", "lost": "31;1", "trouble": "33"}


def cluster_lines(cluster: ClusterState, *, coloured: bool) -> list[str]:
    """Lines for a cluster: one for the whole, what is wrong, then hosts, shards and Layer 5."""
    return [
        f"\x1b[{_COLOURS[state]}m{line}\x1b[0m" if coloured and state in _COLOURS else line
        for line, state in cluster_rows(cluster)
    ]


def cluster_rows(cluster: ClusterState) -> Iterator[tuple[str, str]]:
    """The same lines, each with the state of what it is about, `trouble`, or ""."""
    yield whole_line(cluster), ""
    if cluster.layer5 is not None:
        yield _layer5_line(cluster.layer5), ""
    yield from ((line, "trouble") for line in trouble_lines(cluster))
    yield from ((line, "") for line in advice_lines(cluster))
    hosts = [_host(each) for each in cluster.hosts]
    shards = [_shard(name, each) for name, each in cluster.shards.items()]
    states = ([each.state for each in cluster.hosts], [each.state for each in cluster.shards.values()])
    for heads, rows, of in ((_HOSTS, hosts, states[0]), (_SHARDS, shards, states[1])):
        if rows:
            yield "", ""
            yield from zip(table_lines(heads, rows, _NUMBERS), ("", *of), strict=True)


def whole_line(cluster: ClusterState) -> str:
    """How many there are of each, and how far they are: one line, which also tells progress."""
    hosts = sum(each.state != "lost" for each in cluster.hosts)
    up = sum(each.state == "up" for each in cluster.shards.values())
    moving = len(cluster.moving) + cluster.moving_more
    if cluster.hosts_wanted:
        return (
            f"cluster waits for `cluster join`: {hosts} of {cluster.hosts_wanted} hosts (hosts_min) there; "
            f"{cluster.wanted} markets wait with it"
        )
    parts = [
        f"cluster {cluster.phase}" if cluster.phase != "at work" else "cluster up",
        f"{hosts} host{'' if hosts == 1 else 's'}",
        f"{up} of {len(cluster.shards)} shards up",
        f"{cluster.ready} of {cluster.wanted} markets ready",
        *([f"{moving} moving"] if moving else []),
    ]
    return ", ".join(parts)


def trouble_lines(cluster: ClusterState) -> list[str]:
    """What is not as it should be, a line each: no place, a store that is away, a head that is silent."""
    lines = []
    if cluster.age_s > HEAD_SILENT_S:
        lines.append(
            f"the head has said nothing for {duration(cluster.age_s)}, and this before: markets run on, "
            "nothing is moved or made good"
        )
    lines += [f"{market} has no place: {why}" for market, why in cluster.unplaced.items()]
    if cluster.unplaced_more:
        lines.append(f"and {cluster.unplaced_more} more without a place")
    for why, names in cluster.unshipped.items():
        lines.append(f"checkpoints not shipped by {_some(names)}: {why}; markets run on, moves start cold")
    for host, ahead_s in cluster.clocks.items():
        way = "ahead of" if ahead_s > 0 else "behind"
        lines.append(
            f"the clock of {host} is {duration(abs(ahead_s))} {way} the head's, and subscribers drop what is "
            "late: have NTP keep both"
        )
    if cluster.layer5 is not None and cluster.layer5.deaf_to:
        place = cluster.layer5
        lines.append(
            f"layer 5 on {place.host} does not hear {place.deaf_to} of {place.sources} shards that are up: "
            "leave all ports open between the hosts"
        )
    lines += [
        f"signalnode {release} runs {_some(names)}, and the config is of {cluster.release}: drain the hosts, "
        "upgrade them, join again"
        for release, names in cluster.strange.items()
    ]
    if cluster.moving:
        lines.append(f"moving: {_some(cluster.moving, cluster.moving_more)}")
    return lines


def advice_lines(cluster: ClusterState) -> list[str]:
    """What may be as it is, and is for people to decide: markets that stand unevenly."""
    held = {each.address: each.markets for each in cluster.hosts if each.state == "up" and each.shards}
    if len(held) < 2 or cluster.moving:
        return []
    fullest, emptiest = (choose(held, key=held.__getitem__) for choose in (max, min))
    if held[fullest] - held[emptiest] < 2 or 2 * held[emptiest] * len(held) > sum(held.values()):
        return []
    return [
        f"markets stand unevenly, {held[fullest]} on {fullest} and {held[emptiest]} on {emptiest}: "
        "none moves by itself; `signalnode cluster rebalance` evens them"
    ]


def is_troubled(cluster: ClusterState) -> bool:
    """Whether anybody should look: a host or a shard is lost, or something is told beside what moves."""
    states = [*(each.state for each in cluster.hosts), *(each.state for each in cluster.shards.values())]
    return "lost" in states or len(trouble_lines(cluster)) > bool(cluster.moving)


def _some(names: Sequence[str], more: int = 0) -> str:
    more += max(0, len(names) - MARKETS_TOLD_MAX)
    return f"{', '.join(names[:MARKETS_TOLD_MAX])}{f' and {more} more' if more else ''}"


def _layer5_line(layer5: PlaceState) -> str:
    state = "" if layer5.state == "up" else f", {layer5.state}"
    heard = f", heard {duration(layer5.age_s)} ago" if layer5.age_s is not None else ""
    where = f"{layer5.endpoint or '-'} on {layer5.host}"
    shards = f"{layer5.sources} shard{'' if layer5.sources == 1 else 's'}"
    return f"layer 5 at {where}{state}, {shards} in it{heard}"


def _host(host: HostState) -> list[str]:
    shards = ", ".join(host.shards) or "-"
    return [host.address, host.name, host.state, duration(host.age_s), shards, str(host.markets)]


def _shard(name: str, shard: ShardState) -> list[str]:
    return [
        name,
        shard.host or "-",
        shard.state,
        str(shard.start or "-"),
        duration(shard.age_s),
        str(shard.markets),
        str(shard.ready),
        grants_told(shard.grants),
        shard.fault or "-",
    ]


def grants_told(grants: Sequence[int]) -> str:
    """`1764230410`, or the lowest and the highest: markets of one plan have one grant."""
    return " to ".join(map(str, grants)) or "-"
