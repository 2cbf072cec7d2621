"""A live feed whose engine records: what it hears goes to the tape first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from signalnode.feeds.live import envelope
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.recorded.tape import Tape
from signalnode.feeds.venues.base import Decoder, DecoderClass
from signalnode.feeds.venues.joined import Joined


class _Joined(Joined):
    """Tells when something was lost."""

    def __init__(self, make: Callable[[], Decoder], tape: Tape) -> None:
        super().__init__(make)
        self._tape = tape

    def distrust(self) -> None:
        """See `Joined.distrust`."""
        self._tape.distrusted()
        super().distrust()


class TapedFeed(LiveFeed):
    """As `LiveFeed`, with a tape."""

    def __init__(
        self,
        endpoint: str,
        gateway: str,
        symbol: str,
        decoder_class: DecoderClass,
        depth_bps: float,
        *,
        tape: Tape,
        **options: Any,
    ) -> None:
        super().__init__(endpoint, gateway, symbol, decoder_class, depth_bps, **options)
        self._tape = tape
        self._decoder = _Joined(lambda: decoder_class(symbol, depth_bps, self._on_fault), tape)

    def hear(self, header: envelope.Header, body: bytes) -> None:
        """See `LiveFeed.hear`."""
        self._tape.heard((header, body))
        super().hear(header, body)

    def kernel_at(self, now_ns: int) -> int:
        """See `LiveFeed.kernel_at`."""
        heard_ns = super().kernel_at(now_ns)
        if heard_ns:
            self._tape.observe(heard_ns, self.outage, self.trouble, self.losses())
        return heard_ns
