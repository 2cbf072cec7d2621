"""What numba makes of `Lane`, `sqrt` and `where`: an address and an index, an instruction, and another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.extending import lower_builtin, models, register_model, type_callable
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr

from signalnode.compiled import Lane, sqrt, where


class LaneType(types.Type):  # type: ignore[misc]
    """One lane of `columns`, numba's type of the record."""

    mutable = True

    def __init__(self, columns: Any) -> None:
        self.columns = columns
        super().__init__(f"Lane({columns})")


class _Model(models.StructModel):  # type: ignore[misc]
    def __init__(self, known: Any, kind: Any) -> None:
        super().__init__(known, kind, [("base", types.voidptr), ("k", types.intp)])


class _Attributes(AttributeTemplate):  # type: ignore[misc]
    key = LaneType

    def generic_resolve(self, lane: Any, name: str) -> Any:
        return lane.columns.typeof(name).dtype


def register() -> None:
    """Tell numba of the three."""
    register_model(LaneType)(_Model)
    infer_getattr(_Attributes)
    lower_getattr_generic(LaneType)(_loaded)
    lower_setattr_generic(LaneType)(_stored)
    number = types.float64  # numba looks at how many a typer takes
    _teach(Lane, (types.Record, types.Integer), lambda columns, k: LaneType(columns), _lane)  # noqa: ARG005
    _teach(sqrt, (types.Float,), lambda x: number, _root)  # noqa: ARG005
    _teach(where, (types.Boolean, number, number), lambda condition, a, b: number, _selected)  # noqa: ARG005


def _teach(function: Any, taken: tuple[Any, ...], result: Callable[..., Any], lowered: Any) -> None:
    """Let numba call `function` with arguments of the types `taken`."""

    def typed(context: Any) -> Any:  # noqa: ARG001 - numba passes it by name
        return result

    type_callable(function)(typed)
    lower_builtin(function, *taken)(lowered)


def _lane(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    made = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    made.base = builder.bitcast(arguments[0], cgutils.voidptr_t)
    made.k = context.cast(builder, arguments[1], signature.args[1], types.intp)
    return made._getvalue()


def _root(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
    return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [arguments[0].type]), arguments)


def _selected(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
    return builder.select(*arguments)


def _address(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    lane = cgutils.create_struct_proxy(kind)(context, builder, value)
    offset = context.get_constant(types.intp, kind.columns.offset(name))
    number = context.get_data_type(kind.columns.typeof(name).dtype)
    column = builder.bitcast(builder.gep(lane.base, [offset], inbounds=True), number.as_pointer())
    return builder.gep(column, [lane.k], inbounds=True)


def _loaded(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    loaded = builder.load(_address(context, builder, kind, value, name))
    loaded.align = kind.columns.typeof(name).dtype.bitwidth // 8
    return loaded


def _stored(context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> Any:
    kind, given = signature.args
    number = kind.columns.typeof(name).dtype
    value = context.cast(builder, arguments[1], given, number)
    builder.store(value, _address(context, builder, kind, arguments[0], name)).align = number.bitwidth // 8
