"""What one connection is subscribed to, by market and channel. Pure; times are monotonic, in ns.

A subscription without an answer for ANSWER_S is left and asked for anew, for its answer may have been lost;
after ASKED_MAX tries, over one connection or over several that others were heard on, the market is refused.
Requests of one channel are gathered, `Limits.asks_max` markets in one; where such a request is refused as a
whole, or has no answer, each of its markets is asked for alone. One that has no answer alone, not even to
leaving it, while others are heard, costs the connection nothing.

What is `active` and brings nothing is asked for anew after ACKED_SILENT_S, which doubles each time up to
ACKED_SILENT_S_MAX; of a book each second time the connection itself is doubted. A channel but the book's is
so watched only if it has spoken before: many markets trade seldom. One that has spoken FRAMES_MIN times and
then is silent for PATIENCE times its longest wait, DEAD_S_MIN at least, is asked for anew as well: venues let
single subscriptions die. No subscription is asked for twice within RENEW_S_MIN, and none while the venue
bears no more of its channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from random import Random

from signalnode.feeds.live import suspects
from signalnode.feeds.live.actions import NEVER_NS, RENEW_S_MIN, jittered_s, ns_of
from signalnode.feeds.live.lives import HELD, SUBSCRIPTION, Asked, Change, Key
from signalnode.feeds.live.requests import Requests
from signalnode.feeds.live.sessions.base import SOMEBODY, Heard, Venue

ANSWER_S = 10.0
ASKED_MAX = 5
ACKED_SILENT_S, ACKED_SILENT_S_MAX = 10.0, 640.0
DEAD_S_MIN, PATIENCE = 60.0, 10  # and so many times the longest wait it is used to
FRAMES_MIN = 20  # before a channel is known
FORGOTTEN_IN = 10_000  # frames, for the most part
LEFT_MAX = 1_000  # subscriptions let go, whose last request is still remembered


class Subscriptions:
    """See the module."""

    def __init__(self, venue: Venue, random: Random) -> None:
        self.venue, self.book = venue, venue.channels[0]
        self.asked: dict[Key, Asked] = {}
        self.symbols: set[str] = set()  # that are wanted
        self._channels: dict[str, tuple[str, ...]] = {}  # by symbol
        self._random = random
        silence_s = venue.limits.book_silence_s_max
        self._book_silence_ns = ns_of(silence_s) if isfinite(silence_s) else 0
        self._requests = Requests(venue.limits.asks_hourly_max)
        self._nameless = 0  # refusals of somebody who waits for an answer
        self._left_ns: dict[Key, int] = {}  # when what is let go was asked for last

    def want(self, symbol: str, channels: Sequence[str]) -> None:
        """Subscribe to a market, as soon as that can be."""
        self.symbols.add(symbol)
        self._channels[symbol] = tuple(channels)
        for channel in channels:
            asked = self.asked.get((symbol, channel))
            if asked is None:
                sent_ns = self._left_ns.pop((symbol, channel), -NEVER_NS)
                asked = self.asked[symbol, channel] = Asked(sent_ns=sent_ns)
                asked.due_ns = sent_ns + ns_of(RENEW_S_MIN)
            asked.is_wanted = True

    def drop(self, symbol: str) -> None:
        """Leave a market."""
        self.symbols.discard(symbol)
        for channel in self._channels.pop(symbol, ()):
            self.asked[symbol, channel].is_wanted = False
            self._let_go((symbol, channel))

    def inherit(self, older: Subscriptions) -> None:
        """Go on with what another connection has learnt of the same: how it speaks, and how often not."""
        for key, asked in self.asked.items():
            known = older.asked.get(key)
            if known is not None:
                asked.is_alone, asked.silences = known.is_alone, known.silences
                asked.has_spoken = known.has_spoken
                asked.frames, asked.longest_ns = known.frames, known.longest_ns
                asked.is_known, asked.is_suspect = known.is_known, known.is_suspect
                if known.strikes >= suspects.STRIKES_MAX:
                    asked.state, asked.strikes = "refused", known.strikes

    def renew(self, key: Key) -> bool:
        """Leave and ask anew; whether that is to be done: what is under way is enough."""
        asked = self.asked.get(key)
        if asked is None or not self._step(asked, "renewed"):
            return False
        asked.due_ns = asked.sent_ns + ns_of(RENEW_S_MIN)
        return True

    def hold(self, symbol: str) -> None:
        """Do not ask for a market before `release`."""
        for asked in self._wanted(symbol):
            asked.due_ns = NEVER_NS

    def release(self, symbol: str, now_ns: int) -> None:
        """Ask for what was held."""
        for asked in self._wanted(symbol):
            if asked.due_ns == NEVER_NS:
                asked.due_ns = max(asked.sent_ns + ns_of(RENEW_S_MIN), now_ns)

    def is_heard(self, symbol: str) -> bool:
        """Whether the venue has said yes to every channel of a market."""
        needed = set(self._channels.get(symbol, ())) - self.venue.optional
        return bool(needed) and all(self.asked[symbol, each].state == "active" for each in needed)

    def close(self) -> list[Change]:
        """The connection is gone, and with it all that it was subscribed to; the markets refused for that."""
        guilty = suspects.suspect(self.asked) if self.venue.closes_on_unknown else ""
        self._nameless = 0
        self._requests.clear()
        heard = self._heard_symbols()
        for key, asked in list(self.asked.items()):
            asked.silent_ns = NEVER_NS
            asked.spoke_ns = 0
            if asked.state == "refused" and key[1] in self.venue.optional:
                asked.state = "left"  # to be tried again
            is_mute = asked.state == "left" and bool(heard - {key[0]})  # of this one alone nothing is said
            if self._step(asked, "closed"):
                asked.due_ns, asked.sent_ns = 0, -NEVER_NS
                asked.tries = asked.tries if is_mute else 0
            self._let_go(key)
        self._left_ns.clear()
        return self.refuse(guilty, suspects.GUILTY) if guilty else []

    def refuse(self, symbol: str, why: str) -> list[Change]:
        """A market is not asked for any more, whatever its channel."""
        found = []
        for channel in self._channels.get(symbol, ()):
            asked = self.asked[symbol, channel]
            asked.state, asked.strikes = "refused", suspects.STRIKES_MAX
            asked.silent_ns = NEVER_NS
            found.append(Change(symbol, channel, "refused", why))
        return found

    def due_ns(self, send_ns: int) -> int:
        """When something is to be done, where nothing may be sent before `send_ns`."""
        soonest_ns, send_ns = NEVER_NS, max(send_ns, self._requests.free_ns())
        full, turn = self._full(), self._turn()
        for key, asked in self.asked.items():
            state, due_ns = asked.state, asked.due_ns
            if state == "active":
                due_ns = asked.silent_ns
            elif state == "leaving" or (state == "wanted" and key[1] not in full):
                if asked.is_suspect and state == "wanted" and key != turn:
                    continue
                if due_ns < send_ns:  # noqa: PLR1730 - `max` is a call
                    due_ns = send_ns
            elif state not in ("asked", "left"):
                continue
            if due_ns < soonest_ns:  # noqa: PLR1730
                soonest_ns = due_ns
        return soonest_ns

    def overdue(self, now_ns: int) -> Key | None:
        """What was left, and the venue does not say so."""
        late = [key for key, asked in self.asked.items() if asked.state == "left" and asked.due_ns <= now_ns]
        for key in late:
            asked = self.asked[key]
            is_mute = asked.is_alone and not asked.is_early and bool(self._heard_symbols() - {key[0]})
            if not (is_mute and self._step(asked, "unsubscribed")):
                return key
            self._answered(key, asked, "unsubscribed", "", now_ns)
        return None

    def _heard_symbols(self) -> set[str]:
        return {symbol for (symbol, _), asked in self.asked.items() if asked.state == "active"}

    def on_time(self, now_ns: int) -> Iterator[Change]:
        """Time has passed: what is late or silent is on its way to being asked for anew."""
        for key, asked in list(self.asked.items()):
            if asked.state == "asked" and asked.due_ns <= now_ns:
                self._nameless = 0  # whosever they were
                self._step(asked, "overdue")
                asked.is_alone |= asked.is_joint
                if key[1] in self.venue.optional:
                    asked.state = "refused"  # or the connection would be given up for it
                elif asked.tries >= ASKED_MAX and asked.is_wanted:
                    asked.state = "refused"
                    yield Change(*key, "refused", f"no answer about {key[1]} to {ASKED_MAX} requests")
            elif asked.state == "active" and asked.silent_ns <= now_ns:
                asked.silences += 1
                asked.silent_ns = NEVER_NS
                if key[1] == self.book and asked.silences % 2 == 0:
                    self._watch(key, asked, now_ns)
                    yield Change(*key, "doubted", f"{key[0]}: {key[1]} was agreed to and brings nothing")
                else:
                    self.renew(key)

    def request(self, now_ns: int) -> bytes:
        """The next frame to be sent; b"" where there is none."""
        if now_ns < self._requests.free_ns():
            return b""
        full, turn = self._full(), self._turn()
        for key, asked in self.asked.items():
            is_free = asked.state == "leaving" or (asked.state == "wanted" and key[1] not in full)
            is_free &= not (asked.is_suspect and asked.state == "wanted" and key != turn)
            if is_free and asked.due_ns <= now_ns:
                return self._request(self._together(key, asked, now_ns), asked.state == "wanted", now_ns)
        return b""

    def on_data(self, key: Key, now_ns: int) -> Asked | None:
        """Data has come for a subscription, which is returned; None where there is no such."""
        asked = self.asked.get(key)
        if asked is None:
            return None
        waited_ns = now_ns - asked.spoke_ns if asked.spoke_ns else 0
        asked.longest_ns = max(waited_ns, asked.longest_ns - asked.longest_ns // FORGOTTEN_IN)
        asked.has_spoken, asked.silences, asked.silent_ns = True, 0, NEVER_NS
        asked.is_early |= asked.state == "asked"
        asked.spoke_ns, asked.frames = now_ns, asked.frames + 1
        if key[1] == self.book and self._book_silence_ns:
            asked.silent_ns = now_ns + self._book_silence_ns
        elif key[1] != self.book and asked.frames >= FRAMES_MIN:
            asked.silent_ns = now_ns + self._patience_ns(asked)
        return asked

    def on_answer(self, heard: Heard, now_ns: int) -> list[Change]:
        """The venue has answered, or done something by its own will."""
        if heard.number == SOMEBODY:
            self._nameless += 1
            return self._blame(heard.detail, now_ns)
        events = self._requests.meant(heard, self.asked)
        is_several = len(events) > 1 and all(what == "refused" for _, what in events)
        found: list[Change] = []
        for key, what in events:
            asked = self.asked.get(key)
            if asked is None:
                continue
            asked.is_alone |= is_several
            if self._step(asked, "failed" if is_several else what):
                found += self._answered(key, asked, what, heard.detail, now_ns)
        return found + self._blame(suspects.NAMELESS, now_ns) if self._nameless else found

    def _blame(self, detail: str, now_ns: int) -> list[Change]:
        """A refusal may have found its own."""
        blamed = suspects.nameless(self.asked, self._nameless)
        if blamed is None:
            return []
        self._nameless, found = 0, list[Change]()
        for key, what in blamed:
            self._step(self.asked[key], what)
            found += self._answered(key, self.asked[key], what, detail, now_ns)
        return found

    def _wanted(self, symbol: str) -> Iterator[Asked]:
        of_market = (self.asked[symbol, channel] for channel in self._channels.get(symbol, ()))
        return (asked for asked in of_market if asked.state == "wanted")

    def _turn(self) -> Key | None:
        return suspects.turn_of(self.asked) if self.venue.closes_on_unknown else None

    def _held(self, channel: str) -> int:
        return sum(each == channel and asked.state in HELD for (_, each), asked in self.asked.items())

    def _full(self) -> frozenset[str]:
        """Channels of which the venue bears no more here, until it has let go of what nobody wants."""
        markets_max = self.venue.limits.markets_max
        if len(self.asked) <= markets_max:
            return frozenset()
        channels = {channel for (_, channel), asked in self.asked.items() if asked.state == "wanted"}
        return frozenset(each for each in channels if self._held(each) >= markets_max)

    def _answered(self, key: Key, asked: Asked, what: str, detail: str, now_ns: int) -> list[Change]:
        if asked.state == "refused":
            is_told = asked.is_wanted and key[1] not in self.venue.optional
            self._let_go(key)
            return [Change(*key, "refused", detail)] if is_told else []
        if asked.state == "active":
            asked.tries = 0
            if self.venue.closes_on_unknown:
                suspects.clear(key[0], self.asked)
            self._let_go(key)
            if not asked.is_wanted:
                return []
            self._watch(key, asked, now_ns)
            return [Change(*key, "active")]
        self._let_go(key)
        asked.due_ns = max(asked.sent_ns + ns_of(RENEW_S_MIN), now_ns)
        if what == "failed":
            asked.due_ns = max(asked.due_ns, now_ns + ns_of(jittered_s(self._random, asked.tries)))
        return []

    def _let_go(self, key: Key) -> None:
        """Forget what nobody wants any more, or leave it first where the venue is to send it."""
        asked = self.asked[key]
        if asked.is_wanted:
            return
        if asked.state == "active":
            self.renew(key)
            asked.due_ns = asked.sent_ns  # at once: nobody asks for it again
        elif asked.state in ("wanted", "refused"):
            del self.asked[key]
            self._left_ns[key] = asked.sent_ns
            if len(self._left_ns) > LEFT_MAX:
                del self._left_ns[next(iter(self._left_ns))]

    def _watch(self, key: Key, asked: Asked, now_ns: int) -> None:
        if asked.is_early or (key[1] == self.book and self.venue.answer_is_image):
            asked.silences, asked.silent_ns = 0, NEVER_NS
        elif key[1] == self.book or asked.has_spoken:
            wait_ns = ns_of(min(ACKED_SILENT_S * 2.0 ** min(asked.silences, 16), ACKED_SILENT_S_MAX))
            least_ns = 0 if key[1] == self.book else self._patience_ns(asked)
            asked.silent_ns = now_ns + max(wait_ns, least_ns)

    def _patience_ns(self, asked: Asked) -> int:
        """How long a channel may be silent that has shown what it is used to."""
        return max(ns_of(DEAD_S_MIN), PATIENCE * asked.longest_ns) if asked.frames >= FRAMES_MIN else 0

    def _together(self, key: Key, first: Asked, now_ns: int) -> tuple[Key, ...]:
        """What can be asked for in one request with `key`, which comes first."""
        count_max = 1 if first.is_alone else self.venue.limits.asks_max
        if first.state == "wanted":
            count_max = min(count_max, self.venue.limits.markets_max - self._held(key[1]))
        keys = [key]
        if count_max > 1:
            for other, asked in self.asked.items():
                if len(keys) == count_max:
                    break
                is_same = other[1] == key[1] and asked.state == first.state and other != key
                if is_same and asked.due_ns <= now_ns and not asked.is_alone:
                    keys.append(other)
        return tuple(keys)

    def _request(self, keys: tuple[Key, ...], is_wanted: bool, now_ns: int) -> bytes:
        for key in keys:
            asked = self.asked[key]
            if is_wanted:
                asked.sent_ns, asked.is_early, asked.is_joint = now_ns, False, len(keys) > 1
                asked.tries += 1
            self._step(asked, "sent")
            asked.due_ns = now_ns + ns_of(ANSWER_S)
            if not is_wanted and not self.venue.answers_leaving and self._step(asked, "unsubscribed"):
                self._answered(key, asked, "unsubscribed", "", now_ns)
        number = self._requests.number("subscribed" if is_wanted else "unsubscribed", keys, now_ns)
        ask = self.venue.subscribe if is_wanted else self.venue.unsubscribe
        return ask([symbol for symbol, _ in keys], keys[0][1], number)

    def _step(self, asked: Asked, event: str) -> bool:
        after = SUBSCRIPTION.get((asked.state, event))
        asked.state = after or asked.state
        return after is not None
