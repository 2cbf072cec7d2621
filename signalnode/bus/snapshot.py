"""Late joiners and gaps: a bounded ring of what was re-published, and the questions it answers.

A question is one msgpack map on a DEALER socket; the answer a header followed by the very frames that were
published, topic and map in turn. Pure: sockets are in the aggregator and in the subscriber.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from signalnode.bus.wire import WireError

REQUEST_BYTES_MAX = 65_536
REPLY_SCORES_MAX = 2_000  # about 0.9 MB
REQUEST_MARKETS_MAX = 1_024

Ask = Literal["newest", "missed", "relations"]
Place: TypeAlias = tuple[int, int]  # (epoch, seq)
_PlaceOnWire = tuple[Annotated[int, Meta(ge=-1, le=2**63 - 1)], Annotated[int, Meta(ge=0, le=2**63 - 1)]]


class RingRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="request"):
    """`newest`: the newest of each market (no markets: of all). `missed`: the scores between two places.
    `relations`: the matrices of `bus/relations.py`, one message.
    """

    v: Literal[1] = 1
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    ask: Ask
    markets: Annotated[list[str], Meta(max_length=REQUEST_MARKETS_MAX)] = []
    after: _PlaceOnWire = (-1, 0)
    before: _PlaceOnWire = (2**63 - 1, 0)


class RingReply(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="reply"):
    """Header of an answer with `found` messages behind it.

    `complete`: the ring reaches back to the place asked for, so what is not among the found never arrived
    here either: it was lost on the way from the engine and not to the subscriber.
    """

    v: Literal[1] = 1
    id: int
    ask: Ask
    found: int
    complete: bool


_REQUEST = msgspec.msgpack.Decoder(RingRequest)
_REPLY = msgspec.msgpack.Decoder(RingReply)
_ENCODER = msgspec.msgpack.Encoder()


class _Kept:
    """One market's last scores, in slots that are there from the start and written round and round.

    Places are in arrays and the topic is kept once: 0.2 kB less a score than tuples of them, and nothing that
    grows with `seq` (an int above 256 is an object of its own).
    """

    __slots__ = ("epochs", "is_full", "maps", "next", "seqs", "topic")

    def __init__(self, topic: bytes, messages_max: int) -> None:
        self.topic = topic
        self.maps = [b""] * messages_max
        self.epochs, self.seqs = array("q", bytes(8 * messages_max)), array("q", bytes(8 * messages_max))
        self.next, self.is_full = 0, False

    def oldest_first(self) -> Iterator[tuple[Place, bytes]]:
        """Place and map of every score kept."""
        slots = range(self.next)
        for at in (*range(self.next, len(self.maps)), *slots) if self.is_full else slots:
            yield (self.epochs[at], self.seqs[at]), self.maps[at]


class Ring:
    """The last `messages_max` scores of each market, and its end if it ended. Frames are kept, not copied."""

    def __init__(self, messages_max: int) -> None:
        self._messages_max = messages_max
        self._scores: dict[str, _Kept] = {}
        self._ends: dict[str, tuple[bytes, bytes]] = {}

    def add(self, market: str, epoch: int, seq: int, frames: Sequence[bytes]) -> None:
        """Keep a score that the board took: places only rise."""
        kept = self._scores.get(market)
        if kept is None:
            kept = self._scores[market] = _Kept(frames[0], self._messages_max)
        at = kept.next
        kept.epochs[at] = epoch
        kept.seqs[at] = seq
        kept.maps[at] = frames[1]
        at += 1
        if at == self._messages_max:
            at, kept.is_full = 0, True
        kept.next = at
        if self._ends:
            self._ends.pop(market, None)

    def ended(self, market: str, frames: Sequence[bytes]) -> None:
        """Keep the end message of a market until it speaks again."""
        self._ends[market] = (frames[0], frames[1])

    def forget(self, market: str) -> None:
        """Drop a market that left the config."""
        self._scores.pop(market, None)
        self._ends.pop(market, None)

    def newest(self, market: str) -> list[tuple[bytes, bytes]]:
        """The newest score of `market`, and its end if it ended."""
        kept = self._scores.get(market)
        found = [(kept.topic, kept.maps[kept.next - 1])] if kept else []
        return found + ([self._ends[market]] if market in self._ends else [])

    def between(self, market: str, after: Place, before: Place) -> tuple[list[tuple[bytes, bytes]], bool]:
        """Scores strictly between two places, oldest first, and whether the ring reaches back so far.

        At most REPLY_SCORES_MAX, the newest of them.
        """
        kept = self._scores.get(market)
        if not kept:
            return [], False
        held = list(kept.oldest_first())
        found = [(kept.topic, content) for place, content in held if after < place < before]
        epoch, seq = held[0][0]
        return found[-REPLY_SCORES_MAX:], (epoch, seq - 1) <= after

    def markets(self) -> list[str]:
        """The markets that have spoken, in the order they first did."""
        return list(self._scores)

    def answer(self, request: RingRequest) -> list[bytes]:
        """The frames that answer `request`, which is for scores."""
        found: Sequence[Sequence[bytes]] = []
        complete = True
        if request.ask == "newest":
            wanted = dict.fromkeys(request.markets) or self.markets()
            found = [frames for market in wanted for frames in self.newest(market)]
        elif request.markets:
            found, complete = self.between(request.markets[0], request.after, request.before)
        return answer(request, found, complete=complete)


def answer(request: RingRequest, found: Sequence[Sequence[bytes]], *, complete: bool = True) -> list[bytes]:
    """The frames that answer `request` with these messages."""
    header = RingReply(id=request.id, ask=request.ask, found=len(found), complete=complete)
    return [_ENCODER.encode(header), *(frame for frames in found for frame in frames)]


def encode_request(request: RingRequest) -> bytes:
    """The one frame of a request."""
    return _ENCODER.encode(request)


def decode_request(payload: bytes) -> RingRequest:
    """The request in `payload`; raises WireError for anything else."""
    if len(payload) > REQUEST_BYTES_MAX:
        raise WireError("too_large", f"{len(payload)} bytes")
    try:
        return _REQUEST.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("malformed", str(error)) from None


def decode_reply(frames: list[bytes]) -> tuple[RingReply, list[list[bytes]]]:
    """The header and the messages of an answer; raises WireError for anything else."""
    try:
        header = _REPLY.decode(frames[0] if frames else b"")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("malformed", str(error)) from None
    if len(frames) != 1 + 2 * header.found:
        raise WireError("frames", f"{len(frames)} frames for {header.found} messages")
    return header, [frames[i : i + 2] for i in range(1, len(frames), 2)]
