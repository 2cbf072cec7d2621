"""What became of a gateway's markets, for `status` and the log: since when none is heard, and after how many
tries. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from signalnode.clock import NS_PER_S


class News(NamedTuple):
    """One line of the log about markets that have the same to say."""

    markets: str  # "all 3", or the first and how many more
    facts: dict[str, Any]
    is_warning: bool


@dataclass(slots=True)
class _Market:
    state: str
    reason: str
    number: int  # of the connection
    since_ns: int  # that it is not heard
    tries: int = 0  # connections that failed since


class Told:
    """Hears each state that a market is told. Bounded by the gateway's markets."""

    def __init__(self) -> None:
        self._markets: dict[str, _Market] = {}
        self._news: dict[tuple[tuple[str, Any], ...], list[str]] = {}

    def hear(self, symbol: str, number: int, state: str, reason: str, now_ns: int) -> str:
        """`state` is "heard", "lost" or "refused", of connection `number`; 0 before the first. Returns the
        reason that stands: of a market whose channels are refused one by one it is the first.
        """
        before = self._markets.get(symbol)
        if before is not None and before.state == state == "refused":
            return before.reason
        is_same = before is not None and (before.state, before.reason) == (state, reason)
        if before is not None and is_same and (state != "lost" or before.number == number):
            return reason
        was_lost = before is not None and before.state != "heard"
        now = _Market(state, reason, number, before.since_ns if before and was_lost else now_ns)
        if before is not None and was_lost:
            now.tries = before.tries + (state == "lost" and number != before.number)
        self._markets[symbol] = now
        if not number and state == "lost":  # so it is at each start
            return reason
        facts: dict[str, Any] = {"state": state, "reason": reason, "connection": number}
        if was_lost:
            facts |= {"after_s": round((now_ns - now.since_ns) / NS_PER_S, 1), "tries": now.tries}
        facts["is_warning"] = state != "heard" and not is_same
        self._news.setdefault(tuple(facts.items()), []).append(symbol)
        return reason

    @property
    def heard(self) -> int:
        """Markets that are."""
        return sum(each.state == "heard" for each in self._markets.values())

    def drop(self, symbol: str) -> None:
        """Nobody wants it any more."""
        self._markets.pop(symbol, None)

    def news(self) -> Iterator[News]:
        """What has changed since the last call, each once for all markets of which it is true."""
        for key, symbols in self._news.items():
            facts = dict(key)
            yield News(self._names(symbols), facts, facts.pop("is_warning"))
        self._news.clear()

    def facts(self, now_ns: int, next_try_ns: int | None) -> dict[str, Any]:
        """For the supervisor. Of those that are not heard the first that is lost, or else the first, stands
        for all of its state; `next_try_ns`: monotonic time of the next connect, None where none waits.
        """
        lost = [symbol for symbol, each in self._markets.items() if each.state != "heard"]
        told: dict[str, Any] = {"markets": len(self._markets), "heard": len(self._markets) - len(lost)}
        none: dict[str, Any] = {"outage": "", "outage_s": None, "tries": None, "next_try_s": None}
        if not lost:
            return {**told, **none}
        lost.sort(key=lambda symbol: self._markets[symbol].state)  # "lost", then "refused"
        first = self._markets[lost[0]]
        alike = [symbol for symbol in lost if self._markets[symbol].state == first.state]
        more = f"; not heard either: {self._names(lost[len(alike) :])}" if len(alike) < len(lost) else ""
        told |= {"outage": f"{self._names(alike)}: {first.state}: {first.reason}{more}", "tries": first.tries}
        told["outage_s"] = round((now_ns - first.since_ns) / NS_PER_S, 1)
        waits = first.state == "lost" and next_try_ns is not None
        told["next_try_s"] = (
            round(max(0, next_try_ns - now_ns) / NS_PER_S, 1) if waits and next_try_ns else None
        )
        return told

    def _names(self, symbols: Sequence[str]) -> str:
        if len(symbols) == 1:
            return symbols[0]
        if len(symbols) >= len(self._markets):
            return f"all {len(symbols)}"
        return f"{symbols[0]}, and {len(symbols) - 1} more"
