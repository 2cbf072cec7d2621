"""How the cluster stands, as the page's tab of hosts is told it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from signalnode.bus.cluster import ClusterState
from signalnode.panels.cluster import advice_lines, grants_told, trouble_lines, whole_line


def cluster_facts(cluster: ClusterState | None) -> dict[str, Any]:
    """Hosts and shards as rows, with what is wrong in words; no rows where this node is of no cluster."""
    if cluster is None:
        return {"kind": "cluster", "whole": "", "troubles": [], "layer5": None, "hosts": [], "shards": []}
    shards = [
        {"shard": name, **msgspec.to_builtins(each), "grants": grants_told(each.grants)}
        for name, each in cluster.shards.items()
    ]
    return {
        "kind": "cluster",
        "whole": whole_line(cluster),
        "troubles": [*trouble_lines(cluster), *advice_lines(cluster)],
        "layer5": msgspec.to_builtins(cluster.layer5),
        "hosts": msgspec.to_builtins(cluster.hosts),
        "shards": shards,
    }
