"""What was wrong with a feed's data: counted by name, with the first few places, bounded whatever comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXAMPLES_MAX = 3  # examples kept of each fault: enough to find the place, few enough to print
FAULT_NAMES_MAX = 64  # distinct faults counted; what comes later is counted under "other"
EXAMPLE_CHARS_MAX = 200

# What a name means, where the first example alone does not say it.
MEANINGS = {
    "kind_unknown": "neither trade, quote nor depth: left out",
    "time_absurd": "a time that cannot be: left out",
    "time_jump": "a lone time far ahead: left out",
    "time_backwards": "over a second earlier than the row before: left out",
    "time_clamped": "up to a second earlier than the row before: put at its time",
    "value_absurd": "a price or size that cannot be: left out",
    "quote_crossed": "a bid not below its ask: left out",
    "price_jump": "a lone price far off: left out",
    "event_time_absurd": "a venue's time that cannot be: the one received stands in for it",
    "put_in_order": "rows put in order of time",
    "row_void": "rows that hold nothing: left out",
    "side_unknown": "a trade whose aggressor the exchange does not tell: left out",
    "frames_lost": "messages of the gateway that did not come: a new image of the book is asked for",
    "file_gone": "deleted while it was read: left out",
    "envelope_malformed": "no message of a gateway: left out",
    "market_lost": "nothing could come of it for a while",
    "market_refused": "the venue does not send it",
    "clock_stepped": "the venue's times moved against ours at once",
    "clock_drifted": "the venue's times moved against ours, little by little",
    "venue_clock_ahead": "times of the venue that are still to come here",
}


def named(fault: str) -> str:
    """A fault by its name, with what it means."""
    return f"{fault} ({MEANINGS[fault]})" if fault in MEANINGS else fault


class DataWarning(UserWarning):
    """What was wrong with data that was handed in from Python: a line of `Faults.lines`."""


class Faults:
    """Counts by name of what was wrong, with the first few examples of each, as "file:line: what".

    Bounded in names, examples and their length, whatever the data.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.changes = 0  # times that a count was another
        self.examples: dict[str, list[str]] = {}
        self._newest: dict[str, str] = {}  # example of each that `news` has not told
        self._told: dict[str, int] = {}  # counts as of the last `news`

    def add(self, name: str, where: str = "", count: int = 1) -> None:
        """Count one fault (or `count` of them) seen at `where`."""
        if name not in self.counts and len(self.counts) >= FAULT_NAMES_MAX:
            name = "other"
        self.counts[name] = self.counts.get(name, 0) + count
        self.changes += 1
        self._newest[name] = where[:EXAMPLE_CHARS_MAX]
        seen = self.examples.setdefault(name, [])
        if where and len(seen) < EXAMPLES_MAX:
            seen.append(where[:EXAMPLE_CHARS_MAX])

    def clear(self) -> None:
        """Forget everything counted."""
        self.changes += 1
        for memory in (self.counts, self.examples, self._newest, self._told):
            memory.clear()

    def wants_example(self, name: str) -> bool:
        """Whether `where` would still be kept; so that a caller need not build it otherwise."""
        return len(self.examples.get(name, ())) < EXAMPLES_MAX

    def lines(self) -> list[str]:
        """One line for each fault, most frequent first: "12 x line_corrupt, first at a.gz:7: not JSON"."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [f"{count} x {named(name)}" + self._first(name) for name, count in ordered]

    def news(self) -> list[str]:
        """One line for each fault counted since the last call: "2 x book_gap, the last: after 7"."""
        lines = []
        for name, where in self._newest.items():
            count = self.counts[name] - self._told.get(name, 0)
            last = f", the last: {where}" if where else ""
            lines.append(f"{count} x {named(name)}{last}")
            self._told[name] = self.counts[name]
        self._newest.clear()
        return lines

    def drop_news(self, *names: str) -> None:
        """These were told otherwise: of what was counted so far `news` says nothing."""
        for name in names:
            self._newest.pop(name, None)
            self._told[name] = self.counts.get(name, 0)

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
