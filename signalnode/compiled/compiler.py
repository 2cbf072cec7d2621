"""The compiler: every marked function through numba into one object file, in a process that ends with it.

Python has numpy arrays, and numbers that are objects; a compiled function takes numba's arrays and is called
as numba calls. So each entry, here `f(x: an array, n: int) -> float`, becomes two functions:

    PyObject *f(PyObject *none,                    written here in LLVM; what Python calls as one of its own
                PyObject **arguments, int64 count)
    int32 g(double *result, void **exception,      the entry, with the arguments as numba calls: an array
            …, double *x, int64 x_n, …, int64 n)   is seven or more

The outer one reads where the data are, and how many, off the array itself. Nothing is counted, copied or
checked on the way but how many arguments there are, and that numbers are some: what an array must be,
`Argument.check` tells. By ctypes a call took 0.45 µs more, four fifths of taking an event in.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types
from numba.core.codegen import JITCodeLibrary

from signalnode.compiled import APART, ENTRIES, MARKED, Argument, Entry, lanes
from signalnode.compiled.loader import DATA_AT, ENTRY_MODULES, LENGTHS_AT, store, target_machine

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "_nrt": False,  # refuses what would allocate
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
# Numba's way to let go of memory. Nothing here has any: arrays lend theirs, so this is never reached.
NOTHING_TO_FREE = "define void @NRT_MemInfo_call_dtor(ptr %unused) {\n  ret void\n}\n"
RAISES = ".const.picklebuf"  # what an exception would be told with
_NUMBA_TYPES = {"i64": types.int64, "f64": types.float64, "void": types.none}
# The same of LLVM, and by which of Python's functions (`loader.PYTHON`) one is read and made.
_LLVM_TYPES = {"i64": "i64", "f64": "double"}
_READ = {"i64": "PyLong_AsLongLong", "f64": "PyFloat_AsDouble"}
_MADE = {"i64": "PyLong_FromLongLong", "f64": "PyFloat_FromDouble"}
_USED = """
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @Py_NewRef(ptr)
declare ptr @PyErr_Occurred()
declare i32 @PyErr_BadArgument()
"""


def main() -> None:
    """Compile all into the file named on the command line; a line is printed as each entry is done, and a
    fault is one line on stderr.
    """
    try:
        _compile(Path(sys.argv[1]))
    except Exception as error:  # numba's faults are of many kinds, and of many lines
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))


def _compile(path: Path) -> None:
    for module in ENTRY_MODULES:
        importlib.import_module(module)
    _stop_at_assembly()
    _hand_to_numba()
    whole = llvm.parse_assembly(NOTHING_TO_FREE)
    for number, entry in enumerate(sorted(ENTRIES, key=lambda entry: not entry.loops), 1):
        # Vectors of what stands in straight code, as `features.decay` does. A loop that holds some already
        # becomes none itself: so those come first, without.
        numba.config.SLP_VECTORIZE = int(not entry.loops)
        whole.link_in(llvm.parse_assembly(native(entry)))
        print(f"{number} of {len(ENTRIES)}", flush=True)
    whole.verify()
    store(target_machine().emit_object(whole), path)


def _stop_at_assembly() -> None:
    """Let numba make no machine code: it would make some of every function by itself, for this process, which
    runs none of it. What is kept is made of all together.
    """
    JITCodeLibrary._finalize_specific = lambda library: None  # noqa: ARG005
    JITCodeLibrary.get_pointer_to_function = lambda library, name: library._ensure_finalized() or 0  # noqa: ARG005


def _hand_to_numba() -> None:
    """Put what numba calls in the place of each marked function: under whatever name a module knows it, and
    wherever another marked function, made in a function, has it from there.
    """
    lanes.register()
    called = {id(function): _for_numba(function, apart=function in APART) for function in MARKED}
    called |= {id(entry): _for_numba(entry.function, apart=True) for entry in ENTRIES}
    for cell in [cell for function in MARKED for cell in function.__closure__ or ()]:
        cell.cell_contents = called.get(id(cell.cell_contents), cell.cell_contents)
    for module in [module for name, module in sys.modules.items() if name.startswith("signalnode.")]:
        for name, value in list(vars(module).items()):
            if id(value) in called:
                setattr(module, name, called[id(value)])


@functools.cache
def _for_numba(function: Callable[..., Any], *, apart: bool) -> Any:
    """What numba calls for `function`: one, or an entry that others call as well would be compiled twice; and
    not once more for each constant that it is called with.
    """
    dispatcher = numba.njit(**OPTIONS, forceinline=not apart)(function)
    called = dispatcher.get_call_template
    dispatcher.get_call_template = lambda taken, named: called(tuple(map(types.unliteral, taken)), named)
    return dispatcher


def native(entry: Entry[..., Any]) -> str:
    """LLVM assembly of one entry and all it calls."""
    taken = tuple(map(_type_of, entry.arguments))
    dispatcher = _for_numba(entry.function, apart=True)
    dispatcher.compile(_NUMBA_TYPES[entry.result](*taken))
    assembly: str = dispatcher.inspect_llvm(taken)
    if RAISES in assembly:
        raise TypeError(f"{entry.symbol}: it could raise, and machine code has nobody to tell")
    return assembly + _USED + _called_by_python(entry, dispatcher.overloads[taken].fndesc.llvm_func_name)


def _type_of(argument: Argument) -> Any:
    """Numba's type of an argument."""
    if argument.scalar:
        return _NUMBA_TYPES[argument.scalar]
    return types.Array(numba.from_dtype(argument.dtype), 2 if argument.columns else 1, "C")


def _called_by_python(entry: Entry[..., Any], inner: str) -> str:
    """What Python calls (METH_FASTCALL); `inner` is numba's name of the entry, whose status is not looked at:
    it is always 0, for what could raise was refused. Where an argument is wrong it returns NULL, with a
    TypeError or an OverflowError set.
    """
    passed, body = ["ptr %result", "ptr %exception"], list[str]()
    for place, argument in enumerate(entry.arguments):
        name, kind = f"%{argument.name}", argument.scalar
        value = f"{name}.object" if kind else name
        body += [
            f"{name}.at = getelementptr ptr, ptr %arguments, i64 {place}",
            f"{value} = load ptr, ptr {name}.at",
        ]
        if kind:
            taken = f"{_LLVM_TYPES[kind]} {name}"
            body += [f"{name} = call {_LLVM_TYPES[kind]} @{_READ[kind]}(ptr {value})"]
        passed += [taken] if kind else _array(argument, body)
    kind = entry.result
    body += [
        "%fault = call ptr @PyErr_Occurred()",
        "%sound = icmp eq ptr %fault, null",
        "br i1 %sound, label %run, label %wrong",
        "run:",
        f"%result = alloca {_LLVM_TYPES.get(kind, 'ptr')}",
        "%exception = alloca ptr",
        f'%status = call i32 @"{inner}"({", ".join(passed)})',
    ]
    if kind == "void":
        body += ["%made = call ptr @Py_NewRef(ptr %none)"]
    else:
        number = f"{_LLVM_TYPES[kind]} %value"
        body += [
            f"%value = load {_LLVM_TYPES[kind]}, ptr %result",
            f"%made = call ptr @{_MADE[kind]}({number})",
        ]
    head = [
        f"%enough = icmp eq i64 %count, {len(entry.arguments)}",
        "br i1 %enough, label %take, label %few",
        "few:",
        "%told = call i32 @PyErr_BadArgument()",
        "br label %wrong",
        "wrong:",
        "ret ptr null",
        "take:",
    ]
    lines = "\n  ".join([*head, *body, "ret ptr %made"])
    return f'\ndefine ptr @"{entry.symbol}"(ptr %none, ptr %arguments, i64 %count) {{\n  {lines}\n}}\n'


def _array(argument: Argument, body: list[str]) -> list[str]:
    """What numba takes for an array: owner and parent (here none), number and bytes of its elements, data,
    lengths, strides. `body` gets the lines that read them.
    """
    name, size, columns = f"%{argument.name}", np.dtype(argument.dtype).itemsize, argument.columns
    body += [
        f"{name}.data.at = getelementptr i8, ptr {name}, i64 {DATA_AT}",
        f"{name}.data = load ptr, ptr {name}.data.at",
        f"{name}.lengths.at = getelementptr i8, ptr {name}, i64 {LENGTHS_AT}",
        f"{name}.lengths = load ptr, ptr {name}.lengths.at",
        f"{name}.n = load i64, ptr {name}.lengths",
        f"{name}.size = mul i64 {name}.n, {max(columns, 1)}",
    ]
    shape, strides = ([columns], [columns * size, size]) if columns else ([], [size])
    whole = ["ptr null", "ptr null", f"i64 {name}.size", f"i64 {size}", f"ptr {name}.data", f"i64 {name}.n"]
    return whole + [f"i64 {number}" for number in (*shape, *strides)]
