"""Runs the strategies: each is asked at every view, and none can harm the others or the board.

A strategy that raises, returns what is no decision, or takes longer than its budget loses its turn, is
reported with its traceback, and sits out views: one, two, four, up to BACKOFF_VIEWS_MAX. Once
GOOD_TURNS_TO_FORGIVE turns in a row went well, its failures are forgotten.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from signalnode.bus.wire import MESSAGE_BYTES_MAX, DecisionMessage, WireError, decode, encode
from signalnode.errors import in_words
from signalnode.strategies.base import Decision, Stateful, Strategy, View, decisions_in, shown_value

BACKOFF_VIEWS_MAX = 256  # about a minute at four views a second
DECISIONS_MAX = 1_000  # of one strategy at one view
TRACEBACK_CHARS_MAX = 4_000
STATE_BYTES_MAX = 262_144  # of one strategy
GOOD_TURNS_TO_FORGIVE = 8

Caller = Callable[[Callable[[], Any]], Any]  # calls what it is given, within its budget

_ENCODER = msgspec.msgpack.Encoder()


class OverBudgetError(BaseException):
    """Raised in a strategy whose time is over. No Exception, so that `except Exception` cannot keep it."""


@dataclass(frozen=True, slots=True)
class StrategyFault:
    """Something went wrong in a strategy: its name, one line, and the traceback."""

    strategy: str
    reason: str
    trace: str
    sits_out_views: int


@dataclass(slots=True)
class _Slot:
    """One strategy, and how it has done so far."""

    strategy: Strategy
    seq: int = 0  # decisions it has taken
    failures: int = 0  # in a row, as far as they are not forgiven
    good: int = 0  # turns in a row that went well
    resumes_seq: int = 0  # view at which it is asked again
    error: str = ""
    lost: dict[str, int] = field(default_factory=dict)  # turns so far, by why
    state: msgspec.Raw | None = None  # the newest it gave, in msgpack


def call_unbounded(evaluate: Callable[[], Any]) -> Any:
    """Ask without a budget: for replays and tests, where time does not press."""
    return evaluate()


class StrategyRunner:
    """The strategies in their order. `call` asks one within its budget, see `aggregator/budget.py`."""

    def __init__(self, strategies: Mapping[str, Strategy], call: Caller = call_unbounded) -> None:
        self._call = call
        self._slots = {name: _Slot(strategy) for name, strategy in strategies.items()}

    def replace(self, strategies: Mapping[str, Strategy], time_ns: int) -> list[StrategyFault]:
        """Swap the strategies; a name that stays goes on counting its decisions, and from its state.

        One that is the very same object is left alone, and goes on as if nothing had happened.
        """
        states, faults = self.keep()
        old, self._slots = self._slots, {}
        swapped = {}
        for name, strategy in strategies.items():
            slot = old.get(name)
            if slot is None or slot.strategy is not strategy:
                swapped[name] = slot = _Slot(strategy, seq=slot.seq if slot else 0)
            self._slots[name] = slot
        return faults + self.restore({name: states[name] for name in swapped if name in states}, time_ns)

    def forgetful(self) -> list[str]:
        """The names of the strategies that have no state to be kept."""
        return [name for name, slot in self._slots.items() if not isinstance(slot.strategy, Stateful)]

    def keep(self) -> tuple[dict[str, msgspec.Raw], list[StrategyFault]]:
        """The state of every strategy that has one, to be kept with the decisions; and what went wrong.

        Of one that cannot give its state, the newest that it gave.
        """
        faults = []
        for name, slot in self._slots.items():
            if isinstance(slot.strategy, Stateful):
                try:
                    slot.state = _packed(self._call(slot.strategy.state))
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    faults.append(StrategyFault(name, f"kept no state: {_line(error)}", _trace(error), 0))
        return {name: slot.state for name, slot in self._slots.items() if slot.state is not None}, faults

    def restore(self, states: Mapping[str, msgspec.Raw], time_ns: int) -> list[StrategyFault]:
        """Give every strategy the state kept under its name; those that refuse theirs start afresh."""
        faults = []
        for name, slot in self._slots.items():
            strategy, packed = slot.strategy, states.get(name)
            if packed is None or not isinstance(strategy, Stateful):
                continue
            try:
                state = msgspec.msgpack.decode(packed)
                self._call(partial(strategy.restore, state, time_ns))
                slot.state = packed
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                faults.append(StrategyFault(name, f"starts afresh: {_line(error)}", _trace(error), 0))
        return faults

    def decide(
        self, view: View, epoch: int, ahead_ns: int = 0
    ) -> tuple[list[DecisionMessage], list[StrategyFault]]:
        """Ask every strategy that has a turn at `view`; decisions are stamped `ahead_ns` after it."""
        decisions: list[DecisionMessage] = []
        faults: list[StrategyFault] = []
        for name, slot in self._slots.items():
            if view.seq < slot.resumes_seq:
                continue
            try:
                made = self._call(partial(_asked, name, slot, view, epoch, ahead_ns))
            except KeyboardInterrupt:
                raise  # Ctrl-C during a replay; all else is the strategy's own, sys.exit() included
            except BaseException as error:
                faults.append(self._failed(name, slot, view, error))
                continue
            slot.seq += len(made)
            decisions += made
            self._went_well(slot)
        return decisions, faults

    def states(self) -> dict[str, dict[str, Any]]:
        """Each strategy for the view message: decisions so far, failures in a row, the last error, and turns
        lost so far, by `error` or `time`.
        """
        return {
            name: {
                "decisions": slot.seq,
                "failures": slot.failures,
                "error": slot.error,
                "lost": dict(slot.lost),
            }
            for name, slot in self._slots.items()
        }

    @staticmethod
    def _failed(name: str, slot: _Slot, view: View, error: BaseException) -> StrategyFault:
        slot.failures += 1
        slot.good = 0
        out = min(2 ** (slot.failures - 1), BACKOFF_VIEWS_MAX)
        slot.resumes_seq = view.seq + out + 1
        slot.error = _line(error)
        why = "time" if isinstance(error, OverBudgetError) else "error"
        slot.lost[why] = slot.lost.get(why, 0) + 1
        return StrategyFault(name, slot.error, _trace(error), out)

    @staticmethod
    def _went_well(slot: _Slot) -> None:
        slot.good += 1
        if slot.failures and slot.good >= GOOD_TURNS_TO_FORGIVE:
            slot.failures, slot.error = 0, ""


def _asked(name: str, slot: _Slot, view: View, epoch: int, ahead_ns: int) -> list[DecisionMessage]:
    """What a strategy decides, as it goes on the wire.

    An answer may run code of its own, say a generator of reasons without end: reading it is part of a turn.
    """
    answer = decisions_in(slot.strategy.evaluate_opportunities(view))
    if len(answer) > DECISIONS_MAX:
        raise ValueError(f"{len(answer)} decisions at one view; {DECISIONS_MAX} is the most")
    return [
        _message(view, decision, name=name, epoch=epoch, seq=slot.seq + number, ahead_ns=ahead_ns)
        for number, decision in enumerate(answer, start=1)
    ]


def _message(
    view: View, decision: Decision, *, name: str, epoch: int, seq: int, ahead_ns: int
) -> DecisionMessage:
    """`decision` as it goes on the wire; raises TypeError or ValueError for what cannot be sent."""
    if isinstance(decision.markets, str) or not all(market in view.markets for market in decision.markets):
        raise ValueError(
            f"a decision about {shown_value(decision.markets)}, which are not markets of this node"
        )
    message = DecisionMessage(
        v=1,
        strategy=name,
        epoch=epoch,
        seq=seq,
        view_seq=view.seq,
        time_published_ns=view.time_ns + ahead_ns,
        action=decision.action,
        markets=list(decision.markets),
        direction=decision.direction,
        strength=float(decision.strength),
        reasons=[str(reason) for reason in decision.reasons],
        scores={market: dict(scores) for market, scores in decision.scores.items()},
    )
    try:
        if not math.isfinite(message.strength):
            raise ValueError(f"a decision of strength {message.strength}")
        decode(encode(message), MESSAGE_BYTES_MAX)
    except (WireError, msgspec.MsgspecError, TypeError, OverflowError) as error:
        raise ValueError(f"a decision that cannot be sent: {error}") from None
    return message


def _packed(state: object) -> msgspec.Raw:
    packed = _ENCODER.encode(state)
    if len(packed) > STATE_BYTES_MAX:
        raise ValueError(f"a state of {len(packed)} bytes; {STATE_BYTES_MAX} is the most")
    msgspec.msgpack.decode(packed)  # deeper or larger than can be read back is none
    return msgspec.Raw(packed)


def _line(error: BaseException) -> str:
    return in_words(error)[:200]


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-20))[-TRACEBACK_CHARS_MAX:]
