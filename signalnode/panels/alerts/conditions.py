"""How every market, process and strategy of the node stands, in words of `alerts.states`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from signalnode.bus.wire import ProcessState, ViewMessage
from signalnode.names import AGGREGATOR
from signalnode.panels.web.board import USABLE, state_word

WELL: Final = ""
FAILURES_MIN = 4  # turns in a row that a strategy has lost: fewer are a slow moment
DARK_AFTER_S = 3.0  # without a view; one comes four times a second
WHY_CHARS_MAX = 200


class Condition(NamedTuple):
    """`kind`: WELL, of `AlertState`, or another word for what is neither."""

    kind: str
    why: str = ""


class Heard(NamedTuple):
    """What is known at one moment. `age_s`: since the newest view came, or since somebody listens for one.

    `pulses_s`: how long ago a market's process was started again, of those that were.
    """

    view: ViewMessage | None
    age_s: float
    processes: Mapping[str, ProcessState]
    pulses_s: Mapping[str, float]


def conditions(heard: Heard) -> Iterator[tuple[str, Condition]]:
    """Everybody of whom something is known now, by name. Of markets nothing while Layer 5 is dark."""
    view, is_dark = heard.view, heard.age_s > DARK_AFTER_S
    if view is not None:
        for name, state in heard.processes.items():
            if name not in view.markets and name != AGGREGATOR:
                yield name, _of_process(state)
    yield AGGREGATOR, _of_layer_5(heard, is_dark)
    if view is None or is_dark:
        return
    for name in view.markets:
        yield name, _of_market(view, name, heard.pulses_s.get(name))
    for name, told in view.strategies.items():
        failures = told.get("failures")
        fails = isinstance(failures, int) and failures >= FAILURES_MIN
        why = f"{failures} in a row: {told.get('error', '')}"[:WHY_CHARS_MAX]
        yield name, Condition("failing", why) if fails else Condition(WELL)


def _of_market(view: ViewMessage, name: str, pulse_s: float | None) -> Condition:
    """A market whose process was started again is well when it was heard since."""
    market = view.markets[name]
    word = state_word(market)
    if word in USABLE:
        heard_since = pulse_s is None or (market.age_s is not None and market.age_s < pulse_s)
        return Condition(WELL if heard_since else "starting")
    reason = market.health.reason if market.health else ""
    why = reason or (market.process.why if market.process and market.process.state != "up" else "")
    kind = "down" if word == "ended" else word.replace(" ", "_")  # it says so when it is stopped
    return Condition(kind, why[:WHY_CHARS_MAX])


def _of_process(state: ProcessState) -> Condition:
    if state.state == "up" and state.trouble:
        return Condition("troubled", state.trouble[:WHY_CHARS_MAX])
    return Condition(WELL if state.state == "up" else state.state, state.why[:WHY_CHARS_MAX])


def _of_layer_5(heard: Heard, is_dark: bool) -> Condition:
    process = heard.processes.get(AGGREGATOR)
    if process is not None and process.state != "up":
        return _of_process(process)
    return Condition("dark", f"no view for {heard.age_s:.0f} s") if is_dark else Condition(WELL)
