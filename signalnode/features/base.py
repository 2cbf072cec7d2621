"""What a feature family is: a module with these names, and its line in FAMILIES.

A family keeps fields of its own in the state (STATE), may be tuned by numbers of a market's file
(PARAMETERS), and says what it measures (FEATURES, in `measure`). It has a function for each event that it
needs to hear of, with the arguments (state, parameters, event), in formulas s, p and e:

    on_trade            a trade
    on_quote            a quote, whether or not anything in it is new
    on_price_change     a quote whose bid or ask is not the one before; after on_quote
    on_depth            the depth of the book

Sums and averages that fade with time are kept as of their last change. What is left of them when somebody
asks is one exponential each: a family lists these (KEPT, and SEEN for the share of a time constant that has
been observed at all, which takes the start-up bias out), and `measure` finds them by name in its weights.
What a formula would divide by at each event is settled once with the parameters: `p.per_trend_s` is
1/`p.trend_s`, and so for each in seconds; a family lists further such numbers in DERIVED. As further
arguments `on_price_change` gets three logarithms (`weights.LOGS`), of the new bid over the old, of the new
ask over the old (neither says anything before the first price) and of ask over bid, and then the weights of
MOVED, which are as of a price change, in their order.

An event is a record of EVENT that has been found true; `event.time_received_ns` is now. `state`,
`parameters`, `weights` and `features` are records whose fields are attributes. All of these functions are
compiled, so `@compiled` stands above each and above what they call. A replay measures several times at once:
LLVM makes vectors of `measure` where it branches little and calls nothing of C's, with `where`, `sqrt`
(`signalnode.compiled`), `log` and `exp`; anything else is right as well, and slower.

What belongs to no family stands in the state as well (BOOK): `bid` and `ask`, 0 while `has_price` is 0;
`has_quote` is 0 while trade prices stand in for quotes. When an event comes, every family finds them **as
they were before it**: only when the last one is done do they move on to the event's. So `event.bid −
state.bid` is the move; and since a family reads its own fields and those of BOOK, no other family's, its
place in FAMILIES changes no score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

EVENT_FUNCTIONS = ("on_trade", "on_quote", "on_price_change", "on_depth")
PER = "per_"
WEIGHTS_OF = ("KEPT", "SEEN", "MOVED")
BOOK = (
    ("bid", "<f8"),
    ("ask", "<f8"),
    ("has_price", "<i8"),
    ("has_quote", "<i8"),
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number a market's `[signals]` table may set: `minimum` ≤ value ≤ `maximum`, in `unit`.

    `search` are the bounds that `tune` draws between, even in the logarithm; it leaves (0, 0) alone.
    """

    name: str
    default: float
    minimum: float
    maximum: float
    unit: str
    why: str
    search: tuple[float, float] = (0.0, 0.0)


class Derived(NamedTuple):
    """One number that is made of the parameters once, and stands among them: 1/τ under `per_…`, for each
    parameter in seconds, and what a family lists in DERIVED.
    """

    name: str
    made_of: Callable[[Any], float]

    @classmethod
    def per(cls, parameter: str) -> Derived:
        """One over that parameter."""
        return cls(PER + parameter, lambda p: float(1.0 / getattr(p, parameter)))


class Weight(NamedTuple):
    """One number that is worked out for a family: e^(−h/τ) in KEPT and MOVED, 1 − e^(−h/τ) in SEEN."""

    name: str
    since: str  # the field of the state, in ns, that h is counted from
    time_constant: str  # the parameter, in seconds, that τ is
    share: float = 1.0  # or that this share of it is τ


class Family(Protocol):
    """The module of a family. Which of EVENT_FUNCTIONS and WEIGHTS_OF it has as well is its own affair."""

    __name__: str

    @property
    def PARAMETERS(self) -> tuple[Parameter, ...]:  # noqa: N802 - a constant of the module
        """What a market may set."""

    @property
    def FEATURES(self) -> tuple[str, ...]:  # noqa: N802
        """Names of what is measured, in natural units; each is an f8 in the features' record."""

    @property
    def STATE(self) -> tuple[tuple[str, str], ...]:  # noqa: N802
        """Name and numpy type of each field it carries between events; all begin at 0."""

    def measure(self, s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
        """Write every one of FEATURES as of `time_ns` into the record `f`; the state `s` stays as it is."""


def refuse_unheard(family: Family) -> None:
    """Raise TypeError where `family` has a function for an event that there is not: nobody would call it."""
    for name in vars(family):
        if name.startswith("on_") and name not in EVENT_FUNCTIONS:
            raise TypeError(f"{family.__name__}.{name}: name it one of {', '.join(EVENT_FUNCTIONS)}")


def refuse_groundless(family: Family) -> None:
    """Raise TypeError for a weight of `family` that counts from no field of its own, or by no parameter."""
    fields, numbers = dict(family.STATE), {parameter.name for parameter in family.PARAMETERS}
    for weight in (w for register in WEIGHTS_OF for w in getattr(family, register, ())):
        where = f"{family.__name__}: the weight {weight.name}"
        if weight.since not in fields:
            raise TypeError(f"{where} counts from {weight.since}: name a field of STATE")
        if weight.time_constant not in numbers:
            raise TypeError(f"{where} fades by {weight.time_constant}: name one of PARAMETERS")
