"""What can go wrong with a market's data on the way out, one fault a frame; each ends by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

What = Literal["book", "quotes", "trades"]
Change = Callable[[bytes], Iterable[bytes]]

NUMBER = re.compile(rb'"?-?\d+\.\d+(?:[eE][-+]?\d+)?"?')  # prices and sizes
CHECKSUM = re.compile(rb'("checksum":\s*)(-?\d+)')
HUGE_BYTES = 20_000_000


@dataclass(eq=False)
class Fault:
    """Done to the next `count` frames of a symbol's book or trades, all of one peer."""

    symbol: str
    what: What
    change: Change
    count: int = 1
    held: list[bytes] = field(default_factory=list)  # of `late`: to be sent behind the last
    peer: int = 0  # number of the first that it met; 0: none yet

    def pass_on(self, frame: bytes) -> list[bytes]:
        """What is sent instead of `frame`."""
        self.count -= 1
        return [*self.change(frame), *(self.held if not self.count else ())]


def lost(symbol: str, what: What = "book", count: int = 1) -> Fault:
    """Made, and never sent."""
    return Fault(symbol, what, lambda _frame: (), count)


def doubled(symbol: str, what: What = "book") -> Fault:
    """Sent twice."""
    return Fault(symbol, what, lambda frame: (frame, frame))


def late(symbol: str, what: What = "book", behind: int = 1) -> Fault:
    """Sent behind so many that came after it."""
    fault = Fault(symbol, what, lambda frame: (frame,), behind + 1)

    def change(frame: bytes) -> Iterable[bytes]:
        if fault.held:
            return (frame,)
        fault.held.append(frame)
        return ()

    fault.change = change
    return fault


def replaced(symbol: str, frame: bytes, what: What = "book") -> Fault:
    """Another frame goes out behind the next one."""
    return Fault(symbol, what, lambda sound: (sound, frame))


def broken_off(symbol: str, what: What = "book") -> Fault:
    """The second half is missing."""
    return Fault(symbol, what, lambda frame: (frame[: len(frame) // 2],))


def not_text(symbol: str, what: What = "book") -> Fault:
    """Bytes that are no UTF-8, where JSON is sound but for them."""
    return Fault(symbol, what, lambda frame: (frame.replace(b'":"', b'":"\xff\xfe', 1),))


def number_put(symbol: str, put: bytes, what: What = "book") -> Fault:
    """One price or size is something else: NaN, a text, 1e999."""
    return Fault(symbol, what, lambda frame: (NUMBER.sub(put, frame, count=1),))


def checksum_wrong(symbol: str) -> Fault:
    """Off by one, where the frame has one that is looked at."""

    def change(frame: bytes) -> Iterable[bytes]:
        return (CHECKSUM.sub(lambda found: found[1] + b"%d" % (int(found[2]) ^ 1), frame, count=1),)

    return Fault(symbol, "book", change)


def huge(symbol: str, what: What = "book") -> Fault:
    """Larger than anybody takes: HUGE_BYTES of spaces."""
    return Fault(symbol, what, lambda frame: (frame + b" " * HUGE_BYTES,))


def drawn(random: Random, symbol: str) -> Fault:
    """Any of them but `huge`."""
    what: What = random.choice(("book", "book", "trades"))
    makers: list[Callable[[], Fault]] = [
        lambda: lost(symbol, what, random.randrange(1, 4)),
        lambda: doubled(symbol, what),
        lambda: late(symbol, what, random.randrange(1, 4)),
        lambda: broken_off(symbol, what),
        lambda: not_text(symbol, what),
        lambda: number_put(symbol, random.choice((b"NaN", b'"x"', b"1e999", b"null", b"-1")), what),
        lambda: checksum_wrong(symbol),
    ]
    return random.choice(makers)()
