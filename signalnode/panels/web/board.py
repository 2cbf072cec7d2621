"""What every browser is sent: which markets there are, and four times a second how they stand. Pure.

A frame is bytes, made once for all browsers: a market takes 18 of them, and the page reads it without parsing
text. Little-endian; `page/frames.js` is its other end.

| bytes | what |
|---|---|
| u8 | BOARD |
| u8 | k, how many scores a market has |
| u8 | r, how many regimes |
| u8 | 0 |
| u32 | number of the layout: names and words stand there |
| f64 | time of the view in ms since 1970 |
| f64[n] | mids, 0 before the first |
| u16[n] | tenths of a second since it was heard, AGE_MAX for longer or never |
| u8[n] | its state, a place in the layout's `states` |
| u8[n·k] | scores in halves of a point, 255 unknown |
| u8[r] | regimes, the same |
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from signalnode.bus.wire import NOT_RUNNING, SCORE_NAMES, MarketState, ToldOutcomes, ViewMessage
from signalnode.panels.cluster import is_troubled
from signalnode.panels.web.history import History, score_rows

BOARD, PAST, STRIPS = 1, 2, 3  # the first byte of what is sent as bytes
AGE_MAX = 65_535
STATES = (
    "live",
    "warming",
    "settling",
    "degraded",
    "stale",
    "behind",
    "silent",
    "unheard",
    "starting",
    "backing off",
    "given up",
    "down",
    "ended",
    "stopping",
)
STATE_PLACES = {state: place for place, state in enumerate(STATES)}
NOT_UP = NOT_RUNNING | {"starting", "stopping"}
USABLE = frozenset({"live", "warming"})  # of STATES: whose scores may be relied on
WHY_CHARS_MAX = 200
OUTCOME_FIELDS = ("effective", "hit_rate", "move_bps", "move_low_bps", "move_high_bps", "size_bps")
SEVEN = len(SCORE_NAMES)
_JSON = msgspec.json.Encoder()
_HEAD = struct.Struct("<BBBBId")


def outcome_facts(name: str, told: ToldOutcomes) -> dict[str, Any]:
    """What the market's scores were followed by: by score a list a horizon, each of ten numbers or null."""
    scores = {
        score: {field: fields[field] for field in OUTCOME_FIELDS if field in fields}
        for score, fields in told.scores.items()
    }
    return {"kind": "outcomes", "market": name, "horizons_s": told.horizons_s, "scores": scores}


def state_word(market: MarketState) -> str:
    """One of STATES: what the engine says, and where that is over what the supervisor says of its process."""
    process = market.process.state if market.process else "up"
    if market.state in ("down", "unheard", "silent") and process != "up":
        return process.replace("_", " ") if process in NOT_UP else market.state
    if market.state == "fresh":
        return "live" if market.warm >= 1.0 else "warming"
    return market.state


class Board:
    """The newest view in the forms that browsers are sent it. `layout_id` rises when names have changed."""

    def __init__(self) -> None:
        self.view: ViewMessage | None = None
        self.layout_id = 0
        self.history = History()
        self.frame = b""
        # Of each market the newest; views tell a few at a time. Packed: 52 kB as objects, 8 so.
        self._outcomes: dict[str, bytes] = {}
        self._names: tuple[tuple[str, ...], ...] = ()

    def take(self, view: ViewMessage) -> bool:
        """Show this view from now on; whether names have changed, so that `layout` must be sent before it."""
        self.view = view
        columns = _columns(view.markets)
        names = (tuple(view.markets), columns, tuple(view.regime))
        is_other = names != self._names
        if is_other:
            self._names, self.layout_id = names, self.layout_id + 1
        self.history.take(view, columns)
        for name, told in view.outcomes.items():
            self._outcomes[name] = zlib.compress(_JSON.encode(outcome_facts(name, told)), 1)
        for gone in self._outcomes.keys() - view.markets.keys():
            del self._outcomes[gone]
        self.frame = self._framed(view, columns)
        return is_other

    def layout(self) -> dict[str, Any]:
        """What a frame's places mean."""
        markets, scores, regimes = self._names or ((), (), ())
        return {
            "kind": "layout",
            "id": self.layout_id,
            "markets": markets,
            "scores": scores,
            "regimes": regimes,
            "states": STATES,
        }

    def strips(self) -> bytes:
        """The last minute of every market's momentum, and the last minutes of the regimes.

        u8 STRIPS, u8 steps, u16 steps of a regime, u32 layout, i8[n·steps], u8[r·steps of a regime].
        """
        markets, _, names = self._names or ((), (), ())
        strips, regimes = self.history.strips(markets), self.history.regimes(names)
        head = struct.pack("<BBHI", STRIPS, strips.shape[1], regimes.shape[1], self.layout_id)
        return head + strips.tobytes() + regimes.tobytes()

    def past(self, market: str, number: int) -> bytes:
        """A market's quarter of an hour, as the answer to the browser's question `number`.

        u8 PAST, u8 k, u16 n, u32 number, f64[n] times in ms, f64[n] mids (NaN none), u8[n·k] scores.
        """
        times_ms, mids, scores = self.history.of(market)
        head = struct.pack("<BBHI", PAST, scores.shape[1], len(times_ms), number)
        return head + times_ms.tobytes() + mids.tobytes() + scores.tobytes()

    def outcomes(self, market: str) -> str | None:
        """What its scores were followed by, as it is sent; None before that was told."""
        packed = self._outcomes.get(market)
        return None if packed is None else zlib.decompress(packed).decode()

    def facts(self) -> dict[str, Any]:
        """What is not said by numbers, and changes seldom: troubles, how warm, failing strategies."""
        assert self.view is not None
        told = {name: _facts(market) for name, market in self.view.markets.items()}
        failing = {
            name: f"{state['failures']} in a row: {state.get('error', '')}"[:WHY_CHARS_MAX]
            for name, state in self.view.strategies.items()
            if state.get("failures")
        }
        return {
            "kind": "facts",
            "layout": self.layout_id,
            "markets": {name: facts for name, facts in told.items() if facts},
            "failing": failing,
            "cluster": None if self.view.cluster is None else is_troubled(self.view.cluster),
        }

    def _framed(self, view: ViewMessage, columns: tuple[str, ...]) -> bytes:
        markets = list(view.markets.values())
        head = _HEAD.pack(
            BOARD, len(columns), len(view.regime), 0, self.layout_id, view.time_published_ns / 1e6
        )
        mids = np.array([market.mid for market in markets])
        seconds = [math.inf if market.age_s is None else market.age_s for market in markets]
        ages = np.minimum(10.0 * np.array(seconds), AGE_MAX).astype(np.uint16)
        states = bytes([STATE_PLACES[state_word(market)] for market in markets])
        scores = score_rows(markets, columns)
        regimes = bytes(round(2 * strength) for strength in view.regime.values())
        return b"".join((head, mids.tobytes(), ages.tobytes(), states, scores.tobytes(), regimes))


def _columns(markets: Mapping[str, MarketState]) -> tuple[str, ...]:
    """The contract's scores in order, then whatever else markets send."""
    added = {name for market in markets.values() if len(market.scores) > SEVEN for name in market.scores}
    return (*SCORE_NAMES, *sorted(added - set(SCORE_NAMES)))


def _facts(market: MarketState) -> dict[str, Any]:
    """Of one market, without what goes without saying."""
    process, health = market.process, market.health
    facts = {
        "warm": round(market.warm, 2) if market.warm < 1.0 else None,
        "restarts": process.restarts if process and process.restarts else None,
        "why": process.why[:WHY_CHARS_MAX] if process and process.why else None,
        "reason": health.reason if health and health.reason else None,
    }
    return {key: value for key, value in facts.items() if value is not None}
