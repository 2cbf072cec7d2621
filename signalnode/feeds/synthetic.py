"""A market made up from a seed: to try a node out without data, to load one, and to test the scores.

Regimes of trend, reversion, bursts and thin books alternate (or one is asked for). The same seed gives the
same market, and any place in it can be taken up again bit for bit: events come in blocks, and block k depends
only on the seed, k and the state carried into it, which is part of the position.

The model, per event after a pause dt in seconds (a toy with the right signs, not a fit):
- pauses are exponential, at `events_per_s` × (1 + excitement); excitement decays within seconds, bursts kick
  it up;
- pressure u is an Ornstein–Uhlenbeck process with unit variance and relaxation PRESSURE_S. It tilts the sizes
  at the best bid and ask, the side trades come from and the next prices, as order flow does (Cont, Kukanov
  and Stoikov, 2014);
- the logarithm of the fair price drifts with regime and pressure and diffuses; what a jump added in the
  reverting regime dies out within REVERSION_S;
- quotes sit on the tick grid about that price; trades take them; depth in the band follows both.

Up and down are mirror images in every regime but the two trends. A lasting pull towards the first price, with
a relaxation of a day, keeps prices in range over months.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, floor, log, sqrt
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from signalnode.compiled import entry
from signalnode.errors import CheckpointError
from signalnode.events import EVENT, Events
from signalnode.feeds.base import BlockFeed

Regime = Literal["stationary", "trend_up", "trend_down", "reverting", "bursty", "thin"]

EPOCH_NS = 1_700_000_000_000_000_000  # kernel time starts here unless told otherwise: 2023-11-14 22:13:20 UTC
BLOCK_EVENTS = 1_024  # 84 kB; made in about 0.1 ms
PRICE, TICK = 60_000.0, 0.01  # quote currency
PRESSURE_S, REVERSION_S, EXCITEMENT_S, PULL_S = 3.0, 8.0, 4.0, 86_400.0
REGIME_S_MIN, REGIME_S_SPAN = 30.0, 90.0  # a regime lasts 30 to 120 s
SIGMA_BPS = 0.7  # diffusion of the fair price in a second
PRESSURE_BPS = 0.4  # drift of the fair price per second and unit of pressure
JUMP_BPS, JUMPS_PER_S = 8.0, 1 / 20  # reverting: the size and rate of what dies out again
BURSTS_PER_S, BURST = 1 / 30, 8.0  # bursty: rate of kicks, and by how much they multiply the pace
QUOTES, TRADES = 0.70, 0.23  # shares of events; the rest is depth

# One column a regime, in the order of Regime:    stationary  up  down  reverting  bursty  thin
_REGIMES: tuple[Regime, ...] = ("stationary", "trend_up", "trend_down", "reverting", "bursty", "thin")
_DRIFT_BPS = np.array([0.0, 1.0, -1.0, 0.0, 0.0, 0.0])  # a second
_SPREAD_TICKS = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 6.0])  # most often; now and then twice that
_LIQUIDITY = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.15])  # factor on sizes at the best prices and on depth

STATE = np.dtype(
    [
        ("time_ns", "<i8"),
        ("regime", "<i8"),
        ("regime_until_ns", "<i8"),
        ("fair", "<f8"),  # log of the fair price over PRICE, without the jump part
        ("jump", "<f8"),  # what jumps added and has not died out yet
        ("pressure", "<f8"),
        ("excitement", "<f8"),
    ]
)


@entry(out=EVENT, memory=STATE, uniform=("<f8", 6), normal=("<f8", 4))
def _fill_block(  # noqa: PLR0917 - compiled code takes no keywords
    out: Events, memory: npt.NDArray[Any], uniform: Any, normal: Any, rate: float, alternating: int
) -> None:
    s = memory[0]
    for i in range(out.shape[0]):
        u, n = uniform[i], normal[i]
        dt = -log(1.0 - u[0]) / (rate * (1.0 + s.excitement))
        s.time_ns += max(1, int(dt * 1e9))
        if alternating == 1 and s.time_ns >= s.regime_until_ns:
            s.regime = int(u[4] * 6.0)
            s.regime_until_ns = s.time_ns + int((REGIME_S_MIN + REGIME_S_SPAN * u[5]) * 1e9)
        r = s.regime
        keep = exp(-dt / PRESSURE_S)
        s.pressure = keep * s.pressure + sqrt(1.0 - keep * keep) * n[0]
        s.excitement *= exp(-dt / EXCITEMENT_S)
        if r == 4 and u[4] < 1.0 - exp(-BURSTS_PER_S * dt):
            s.excitement += BURST
        s.jump *= exp(-dt / REVERSION_S)
        if r == 3 and u[4] < 1.0 - exp(-JUMPS_PER_S * dt):
            s.jump += JUMP_BPS * 1e-4 * (1.0 if u[5] < 0.5 else -1.0)
        drift = _DRIFT_BPS[r] + PRESSURE_BPS * s.pressure
        s.fair += (drift * dt + SIGMA_BPS * sqrt(dt) * n[1]) * 1e-4 - s.fair * dt / PULL_S
        e = out[i]
        e.time_received_ns = s.time_ns
        e.time_event_ns = s.time_ns - 3_000_000 - int(5e6 * u[3])  # 3 to 8 ms on the way
        wide = _SPREAD_TICKS[r] * (2.0 if u[3] > 0.97 else 1.0)
        low = floor(PRICE * exp(s.fair + s.jump) / TICK - (wide - 1.0) / 2.0)
        bid, ask, liquid = low * TICK, (low + wide) * TICK, _LIQUIDITY[r]
        if u[1] < QUOTES:
            e.kind = 2
            e.bid, e.ask = bid, ask
            e.bid_size = liquid * exp(0.8 * n[2] + 0.6 * s.pressure)
            e.ask_size = liquid * exp(0.8 * n[3] - 0.6 * s.pressure)
        elif u[1] < QUOTES + TRADES:
            e.kind = 1
            is_buy = u[2] < 1.0 / (1.0 + exp(-1.2 * s.pressure - 0.8 * _DRIFT_BPS[r]))
            e.aggressor_side = 1 if is_buy else -1
            e.price = ask if is_buy else bid
            e.size = 0.02 * exp(1.2 * n[2]) * (1.0 + 0.2 * s.excitement)
        else:
            e.kind = 3
            e.bid_depth = 40.0 * liquid * exp(0.1 * n[2] + 0.15 * s.pressure)
            e.ask_depth = 40.0 * liquid * exp(0.1 * n[3] - 0.15 * s.pressure)


class SyntheticFeed(BlockFeed):
    """An endless market; see `base.Feed` for what each method promises.

    `regime` None lets the regimes alternate. `events_per_s` is the mean pace outside bursts. `price`, in
    quote currency, is where the market starts; its tick is in proportion.
    """

    def __init__(
        self,
        seed: int,
        *,
        events_per_s: float = 50.0,
        regime: Regime | None = None,
        start_ns: int = EPOCH_NS,
        price: float = PRICE,
    ) -> None:
        super().__init__()
        self._parameters = [seed, events_per_s, regime or "alternating", price]
        self._price_factor = price / PRICE
        self._seed, self._rate, self._alternating = seed, events_per_s, regime is None
        self._number = -1  # of the present block
        self._after = np.zeros(1, STATE)  # the state after the present block
        self._after["time_ns"] = start_ns
        self._after["regime"] = _REGIMES.index(regime or "stationary")
        self._before = self._after.copy()  # the state it began with

    def _next_block(self) -> Events:
        self._number += 1
        self._before = self._after.copy()
        return self._make_block()

    def _make_block(self) -> Events:
        random = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, self._number, 0, 0]))
        block = np.zeros(BLOCK_EVENTS, EVENT)
        uniform, normal = random.random((BLOCK_EVENTS, 6)), random.standard_normal((BLOCK_EVENTS, 4))
        _fill_block(block, self._after, uniform, normal, self._rate, int(self._alternating))
        if self._price_factor != 1.0:
            for name in ("price", "bid", "ask"):
                block[name] *= self._price_factor
        return block

    @property
    def position(self) -> dict[str, Any]:
        """What is played, the present block's number, the state it began with, and the next event in it."""
        return {
            "synthetic": list(self._parameters),
            "block": self._number,
            "state": list(self._before[0].tolist()),
            "row": self._at,
        }

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go on at `position`. Raises CheckpointError when it is of another market, or no position at all."""
        if position.get("synthetic") != self._parameters:
            raise CheckpointError("the position is of another feed or other settings; start afresh")
        try:
            number, row, values = int(position["block"]), int(position["row"]), tuple(position["state"])
            state = np.array([values], STATE)
        except (KeyError, TypeError, ValueError):
            raise CheckpointError("no position of a synthetic feed; start afresh") from None
        if not (-1 <= number < 2**63 and 0 <= row <= BLOCK_EVENTS):
            raise CheckpointError("no position of a synthetic feed; start afresh")
        self._number, self._at, self._before, self._after = number, row, state, state.copy()
        self._set_block(np.zeros(0, EVENT) if number < 0 else self._make_block())

    @property
    def faults(self) -> dict[str, int]:
        """None, ever."""
        return {}

    def is_prepared(self) -> bool:
        """Always."""
        return True

    def prepare(self) -> Iterator[float]:
        """Nothing to prepare."""
        return iter(())

    def degraded(self, time_ns: int) -> bool:  # noqa: ARG002 - part of what a feed is
        """Never."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""


def synthetic_events(
    seed: int,
    count: int,
    *,
    events_per_s: float = 50.0,
    regime: Regime | None = None,
    start_ns: int = EPOCH_NS,
) -> Events:
    """The first `count` events of a synthetic market, shape (count,), dtype EVENT."""
    feed = SyntheticFeed(seed, events_per_s=events_per_s, regime=regime, start_ns=start_ns)
    return feed.take(2**63 - 1, count)
