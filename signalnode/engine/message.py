"""A score message by machine code: the bytes that `wire.encode_content` gives, in the frames that go to a
subscriber, of a step's row, and no object made for any of it.

From one message of a market to the next only numbers change. So the bytes between them are laid out once, as
pieces of which each but the last ends where a number goes, of a message that went the ordinary way; machine
code then copies the pieces and puts the numbers in, each as MessagePack writes one of its size.

Which numbers there are, and the words that follow from them, is a message's form: which channels were heard
and have a limit, whether there is a spread, which signals are unknown, warm or not. Machine code works it out
of the row and writes where it is the one laid out; what no row says (connection, losses) Python compares. A
form that comes twice is laid out anew, so that one that comes and goes costs nothing. Always for the ordinary
way: a market with a reason (silent, degraded, away), and one with added signals, whose scores Python makes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from msgspec.structs import replace

from signalnode.bus.wire import Channel, Health, Score, encode_content, topic_of
from signalnode.bus.zmtp import LARGE, LARGE_HEAD, SHORT_MAX, message_head
from signalnode.clock import NS_PER_MS
from signalnode.compiled import compiled, entry
from signalnode.engine.step import STEP
from signalnode.feeds.base import Feed, Losses, Outside
from signalnode.feeds.health import CHANNELS
from signalnode.signals import BUILT_IN_SCORES

M = TypeVar("M", Score, Health, Channel)

# The numbers of each part of a message, in the order of their slots; of these the last three of a score are
# floats, and its scores follow. What else there is stands among the pieces.
NUMBERS: Mapping[type, tuple[str, ...]] = {
    Score: (
        *("seq", "time_event_ns", "time_received_ns", "time_published_ns"),
        *("mid", "warm", "spread_bps"),
    ),
    Health: ("clock_ms",),
    Channel: ("age_ms", "venue_age_ms", "limit_ms"),
}
PARTS = {"health", "scores", *CHANNELS}
# Told by the form, compared by Python, or never there where machine code writes.
FIXED: Mapping[type, frozenset[str]] = {
    Score: frozenset({"v", "market", "epoch", "status", "unknown"}),
    Health: frozenset({"connection", "reason", "outage_ms", "tries", "next_try_ms"}),
    Channel: frozenset({"gaps", "snapshots"}),
}
CLOCK_SLOT, CHANNELS_AT = 4, 5
FLOATS_AT = CHANNELS_AT + 3 * len(CHANNELS)
SCORES_AT = FLOATS_AT + 3
SLOTS = SCORES_AT + len(BUILT_IN_SCORES)
SCORE_SLOTS = (0, 1, 2, 3, FLOATS_AT, FLOATS_AT + 1, FLOATS_AT + 2)
# A number of each slot that no message has: eight bytes that stand in no text, the last of them the slot.
_MARK = b"\x5a\xff\xfe\x81\xc3\xff\x9e"
_CUT = re.compile(b"[\xcb\xcf]" + _MARK + b"(.)", re.DOTALL)
MARKS: tuple[Any, ...] = tuple(
    struct.unpack(">d" if slot >= FLOATS_AT else ">q", _MARK + bytes((slot,)))[0] for slot in range(SLOTS)
)
COUNT = len(CHANNELS)
PIECES_MAX, TEXT_BYTES_MAX, NUMBER_BYTES_MAX = SLOTS + 1, 1_024, 9
BYTES_MAX = TEXT_BYTES_MAX + NUMBER_BYTES_MAX * SLOTS  # with the heads of the frames
NO_CLOCK = -(2**63)
NO_FORM, NOT_LAID, NO_SLOT = -1, -2, -1
# Bits of a form; from UNKNOWN_AT on the unknown signals.
WARM_BIT, SPREAD_BIT, CLOCK_BIT, HEARD_AT, AGED_AT, LIMITED_AT, UNKNOWN_AT = 0, 1, 2, 3, 6, 9, 12

# What is laid out, and where the numbers go first: `bits` are those of `floats`, in the same place.
_FIELDS: dict[str, tuple[Any, int]] = {
    "form": ("<i8", 0),
    "seen": ("<i8", 8),  # the form of the last row that was not written
    "is_live": ("<i8", 16),
    "content_at": ("<i8", 24),  # where the second frame's body begins
    "pieces": ("<i8", 32),
    "sizes": (("<i8", (PIECES_MAX,)), 40),
    "slots": (("<i8", (PIECES_MAX,)), 40 + 8 * PIECES_MAX),  # of the numbers behind them
    "bits": (("<i8", (SLOTS,)), 40 + 16 * PIECES_MAX),
    "floats": (("<f8", (SLOTS,)), 40 + 16 * PIECES_MAX),
}
LAID = np.dtype(
    {
        "names": list(_FIELDS),
        "formats": [each for each, _ in _FIELDS.values()],
        "offsets": [at for _, at in _FIELDS.values()],
    }
)


@compiled
def _put(to: Any, at: int, value: int, count: int) -> int:
    """The lowest `count` bytes of `value`, the highest first; returns where they end."""
    for i in range(count):
        to[at + i] = value >> (8 * (count - 1 - i)) & 255
    return at + count


@compiled
def _put_integer(to: Any, at: int, value: int) -> int:
    """As MessagePack: in as few bytes as it takes; what is not negative without a sign."""
    if -32 <= value < 128:
        to[at] = value & 255
        return at + 1
    power = 0  # of two: so many bytes
    if value >= 0:
        power = 0 if value < 1 << 8 else 1 if value < 1 << 16 else 2 if value < 1 << 32 else 3
        to[at] = 0xCC + power
    else:
        power = 0 if value >= -(1 << 7) else 1 if value >= -(1 << 15) else 2 if value >= -(1 << 31) else 3
        to[at] = 0xD0 + power
    return _put(to, at + 1, value, 1 << power)


@compiled
def form_of(o: Any, has_clock: bool, is_live: int) -> int:
    """The form of a row; NO_FORM where something is silent, for which there is a reason to tell."""
    if o.silent != 0:
        return NO_FORM
    form: int = (o.unknown << UNKNOWN_AT) | (o.warm >= 1.0) << WARM_BIT | (o.spread_bps >= 0.0) << SPREAD_BIT
    if is_live != 0:
        form |= has_clock << CLOCK_BIT
        for i in range(COUNT):
            if o.waited_ns[i] >= 0:
                form |= 1 << (HEARD_AT + i)
                form |= (has_clock and o.late_ns[i] != 0) << (AGED_AT + i)
                form |= (o.limit_s[i] < np.inf) << (LIMITED_AT + i)
    return form


@compiled
def _fill(o: Any, m: Any, seq: int, published_ns: int, clock_ns: int) -> None:
    """The numbers, as `standing` has them; those that the form is without mean nothing."""
    b, f = m.bits, m.floats
    b[0], b[1], b[2], b[3], b[4] = seq, o.time_event_ns, o.time_ns, published_ns, clock_ns // NS_PER_MS
    for i in range(COUNT):
        waited_ns, limit_s = o.waited_ns[i], o.limit_s[i]
        b[CHANNELS_AT + i] = waited_ns // NS_PER_MS
        b[CHANNELS_AT + COUNT + i] = (waited_ns + max(o.late_ns[i] - clock_ns, 0)) // NS_PER_MS
        b[CHANNELS_AT + 2 * COUNT + i] = int(limit_s * 1e3) if limit_s < np.inf else 0
    f[FLOATS_AT] = o.mid if np.isfinite(o.mid) else 0.0
    f[FLOATS_AT + 1], f[FLOATS_AT + 2] = o.warm, o.spread_bps
    for i in range(len(o.scores)):
        f[SCORES_AT + i] = o.scores[i]


@entry(row=STEP, laid=LAID, text="u1", to="u1")
def write(  # noqa: PLR0917 - compiled code takes no keywords
    row: Any, laid: Any, text: Any, to: Any, seq: int, published_ns: int, clock_ns: int
) -> int:
    """Write the row's message into `to`, where the frames' heads are; returns its size, or 0 where it is of
    another form than what is laid out. `clock_ns` may be NO_CLOCK.
    """
    o, m = row[0], laid[0]
    form = form_of(o, clock_ns != NO_CLOCK, m.is_live)
    m.seen = form
    if form < 0 or form != m.form:
        return 0
    _fill(o, m, seq, published_ns, 0 if clock_ns == NO_CLOCK else clock_ns)
    at: int = m.content_at
    read = 0
    for i in range(m.pieces):
        for j in range(m.sizes[i]):
            to[at + j] = text[read + j]
        at, read = at + m.sizes[i], read + m.sizes[i]
        slot = m.slots[i]
        if slot >= FLOATS_AT:
            to[at] = 0xCB
            at = _put(to, at + 1, m.bits[slot], 8)
        elif slot >= 0:
            at = _put_integer(to, at, m.bits[slot])
    _put(to, m.content_at - 8, at - m.content_at, 8)
    return at


def check_fields(kind: type) -> None:
    """Raise TypeError where a field is neither a number that machine code writes nor known to be the same in
    each message of a form: it would stand still.
    """
    for name in kind.__struct_fields__:  # type: ignore[attr-defined]
        if name not in FIXED[kind] | PARTS and name not in NUMBERS[kind]:
            raise TypeError(f"{kind.__name__}.{name}: say in engine/message.py what writes it")


for _kind in NUMBERS:
    check_fields(_kind)


class ScoreWriter:
    """Writes the score messages of one market, whose scores are all built in."""

    def __init__(self) -> None:
        self._laid = np.zeros(1, LAID)
        self._laid["form"] = NOT_LAID
        self._text, self._to = np.zeros(TEXT_BYTES_MAX, np.uint8), np.zeros(BYTES_MAX, np.uint8)
        self._written = self._to.data
        self._write = write.raw
        self._connection = -1  # what is laid out says so
        self._losses: Mapping[str, Losses] | None = None
        self._circumstances: tuple[object, ...] = ()  # that these three are of
        self._clock_ns, self._has_reason = NO_CLOCK, False
        self._missed = NO_FORM  # the form that was not written, the last time and now
        self._is_new = False

    def written(self, row: Any, feed: Feed, at_ns: int, seq: int, published_ns: int) -> bytes:
        """The message of a step's row, as of kernel time `at_ns`, in its frames; empty where it is for the
        ordinary way.
        """
        self._is_new, live = False, feed.live
        if live is None:
            self._has_reason = feed.degraded(at_ns)
        elif (found := live.circumstances()) != self._circumstances:
            self._circumstances = found
            self._has_reason = bool(live.outage) or feed.degraded(at_ns)
            self._hear(live)
        if self._has_reason:
            return b""
        size = self._write(row, self._laid, self._text, self._to, seq, published_ns, self._clock_ns)
        if size:
            return self._written[:size].tobytes()
        before, self._missed = self._missed, self._laid["seen"].item()
        self._is_new = self._missed == before
        return b""

    def learn(self, message: Score) -> None:
        """That message went the ordinary way, after `written` gave nothing."""
        if self._is_new and self._missed != NO_FORM:
            self._lay(message)
            self._is_new = False

    def _hear(self, live: Outside) -> None:
        """Have all of a live feed that no row says; what is laid out is of no use where it says otherwise."""
        losses, clock_ns = live.losses(), live.clock_ns
        if losses is not self._losses or live.connection != self._connection:
            self._losses, self._connection = losses, live.connection
            self._laid["form"], self._laid["is_live"] = NOT_LAID, 1
        self._clock_ns = NO_CLOCK if clock_ns is None else clock_ns

    def _lay(self, message: Score) -> None:
        """Lay out messages like that one."""
        pieces, head = pieces_of(message), message_head(topic_of(message)) + LARGE_HEAD.pack(LARGE, 0)
        text = b"".join(piece for piece, _ in pieces)
        least = len(text) + sum(NUMBER_BYTES_MAX if slot >= FLOATS_AT else 1 for _, slot in pieces)
        if least <= SHORT_MAX + 1 or len(text) + len(head) > TEXT_BYTES_MAX:  # its frame's head is a long one
            return
        laid = self._laid[0]
        laid["form"], laid["is_live"], laid["content_at"] = (
            self._missed,
            message.health is not None,
            len(head),
        )
        laid["pieces"] = len(pieces)
        laid["sizes"][: len(pieces)] = [len(piece) for piece, _ in pieces]
        laid["slots"][: len(pieces)] = [slot for _, slot in pieces]
        self._text[: len(text)] = np.frombuffer(text, np.uint8)
        self._to[: len(head)] = np.frombuffer(head, np.uint8)


def pieces_of(message: Score) -> list[tuple[bytes, int]]:
    """The bytes of `message` between its numbers, each with the slot of the number behind it: of the same
    message with a mark for each number, encoded and cut at the marks.
    """
    health = message.health
    if health is not None:
        channels = {
            name: _marked(channel, [CHANNELS_AT + COUNT * i + place for i in range(len(NUMBERS[Channel]))])
            for place, name in enumerate(CHANNELS)
            if (channel := getattr(health, name)) is not None
        }
        health = replace(_marked(health, (CLOCK_SLOT,)), **channels)
    scores = dict(zip(message.scores, MARKS[SCORES_AT:], strict=True))
    marked = replace(_marked(message, SCORE_SLOTS), health=health, scores=scores)
    parts = _CUT.split(encode_content(marked))
    return list(zip(parts[::2], [*(each[0] for each in parts[1::2]), NO_SLOT], strict=True))


def _marked(told: M, slots: Sequence[int]) -> M:
    """With a mark for each of its numbers that is there."""
    numbers = zip(NUMBERS[type(told)], slots, strict=True)
    return replace(told, **{name: MARKS[slot] for name, slot in numbers if getattr(told, name) is not None})
