"""What one connection has asked for, by the numbers of its requests, and what an answer means of which of it.
Pure; times are monotonic, in ns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Literal, NamedTuple

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.lives import Asked, Key, State
from signalnode.feeds.live.sessions.base import OLDEST, Heard

NUMBERS_MAX = 256  # requests whose numbers are known, the newest
HOUR_NS = 3_600 * NS_PER_S

_Yes = Literal["subscribed", "unsubscribed"]
_WAITING: dict[_Yes, State] = {"subscribed": "asked", "unsubscribed": "left"}  # for that answer


class _Request(NamedTuple):
    what: _Yes
    keys: tuple[Key, ...]


class Requests:
    """`hourly_max`: so many within an hour at most; inf where that is not counted."""

    def __init__(self, hourly_max: float) -> None:
        self._sent_ns = deque[int](maxlen=int(hourly_max) if isfinite(hourly_max) else 0)
        self._newest = 0
        self._numbered: dict[int, _Request] = {}

    def clear(self) -> None:
        """The connection is gone, and no answer will come."""
        self._newest = 0
        self._numbered.clear()
        self._sent_ns.clear()

    def free_ns(self) -> int:
        """When the venue bears one more; 0: it does."""
        is_full = 0 < len(self._sent_ns) == self._sent_ns.maxlen
        return self._sent_ns[0] + HOUR_NS if is_full else 0

    def number(self, what: _Yes, keys: tuple[Key, ...], now_ns: int) -> int:
        """Of the next request, to which a yes says `what`."""
        self._newest += 1
        self._sent_ns.append(now_ns)
        self._numbered[self._newest] = _Request(what, keys)
        if len(self._numbered) > NUMBERS_MAX:
            del self._numbered[next(iter(self._numbered))]
        return self._newest

    def meant(self, heard: Heard, asked: Mapping[Key, Asked]) -> list[tuple[Key, str]]:
        """What a frame says of which subscriptions."""
        if heard.symbol and heard.channel:
            return [((heard.symbol, heard.channel), heard.what)]
        if heard.listed is not None and not heard.number:
            return list(_of_all(heard.listed, asked))
        number = self._oldest(asked) if heard.number == OLDEST else heard.number
        request = self._numbered.get(number)
        if request is None:
            return []
        keys = [key for key in request.keys if heard.symbol in ("", key[0])]
        if not heard.symbol:  # else it is one of several, each with an answer of its own
            del self._numbered[number]
        what: str = heard.what
        if what in ("subscribed", "unsubscribed") or (request.what, what) == ("unsubscribed", "refused"):
            what = request.what  # what the venue refuses to leave is not there
        if heard.listed is None or request.what == "unsubscribed":
            return [(key, what) for key in keys if _waits_for(asked.get(key), request)]
        return [(key, what if key in heard.listed else "refused") for key in keys]

    def _oldest(self, asked: Mapping[Key, Asked]) -> int:
        for number, request in list(self._numbered.items()):
            if any(_waits_for(asked.get(key), request) for key in request.keys):
                return number
            del self._numbered[number]
        return 0


def _of_all(listed: frozenset[Key], asked: Mapping[Key, Asked]) -> Iterator[tuple[Key, str]]:
    for key, each in asked.items():
        if key in listed and each.state == "asked":
            yield key, "subscribed"
        elif key not in listed and each.state in ("active", "leaving", "left"):
            yield key, "unsubscribed"


def _waits_for(asked: Asked | None, request: _Request) -> bool:
    return asked is not None and asked.state == _WAITING[request.what]
