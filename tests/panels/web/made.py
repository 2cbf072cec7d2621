"""Views as the aggregator would send them, made up for the page's tests."""

from __future__ import annotations

from signalnode.bus.wire import (
    SCORE_NAMES,
    Channel,
    DecisionMessage,
    Health,
    Layer5State,
    MarketState,
    ProcessState,
    ViewMessage,
)

T0_NS = 1_795_541_872_000_000_000
STEP_NS = 1_000_000_000
UP = ProcessState(state="up", restarts=0, why="")


def market(
    state: str = "fresh",
    *,
    mid: float = 100.0,
    warm: float = 1.0,
    seq: int = 1,
    epoch: int = 1,
    unknown: tuple[str, ...] = (),
    process: ProcessState | None = UP,
    health: Health | None = None,
    **scores: float,
) -> MarketState:
    """A market of a view; scores that are not named are 50."""
    return MarketState(
        state=state,
        age_s=0.25,
        epoch=epoch,
        seq=seq,
        mid=mid,
        warm=warm,
        scores={**dict.fromkeys(SCORE_NAMES, 50.0), **scores},
        unknown=unknown,
        process=process,
        health=health,
    )


def view(seq: int = 1, /, *, regime: float = 40.0, **markets: MarketState) -> ViewMessage:
    """The view of these markets, a second after the one before; `BTC_USD` stands for `BTC-USD`."""
    return ViewMessage(
        v=1,
        epoch=7,
        seq=seq,
        time_published_ns=T0_NS + seq * STEP_NS,
        markets={name.replace("_", "-"): each for name, each in markets.items()},
        regime={"trending": regime, "quiet": 10.0},
        measures={},
        relations=[],
        strategies={"threshold": {"decisions": 3, "failures": 0, "error": "", "lost": {"time": 2}}},
        layer5=Layer5State(withheld=1, journal_bytes=4_096, delays=[5, 3, *[0] * 9, 1], delays_sum_s=0.02),
    )


def decision(seq: int = 1, strategy: str = "threshold", direction: str = "long") -> DecisionMessage:
    return DecisionMessage(
        v=1,
        strategy=strategy,
        epoch=7,
        seq=seq,
        view_seq=1,
        time_published_ns=T0_NS,
        action="enter",
        markets=["BTC-USD"],
        direction=direction,  # type: ignore[arg-type]
        strength=83.0,
        reasons=["momentum_long 95.8 reached entry 90"],
        scores={"BTC-USD": {"momentum_long": 95.8}},
    )


LIVE_HEALTH = Health(
    trades=Channel(age_ms=400, limit_ms=2_000, gaps=1),
    depth=Channel(age_ms=9_000, limit_ms=3_000),
    connection=2,
)
