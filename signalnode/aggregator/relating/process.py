"""The process that relates markets: steps in, what is known of all couples out. One thread.

Started by the aggregator with one end of a pair of sockets, and ends with it. It is nicer than all others:
nobody waits for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator

import msgspec

from signalnode.aggregator.memory import keep_large_apart
from signalnode.aggregator.relating.frames import Frames
from signalnode.aggregator.relating.messages import (
    Markets,
    Step,
    Told,
    columns_of,
    decode_down,
    encode,
    values_of,
)
from signalnode.aggregator.relating.relate import Relater
from signalnode.aggregator.relating.ring import Ring
from signalnode.bus.relations import encode_relations
from signalnode.clock import NS_PER_S, monotonic_ns

PASS_S = 2.0  # from one pass to the next, where they are short
REST = 3  # a pass is followed by so many times its own time of rest
NICE = 5
LARGE_BLOCK_BYTES, SPARE_BYTES = 1_048_576, 4_194_304  # a block's columns go back; of tiles a dozen stay


class Relating:
    """What the process knows. Pure: no clock, no socket."""

    def __init__(self) -> None:
        self.ring: Ring | None = None
        self._said: Markets | None = None
        self._step = -1

    def take(self, message: Markets | Step) -> None:
        """Take what the aggregator says; a step of another arrangement than the last is none."""
        if isinstance(message, Markets):
            was, self._said = self._said, message
            same = was and (was.decay, was.series) == (message.decay, message.series)
            if self.ring is not None and same:
                self.ring.arrange(message.markets)
            else:
                self.ring = Ring(message.markets, len(message.series), message.decay)
        elif self._said is not None and self.ring is not None:
            if message.arrangement != self._said.arrangement:
                return
            if self.ring.filled and message.step > self._step + 1:
                self.ring.skip(message.step - self._step - 1)  # lost, or a pause
            self._step = message.step
            self.ring.add(*values_of(message, len(self._said.series)))

    def told(self) -> Iterator[Told | None]:
        """One pass, a piece at a time; what it has found comes last."""
        said, ring = self._said, self.ring
        if said is None or ring is None or not ring.filled:
            return
        relater = Relater(ring, said.lags, tuple(said.series))
        for _ in relater.steps():
            yield None
        found = relater.found
        rho, lead, lead_rho = (each.astype(float) for each in found.matrices)
        yield Told(
            arrangement=said.arrangement,
            step=self._step,
            numbers=found.numbers,
            strongest=found.strongest(said.step_s),
            couples=columns_of(found.couples),
            leaders=columns_of(found.leaders),
            packed=encode_relations(found.markets, said.step_s, rho, lead * said.step_s, lead_rho),
        )


def save_memory() -> None:
    """Before anything is taken: most of a pass are matrices that are soon gone."""
    keep_large_apart(LARGE_BLOCK_BYTES, SPARE_BYTES)


def serve(end: socket.socket) -> None:
    """Work until the other end is gone."""
    frames, relating, waiting = Frames(end), Relating(), deque[bytes]()
    due_ns, is_new = 0, False
    with contextlib.suppress(EOFError):
        while True:
            wait_s = max(0.0, (due_ns - monotonic_ns()) / NS_PER_S) if is_new else None
            select.select([end], [end] if frames.is_sending else [], [], wait_s)
            frames.flush()
            waiting += frames.receive()
            while waiting:
                relating.take(decode_down(waiting.popleft()))
                is_new = True
            if not is_new or monotonic_ns() < due_ns or frames.is_sending:
                continue
            began_ns, is_new = monotonic_ns(), False
            for told in relating.told():
                waiting += frames.receive()
                if told is not None:
                    frames.send(encode(told))
            took_ns = monotonic_ns() - began_ns
            due_ns = began_ns + max(int(PASS_S * NS_PER_S), (1 + REST) * took_ns)


def main() -> int:
    """`python -m signalnode.aggregator.relating.process FD`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the aggregator ends us
    with contextlib.suppress(OSError):
        os.nice(NICE)
    try:
        with socket.socket(fileno=int(sys.argv[1])) as end:
            save_memory()
            serve(end)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        from signalnode import logs  # 4 MB, and nothing else is ever said

        logs.configure()
        logs.logger(process="relations").error("cannot go on", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
