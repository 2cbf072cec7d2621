"""A process of a gateway, as an engine hears it. Pure."""

from __future__ import annotations

from signalnode.feeds.live.envelope import Header


class Source:
    """Where it stands in its numbering, and what it has told last."""

    __slots__ = ("generation", "newest_ns", "sequence", "told")

    def __init__(self, generation: int) -> None:
        self.generation, self.sequence = generation, 0
        self.newest_ns = 0  # time of the market's newest message
        self.told: tuple[str, str] | None = None  # state and reason, of one that does not count yet

    def count(self, header: Header) -> int:
        """Messages that are missing before this one; −1 where it has come before, by the other name."""
        sequence, last = header.sequence, self.sequence
        if 1 < sequence <= last and self.generation:
            return -1
        self.sequence, self.newest_ns = sequence, header.time_ns
        return abs(sequence - last - 1) if last and sequence not in (1, last + 1) else 0
