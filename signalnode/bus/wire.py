"""The wire contract as typed messages: two frames, a topic and one msgpack map with string keys.

`decode` is total: any bytes give a message or a WireError with the name of the reason. Types, ranges and NaN
are checked inside msgspec's decoder (1.2 µs a score; msgpack to a plain dict alone takes 2.4). Keys nobody
here knows are skipped, so that a later minor addition breaks no reader. Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from signalnode.bus.cluster import ClusterState
from signalnode.bus.topics import DECISION, END, HEARTBEAT, SCORE, VIEW
from signalnode.names import NAME_CHARS_MAX

VERSION: Final = 1
SCORE_NAMES = (
    "momentum_long",
    "momentum_short",
    "mean_reversion_long",
    "mean_reversion_short",
    "volatility_breakout",
    "volume_spike",
    "liquidity_opportunity",
)

HEARTBEAT_S_MAX = 1.0  # longest silence of a healthy engine
SILENT_AFTER_S = 3 * HEARTBEAT_S_MAX  # then a market is silent: it crashed, hangs or is cut off
SCORES_MAX = 64  # scores in one message: the seven and the user's
MESSAGE_BYTES_MAX = 65_536  # score, heartbeat, end, decision; a score is about 380 bytes
VIEW_BYTES_MAX = 8_388_608  # of 10,000 markets; 500 take about 160 kB, live ones 340, outcomes 50
REASON_CHARS_MAX = 200
DELAYS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_FLOAT_MAX = 1.7976931348623157e308
Status = Literal["warming", "live", "degraded", "stale"]
STATUSES: tuple[Status, ...] = get_args(Status)
State = Literal[  # of a market in a view; what each means stands in `aggregator/board.py`
    "fresh", "unheard", "ended", "down", "silent", "behind", "stale", "degraded", "warming", "settling"
]
STATES: frozenset[str] = frozenset(get_args(State))
NOT_RUNNING = frozenset({"backing_off", "given_up", "down"})  # states of a process that is not there
Direction = Literal["long", "short", "neutral"]
Reason = Literal[
    "too_large",
    "frames",
    "malformed",
    "not_a_map",
    "version",
    "kind",
    "topic",
    "missing_key",
    "wrong_type",
    "out_of_range",
]
_Version = Literal[1]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_TimeNs = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Percent = Annotated[float, Meta(ge=0, le=100)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Positive = Annotated[float, Meta(ge=0, le=_FLOAT_MAX)]
_Finite = Annotated[float, Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)]
_Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
_Scores = Annotated[dict[str, _Percent], Meta(max_length=SCORES_MAX)]
_Unknown = Annotated[tuple[str, ...], Meta(max_length=SCORES_MAX)]


class WireError(ValueError):
    """Frames that are no message of this contract. `reason` names why, for counting."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason: Reason = reason
        super().__init__(f"{reason}: {detail}")


class Channel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a channel of a live market stands, by its newest event. Ages and limit in ms; None: not known."""

    age_ms: _Count  # by our clock
    venue_age_ms: _Count | None = None  # by the venue's clock, less the quickest way of the last minute
    limit_ms: _Count | None = None  # longer, and the channel is silent by this market's own standard
    gaps: _Count = 0  # times that something of it is known to be missing, since the engine's start
    snapshots: _Count = 0  # images taken


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The data behind a live market. A channel is None before its first event."""

    trades: Channel | None = None
    quotes: Channel | None = None
    depth: Channel | None = None
    connection: _Count = 0  # number of the newest frame's, within its gateway; 0 before the first
    clock_ms: int | None = None  # our time of receipt less the venue's time, the least of the last minute
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""  # of `degraded` and `stale`
    outage_ms: _Count | None = None  # that nothing can come
    tries: _Count = 0  # connections that failed since
    next_try_ms: _Count | None = None  # until the next


class _MarketMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """What score, heartbeat and end share. Times in ns since 1970; `mid` is 0 before the first price."""

    v: _Version
    market: _Name
    epoch: _Count
    seq: _Count
    time_event_ns: _TimeNs
    time_received_ns: _TimeNs
    time_published_ns: _TimeNs
    mid: _Positive
    warm: _Share
    status: Status
    health: Health | None = None  # of a live market
    spread_bps: _Positive | None = None  # of the best bid and ask, of the mid


class Score(_MarketMessage, frozen=True, kw_only=True, tag="score", omit_defaults=True):
    """One set of scores; `seq` is its own number, from 1 in each epoch. `unknown` names those whose evidence
    the market lacks: they are 50, and say nothing.
    """

    scores: _Scores
    unknown: _Unknown = ()


class Heartbeat(_MarketMessage, frozen=True, kw_only=True, tag="heartbeat", omit_defaults=True):
    """The engine's work loop is alive; `seq` is the last score's."""


class End(_MarketMessage, frozen=True, kw_only=True, tag="end", omit_defaults=True):
    """The engine stopped as planned; `seq` is the last score's."""


class ProcessState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the supervisor says of a market's process. `state` is a word of `status`, as `up` or `given_up`;
    `why` says why it stands so, or of one that is up again why the process before ended; `trouble` why one
    that is up cannot do its work: no market's.
    """

    state: str
    restarts: _Count  # since the supervisor started
    why: str
    trouble: str = ""


class MarketState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One market inside a view. `state` is `fresh`, or why it is not: see `signalnode.aggregator.board`."""

    state: str
    age_s: float | None
    epoch: int
    seq: int
    mid: _Positive
    warm: _Share
    scores: _Scores
    unknown: _Unknown = ()  # of the scores: those without evidence
    process: ProcessState | None = None  # where a supervisor says so
    health: Health | None = None  # of a live market
    spread_bps: _Positive | None = None  # None where there is no quote
    missed: _Count = 0  # scores that were sent and never came to Layer 5


class SourceState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another aggregator whose digests Layer 5 takes."""

    host: str
    markets: _Count
    age_s: _Positive  # since its newest digest
    older: _Count = 0  # so often it told of a market whose newer epoch was known: another writer
    refused: _Count = 0  # so often it said of a market what no market can have, or more than can be held


class Layer5State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the aggregator itself does, since its start. `delays` counts scores by the time from publication to
    here: a number for each of DELAYS_S, up to which it counts, and one for all that took longer.
    """

    rejected: _Count = 0  # messages that were none of this contract
    withheld: _Count = 0  # decisions that could not be written down
    journal_bytes: _Count = 0
    delays: list[_Count] = []
    delays_sum_s: _Positive = 0.0
    sources: dict[str, SourceState] = {}


class Gap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far one market's price lags behind the others of its asset, in bps, and how far usually."""

    gap_bps: _Finite  # above 0: the others stand higher against it than they have lately
    usual_bps: _Positive


class ToldOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What one market's scores were followed by: by score and field a list a horizon, a number a decile."""

    horizons_s: list[_Positive]
    scores: dict[str, dict[str, list[list[_Finite | None]]]]


class ViewMessage(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="view", omit_defaults=True
):
    """All markets at one time: board, cross-market measures, regime. `seq` from 1 in each epoch. `outcomes`
    has a few markets at each view, in turn.
    """

    v: _Version
    epoch: _Count
    seq: _Count
    time_published_ns: _TimeNs
    markets: dict[str, MarketState]
    regime: dict[str, _Percent]
    measures: dict[str, _Finite]
    relations: list[dict[str, Any]]
    strategies: dict[str, dict[str, Any]]
    gaps: dict[str, Gap] = {}
    outcomes: dict[str, ToldOutcomes] = {}
    layer5: Layer5State | None = None
    cluster: ClusterState | None = None  # of whose shards it is


class DecisionMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="decision"):
    """One decision, with all that is needed to audit it. `seq` from 1 for each strategy and epoch."""

    v: _Version
    strategy: _Name
    epoch: _Count
    seq: _Count
    view_seq: _Count
    time_published_ns: _TimeNs
    action: Annotated[str, Meta(max_length=64)]
    markets: Annotated[list[_Name], Meta(max_length=1024)]
    direction: Direction
    strength: _Percent
    reasons: list[str]
    scores: dict[str, dict[str, _Percent]]


Message: TypeAlias = Score | Heartbeat | End | ViewMessage | DecisionMessage
MarketMessage: TypeAlias = Score | Heartbeat | End

KINDS: tuple[str, ...] = tuple(each.__struct_config__.tag for each in get_args(Message))

_DECODER = msgspec.msgpack.Decoder(Message)
_ANY = msgspec.msgpack.Decoder()
encode_content = msgspec.msgpack.Encoder().encode  # the second frame alone


def replayed_score(  # noqa: PLR0917
    market: str,
    seq: int,
    time_ns: int,
    mid: float,
    warm: float,
    scores: dict[str, float],
    unknown: tuple[str, ...],
    status: Status,
    spread_bps: float | None = None,
) -> Score:
    """A replayed row as the message that a live engine would have sent then; a `mid` of NaN is no price."""
    return Score(
        v=VERSION,
        market=market,
        epoch=1,
        seq=seq,
        time_event_ns=time_ns,
        time_received_ns=time_ns,
        time_published_ns=time_ns,
        mid=mid if mid > 0.0 else 0.0,
        warm=warm,
        status=status,
        spread_bps=spread_bps,
        scores=scores,
        unknown=unknown,
    )


_PREFIXES: dict[type, bytes] = {Score: SCORE, Heartbeat: HEARTBEAT, End: END}
_SEVEN = frozenset(SCORE_NAMES)


def topic_of(message: Message) -> bytes:
    """The topic `message` travels under."""
    prefix = _PREFIXES.get(type(message))
    if prefix is not None:
        return prefix + message.market.encode()  # type: ignore[union-attr]
    return DECISION + message.strategy.encode() if isinstance(message, DecisionMessage) else VIEW


def encode(message: Message) -> list[bytes]:
    """The two frames of `message`."""
    return [topic_of(message), encode_content(message)]


def decode(frames: Sequence[bytes], bytes_max: int = MESSAGE_BYTES_MAX) -> Message:
    """The message in `frames`; raises WireError for everything else. A view may have VIEW_BYTES_MAX."""
    if len(frames) != 2:
        raise WireError("frames", f"{len(frames)} frames where topic and map make 2")
    topic, payload = frames
    if len(payload) > bytes_max and (topic != VIEW or len(payload) > VIEW_BYTES_MAX):
        raise WireError("too_large", f"{len(payload)} bytes")
    try:
        message: Message = _DECODER.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _diagnosed(payload, error) from None
    if topic != topic_of(message):
        raise WireError("topic", f"a {type(message).__name__} under {topic[:80]!r}")
    if type(message) is Score and not message.scores.keys() >= _SEVEN:
        raise WireError("missing_key", f"no score {sorted(_SEVEN - message.scores.keys())[0]}")
    return message


def _diagnosed(payload: bytes, error: Exception) -> WireError:
    """Why `payload` was refused.

    Its version goes before its keys, since another version may have other keys.
    """
    text = str(error)
    try:
        if not isinstance(error, msgspec.ValidationError):
            raise error
        content = _ANY.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, TypeError) as worse:
        return WireError("malformed", str(worse))
    if not isinstance(content, dict):
        return WireError("not_a_map", text)
    if type(content.get("v", VERSION)) is not int or content.get("v", VERSION) != VERSION:
        return WireError("version", f"{content['v']!r} where {VERSION} is spoken"[:200])
    if content.get("kind", "score") not in KINDS:
        return WireError("kind", repr(content["kind"])[:200])
    return WireError(_reason(text), text)


def _reason(text: str) -> Reason:
    if "missing required field" in text:
        return "missing_key"
    return "wrong_type" if ", got " in text else "out_of_range"
