"""What a venue gives by REST alone, books and facts: when to fetch one, and what became of it. Pure.

One is fetched when its changes have begun to come, and whenever the market's feed finds that it does not
join them; facts come first, and again with each book that starts over, for it may be another engine that
asks. Not twice within RENEW_S_MIN, and at most FETCHES_MAX at once over one connection. What fails is
fetched again after a random share of a wait that doubles, and not before `Retry-After`; what cannot heal is
told once and left.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Literal

from signalnode.feeds.live.actions import (
    NEVER_NS,
    RENEW_S_MIN,
    RETRY_AFTER_S_MAX,
    Action,
    Answer,
    Fetch,
    Tell,
    cannot_heal,
    jittered_s,
    ns_of,
)
from signalnode.feeds.live.sessions.base import Venue

FETCHES_MAX = 4
LEFT_MAX = 1_000  # markets let go, whose last fetch is still remembered
ANSWER_S_MAX = 60.0  # after which an answer is not waited for any more

State = Literal["idle", "wanted", "asked", "refused"]

IMAGE: dict[tuple[State, str], State] = {
    ("idle", "needed"): "wanted",
    ("wanted", "sent"): "asked",
    ("asked", "answered"): "idle",
    ("asked", "failed"): "wanted",
    ("asked", "refused"): "refused",
    ("wanted", "closed"): "idle",
    ("asked", "closed"): "idle",
}


@dataclass(slots=True)
class _Image:
    state: State = "idle"
    due_ns: int = 0  # before it may be asked for, or when its answer is not waited for any more
    sent_ns: int = -NEVER_NS
    tries: int = 0  # since the last answer


class Images:
    """The books of one connection's markets; see the module."""

    def __init__(self, venue: Venue, random: Random) -> None:
        self._venue, self._random = venue, random
        self._images: dict[str, _Image] = {}
        self._left_ns: dict[str, int] = {}  # when what nobody wants any more was fetched last

    def need(self, symbol: str) -> None:
        """Fetch a market's book, where it is not on the way already."""
        if symbol not in self._images:
            self._images[symbol] = _Image(sent_ns=self._left_ns.pop(symbol, -NEVER_NS))
        image = self._images[symbol]
        if self._step(image, "needed"):
            image.due_ns = image.sent_ns + ns_of(RENEW_S_MIN)

    def drop(self, symbol: str) -> None:
        """Nobody wants it any more."""
        image = self._images.pop(symbol, None)
        if image is not None:
            self._left_ns[symbol] = image.sent_ns
            if len(self._left_ns) > LEFT_MAX:
                del self._left_ns[next(iter(self._left_ns))]

    def close(self) -> None:
        """The connection is gone: an image would join nothing."""
        for image in self._images.values():
            self._step(image, "closed")
            image.tries = 0

    def is_waiting(self, symbols: Collection[str]) -> bool:
        """Whether one of these is on the way or to be asked for."""
        images = self._images.items()
        return any(image.state in ("wanted", "asked") and symbol in symbols for symbol, image in images)

    def due_ns(self) -> int:
        """When `on_time` has something to do; NEVER_NS while that cannot be told."""
        if not self._images:  # as at most venues
            return NEVER_NS
        is_full = self._under_way() >= FETCHES_MAX
        states = ("asked",) if is_full else ("asked", "wanted")
        return min((i.due_ns for i in self._images.values() if i.state in states), default=NEVER_NS)

    def on_time(self, now_ns: int) -> list[Action]:
        """Time has passed."""
        found: list[Action] = []
        room = FETCHES_MAX - self._under_way()
        for symbol, image in self._images.items():
            if image.due_ns > now_ns:
                continue
            if image.state == "asked":
                self._fail(image, now_ns, 0.0)
            elif image.state == "wanted" and room > 0:
                request = self._venue.image(symbol) or self._venue.facts(symbol)
                assert request is not None, f"{self._venue.name} has nothing to be fetched of {symbol}"
                room -= 1
                self._step(image, "sent")
                image.tries += 1
                image.sent_ns, image.due_ns = now_ns, now_ns + ns_of(ANSWER_S_MAX)
                found.append(Fetch(symbol, request.url_path, request.weight))
        return found

    def on_denied(self, symbol: str, wait_ns: int, now_ns: int) -> None:
        """It was not asked for: the budget of this address is spent for so long."""
        image = self._images.get(symbol)
        if image is not None and self._step(image, "failed"):
            image.tries -= 1
            image.due_ns = now_ns + wait_ns

    def on_answer(
        self, fetch: Fetch, status: int, body: bytes, now_ns: int, *, reason: str, retry_after_s: float
    ) -> list[Action]:
        """The answer has come; status 0 where none could be had, `reason` says why."""
        image = self._images.get(fetch.symbol)
        if image is None or image.state != "asked":
            return []
        if status == 200:
            self._step(image, "answered")
            image.tries = 0
            return [Answer(fetch.symbol, fetch.url_path, body)]
        if cannot_heal(status):
            self._step(image, "refused")
            return [Tell(fetch.symbol, "refused", reason)]
        self._fail(image, now_ns, retry_after_s)
        return []

    def _fail(self, image: _Image, now_ns: int, retry_after_s: float) -> None:
        self._step(image, "failed")
        wait_s = max(jittered_s(self._random, image.tries), min(retry_after_s, RETRY_AFTER_S_MAX))
        image.due_ns = now_ns + ns_of(max(wait_s, RENEW_S_MIN))

    def _under_way(self) -> int:
        return sum(image.state == "asked" for image in self._images.values())

    def _step(self, image: _Image, event: str) -> bool:
        after = IMAGE.get((image.state, event))
        image.state = after or image.state
        return after is not None
