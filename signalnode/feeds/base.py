"""What every feed is: a pure, resumable source of events in kernel time; and how it counts what was wrong
with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from signalnode.events import Events

EXAMPLES_MAX = 3  # examples kept of each fault: enough to find the place, few enough to print
FAULT_NAMES_MAX = 64  # distinct faults counted; what comes later is counted under "other"
EXAMPLE_CHARS_MAX = 200
DEPTH_BPS = 10.0  # half-width of the depth band, in basis points of the mid


class Faults:
    """Counts of what was wrong with a feed's data, by name, with the first few examples of each ("file:line:
    what").

    Bounded in names, examples and their length, whatever the data.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}

    def add(self, name: str, where: str = "", count: int = 1) -> None:
        """Count one fault (or `count` of them) seen at `where`."""
        if name not in self.counts and len(self.counts) >= FAULT_NAMES_MAX:
            name = "other"
        self.counts[name] = self.counts.get(name, 0) + count
        seen = self.examples.setdefault(name, [])
        if where and len(seen) < EXAMPLES_MAX:
            seen.append(where[:EXAMPLE_CHARS_MAX])

    def clear(self) -> None:
        """Forget everything counted."""
        self.counts.clear()
        self.examples.clear()

    def wants_example(self, name: str) -> bool:
        """Whether `where` would still be kept; so that a caller need not build it otherwise."""
        return len(self.examples.get(name, ())) < EXAMPLES_MAX

    def lines(self) -> list[str]:
        """One line for each fault, most frequent first: "12 x line_corrupt, first at a.gz:7: not JSON"."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [f"{count} x {name}" + self._first(name) for name, count in ordered]

    def _first(self, name: str) -> str:
        seen = self.examples.get(name)
        return f", first at {seen[0]}" if seen else ""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able copy."""
        return {
            "counts": dict(self.counts),
            "examples": {name: list(seen) for name, seen in self.examples.items()},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Faults:
        """The inverse of `as_dict`."""
        faults = cls()
        faults.counts = {str(name): int(count) for name, count in stored["counts"].items()}
        faults.examples = {str(name): [str(one) for one in seen] for name, seen in stored["examples"].items()}
        return faults


class Feed(Protocol):
    """A source of events of one market. It never reads a clock: whoever drives it decides the pace.

    Kernel time (`time_received_ns`) never runs backwards in what `take` returns, across laps as well.
    """

    @property
    def position(self) -> dict[str, Any]:
        """Where the feed stands: small, msgpack-able and exact."""
        ...

    @property
    def faults(self) -> dict[str, int]:
        """Counts by name of what was wrong with the data behind this feed."""
        ...

    def is_prepared(self) -> bool:
        """Whether `prepare` has nothing to do that takes time."""
        ...

    def prepare(self) -> Iterator[float]:
        """Do what must be done before the first event, in slices; each yield is the fraction done, 0 to 1.

        Nothing is yielded when nothing is to be done. Raises DataError.
        """
        ...

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go on with the very event that was next when `position` was read, bit for bit.

        Raises CheckpointError when the position is of other data than this feed has.
        """
        ...

    def next_time_ns(self) -> int | None:
        """Kernel time of the next event; None at the end."""
        ...

    def take(self, until_ns: int, count_max: int) -> Events:
        """The next events at or before `until_ns`, in order, at most `count_max`; maybe none."""
        ...

    def degraded(self, time_ns: int) -> bool:
        """Whether, at this kernel time, the feed was mending a gap in its book."""
        ...

    def close(self) -> None:
        """Let go of files; the feed is of no use afterwards."""
        ...
