"""Compiled code: which functions it is made of, and which of them Python calls.

`@compiled` marks a function that compiled code calls, `@entry` one that Python calls as well. Here both stay
plain Python; the compiler (`compiler.py`: numba, in a process that ends) turns all of them into one object
file, and an entry runs what is in it (`loader.py`). So a process that scores a market carries machine code
and no compiler.

What a compiled function calls becomes part of it; `@apart` marks one that stays a function by itself.
`in_turn` makes one compiled function of several, `written` one of lines that a register dictates: so a
register becomes a kernel without a second list.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

SCALARS = {"int": "i64", "float": "f64"}  # what a number in a signature is to the machine
RESULTS = {**SCALARS, "None": "void"}


class Argument(NamedTuple):
    """One parameter of an entry: a number, or an array of any length along its first axis."""

    name: str
    scalar: str  # a value of SCALARS; "" for an array
    dtype: np.dtype[Any] | None  # of an array's elements
    columns: int  # along the second axis; 0 where there is none

    def check(self, value: Any, function: str) -> None:
        """Raise TypeError where `value` is no array that machine code may be handed."""
        if self.scalar:
            return
        dimensions, columns = (2, self.columns) if self.columns else (1, 0)
        fits = isinstance(value, np.ndarray) and value.dtype == self.dtype and value.ndim == dimensions
        if not fits or (columns and value.shape[1] != columns):
            raise TypeError(f"{function}: {self.name} must be an array of {self.dtype}, {dimensions}-D")
        if not (value.flags.c_contiguous and value.flags.aligned):
            raise TypeError(f"{function}: {self.name} must be C-contiguous: pass np.ascontiguousarray of it")


MARKED: list[Callable[..., Any]] = []  # every function under `compiled`
APART: list[Callable[..., Any]] = []  # those of them under `apart`
ENTRIES: list[Entry[..., Any]] = []  # every function under `entry`


def compiled(function: F) -> F:
    """Let compiled code call `function`; to Python it stays what it is.

    IEEE arithmetic in source order (no fast-math): the same events give the same bits however they are
    batched. Division by zero gives an infinity or NaN as in numpy. It may neither raise nor allocate.
    """
    MARKED.append(function)
    return function


def apart(function: F) -> F:
    """As `compiled`, for a function that is no part of its callers: each of them would be as large again."""
    APART.append(function)
    return compiled(function)


def checked(function: F) -> F:
    """`function`, which compiled code is to call; raises TypeError where it is not under `compiled`."""
    if function not in MARKED:
        raise TypeError(f"{function.__module__}.{function.__qualname__}: put @compiled above it")
    return function


def in_turn(functions: Sequence[Callable[..., None]]) -> Callable[..., None]:
    """One compiled function that hands its arguments to each of `functions`, in their order.

    Numba cannot loop over functions, each of a type of its own; so the calls are written out. Raises
    TypeError for one without `compiled` above it.
    """
    calls = {f"f{place}": checked(function) for place, function in enumerate(functions)}
    taken = ", ".join(inspect.signature(functions[0]).parameters) if functions else "*arguments"
    return written(taken, [f"{name}({taken})" for name in calls], **calls)


def written(taken: str, lines: Sequence[str], **names: Any) -> Callable[..., None]:
    """A compiled function with the parameters `taken` whose body is `lines`, for where a register decides
    what is done. `names` are those that the lines use: functions under `compiled`, and numbers.
    """
    body = "\n  ".join(lines or ["pass"])
    room: dict[str, Any] = {"__name__": __name__}
    exec(f"def make({', '.join(names)}):\n def all({taken}):\n  {body}\n return all", room)
    made: Callable[..., None] = room["make"](**names)
    made.__qualname__ = f"{written.__qualname__}.<locals>.{made.__name__}"  # where it is written
    return compiled(made)


def read_by(function: Callable[..., Any]) -> set[str]:
    """Every attribute's name that `function`, or a compiled one that it calls, reads or writes."""
    names: set[str] = set()
    called, seen = [function], set[int]()
    while called:
        each = called.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        names.update(each.__code__.co_names)
        known = [each.__globals__.get(name) for name in each.__code__.co_names]
        known += [cell.cell_contents for cell in each.__closure__ or ()]
        called += [other for other in known if inspect.isfunction(other)]
    return names


def sqrt(x: float) -> float:
    """√x. Compiled, it is one instruction, of which there are vectors: `math.sqrt` has C's errno to tell."""
    return math.sqrt(x)


def where(condition: bool, a: float, b: float) -> float:
    """`a` where `condition`, else `b`. Compiled, both are worked out and nothing branches."""
    return a if condition else b


class Lane:
    """Row `k` of a record whose fields are columns, as a record of its own: an attribute is the number there.

    Compiled, it costs nothing, and a loop over `k` becomes vectors of the same operations in the same order:
    the same bits as row by row.
    """

    def __init__(self, columns: Any, k: int) -> None:
        vars(self).update(_columns=columns, _k=k)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._columns, name)[self._k]

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self._columns, name)[self._k] = value


def entry(**arrays: npt.DTypeLike | tuple[npt.DTypeLike, int]) -> Callable[[Callable[P, R]], Entry[P, R]]:
    """As `compiled`, for a function that Python calls: `arrays` gives each array parameter's dtype, with the
    number of columns where it has two axes. The other parameters, and the result, are `int`, `float`; the
    result may be `None`.
    """

    def marked(function: Callable[P, R]) -> Entry[P, R]:
        made = Entry(function, arrays)
        ENTRIES.append(made)
        return made

    return marked


def side_by_side(
    **arrays: npt.DTypeLike | tuple[npt.DTypeLike, int],
) -> Callable[[Callable[P, R]], Entry[P, R]]:
    """As `entry`, for a function of loops over lanes, of whose turns LLVM is to work out several at once."""

    def marked(function: Callable[P, R]) -> Entry[P, R]:
        made = entry(**arrays)(function)
        made.loops = True
        return made

    return marked


class Entry(Generic[P, R]):
    """A function whose machine code Python calls. `function` is the same in plain Python."""

    def __init__(
        self, function: Callable[P, R], arrays: dict[str, npt.DTypeLike | tuple[npt.DTypeLike, int]]
    ) -> None:
        self.function = function
        self.loops = False  # whether it is under `side_by_side`
        self.symbol = f"{function.__module__}.{function.__qualname__}"
        signature = inspect.signature(function)
        self.result = RESULTS[str(signature.return_annotation)]
        self.arguments = tuple(
            _argument(name, str(parameter.annotation), arrays.get(name))
            for name, parameter in signature.parameters.items()
        )

    @functools.cached_property
    def raw(self) -> Callable[P, R]:
        """The machine code. As in C, the caller answers for each array's dtype, shape and contiguity: where
        that is known, a quarter of a microsecond a call is saved. Compiles what was not compiled before.
        """
        from signalnode.compiled.loader import function_of

        return cast(Callable[P, R], function_of(self))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        for argument, value in zip(self.arguments, args, strict=True):
            argument.check(value, self.symbol)
        return self.raw(*args, **kwargs)


def _argument(
    name: str, annotation: str, array: npt.DTypeLike | tuple[npt.DTypeLike, int] | None
) -> Argument:
    if array is None:
        return Argument(name, SCALARS[annotation], None, 0)
    dtype, columns = array if isinstance(array, tuple) else (array, 0)
    return Argument(name, "", np.dtype(dtype), columns)
