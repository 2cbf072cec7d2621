"""Hear every shard of a cluster, or its Layer 5, wherever it is, as a subscriber would who knew them all.

`python -m tests.cluster.watching HOSTS 'shard-*'` prints a line for each score: time, market, epoch, warm
and endpoint. One that is dropped, for a newer epoch of its market was heard before, begins with `old`.
Of Layer 5 also what it has learnt of a market, as its views tell it: `learnt`, time, market, moments seen.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from signalnode import subscribe
from signalnode.bus.wire import ViewMessage
from signalnode.clock import NS_PER_MS, monotonic_ns, pause

LOOK_NS = 50 * NS_PER_MS
heard: dict[str, int] = {}
speaking = threading.Lock()


def endpoint_of(config: Path) -> str:
    """Of a made node; "" while it is being written."""
    try:
        return str(json.loads(config.read_bytes())["aggregator"]["endpoint"])
    except (OSError, ValueError, KeyError):
        return ""


def listen(endpoint: str, keys: Path) -> None:
    """Until the end of the process."""
    for score in subscribe(endpoint=endpoint, keys=keys, repair=False, max_age_s=None):
        with speaking:
            is_old = score.epoch < heard.get(score.market, 0)
            heard[score.market] = max(score.epoch, heard.get(score.market, 0))
            kind = "old " if is_old else ""
            print(
                f"{kind}{monotonic_ns()} {score.market} {score.epoch} {score.warm:.3f} {endpoint}", flush=True
            )


def learn(endpoint: str, keys: Path) -> None:
    """What views say of outcomes, until the end of the process."""
    for view in subscribe(endpoint=endpoint, keys=keys, kinds=("view",), repair=False, max_age_s=None):
        assert isinstance(view, ViewMessage)
        for market, told in view.outcomes.items():
            seen = sum(sum(each["seen"][0]) for each in told.scores.values())
            with speaking:
                print(f"learnt {monotonic_ns()} {market} {seen:.1f}", flush=True)


def main(hosts: Path, pattern: str) -> None:
    """Look for what is called so, and listen to each."""
    known: set[str] = set()
    while True:
        for config in hosts.glob(f"host-*/place/shards/{pattern}/*/node.json"):
            endpoint = endpoint_of(config)
            if endpoint and endpoint not in known:
                known.add(endpoint)
                keys = config.parent / "keys"
                for hear in (listen, learn) if pattern == "layer5" else (listen,):
                    threading.Thread(target=hear, args=(endpoint, keys), daemon=True).start()
        pause(LOOK_NS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
