"""What connections need of their gateway: its venue's addresses, and where frames go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from signalnode.feeds.live.actions import Tell
from signalnode.feeds.live.relief import Relief


class Urls(NamedTuple):
    """The two addresses of a venue, each without the paths behind it."""

    ws: str
    rest: str


class Runs(Protocol):
    """Connections to a venue, whoever speaks to it."""

    async def run(self, stopped: asyncio.Event) -> None:
        """Until `stopped` is set; then every connection is closed."""
        ...


class Outlet(Protocol):
    """Where frames go, and where it is heard who wants them."""

    fd: int

    def frame(self, symbol: str, number: int, frame: bytes) -> None:
        """Pass on a frame that has just come over connection `number`."""
        ...

    def hold(self) -> None:
        """Keep what is passed on from now on, until `release`."""
        ...

    def release(self) -> None:
        """Send it, and what is passed on later as it comes."""
        ...

    def answer(self, symbol: str, number: int, url: str, body: bytes) -> None:
        """Pass on what was fetched from `url` for a market."""
        ...

    def address(self, symbol: str, number: int, url: str) -> None:
        """Say where connection `number` goes."""
        ...

    def beside(self, symbol: str, number: int) -> None:
        """Say that connection `number` comes beside the one that a market has."""
        ...

    def moved(self, symbol: str, number: int) -> None:
        """Say that those which came beside have taken over; 0: that they have gone."""
        ...

    def tell(self, symbol: str, number: int, told: Tell, next_try_ns: int | None = None) -> None:
        """Say what became of a market; `next_try_ns`: monotonic time, None where none waits."""
        ...

    def tell_halt(self, symbol: str, halt: str) -> None:
        """Say by what word of its venue a market is not traded now, as it is listed; "" where it is."""
        ...

    def tell_announced(self, symbol: str, *, halts: bool, text: str) -> None:
        """Say what the venue announces of all its markets, and whether nothing trades meanwhile."""
        ...

    def note_announced(self, words: str) -> None:
        """Something was announced that was not before."""
        ...

    def pass_time(self, next_try_ns: int | None, relief: Relief) -> None:
        """Say that all is passed on, and who counts; called each PASSED_S. `next_try_ns`: see `Pool`."""
        ...

    def relieved_by(self) -> tuple[int, int] | None:
        """Generation and pid of a process that has asked since to take over."""
        ...

    def requests(self) -> Iterable[tuple[str, str]]:
        """What was asked since: "want", "drop", "renew" or "doubt", and the market."""
        ...
