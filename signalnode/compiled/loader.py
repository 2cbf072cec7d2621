"""Machine code from the cache into this process; compiled by another process where it is not there yet.

The cache holds one object file, under a name that carries a digest of what every entry and the compiler mean,
of the compiler's versions and of this processor: machine code of other formulas or for another machine cannot
be served. A file is written aside, renamed, and begins with its checksum.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numpy as np

from signalnode.errors import CompilationError
from signalnode.files import alone_in, replace_file
from signalnode.meaning import PACKAGE, own_digest
from signalnode.settings import cache_root

if TYPE_CHECKING:
    from signalnode.compiled import Entry

KEPT_MAX = 4  # object files of other versions and processors that stay in the cache
FAULT_CHARS_MAX = 1_000
DIGEST_BYTES = 32
BEGINS = "compiling the kernel, once for this version: ten seconds, up to a minute on a slow machine"

ENTRY_MODULES = (  # every module that has one
    "signalnode.signals.kernel",
    "signalnode.signals.rows",
    "signalnode.signals.extra",
    "signalnode.feeds.base",
    "signalnode.feeds.files.recording",
    "signalnode.feeds.health",
    "signalnode.feeds.live.venueclock",
    "signalnode.feeds.sieve",
    "signalnode.feeds.synthetic",
    "signalnode.engine.step",
    "signalnode.engine.message",
)
COMPILER = ("signalnode.compiled.compiler", "signalnode.compiled")

# Where numpy keeps an array's data and lengths, in bytes from the object's beginning: the public layout of
# PyArrayObject (numpy/ndarraytypes.h), which is its header, char *data, int nd, npy_intp *dimensions.
DATA_AT = object.__basicsize__
LENGTHS_AT = object.__basicsize__ + 16

# What of Python's own the code calls: named to the linker, whoever brought Python into this process.
PYTHON = (
    "PyLong_AsLongLong",
    "PyLong_FromLongLong",
    "PyFloat_AsDouble",
    "PyFloat_FromDouble",
    "Py_NewRef",
    "PyErr_Occurred",
    "PyErr_BadArgument",
)
METH_FASTCALL = 0x80  # Include/methodobject.h: (self, array of arguments, their number)


class _Method(ctypes.Structure):
    """PyMethodDef of that header, which is part of the stable ABI."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_function_made = ctypes.pythonapi.PyCFunction_NewEx
_function_made.restype = ctypes.py_object
_function_made.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)


@functools.cache
def object_path() -> Path:
    """Where this source's machine code for this processor is, or will be."""
    code = own_digest(*(f"{module}@entry" for module in ENTRY_MODULES)), own_digest(*COMPILER, closed=())
    key = "\0".join((*code, version("numba"), version("llvmlite"), *processor()))
    return cache_root() / f"kernel-{hashlib.sha256(key.encode()).hexdigest()[:16]}.o"


def processor() -> tuple[str, str]:
    """Its name and its features, as LLVM calls them."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def target_machine() -> Any:
    """What code is made for: this processor, wherever in memory."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = processor()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default")


def is_cached() -> bool:
    """Whether this very source has been compiled here before, so that a start will be quick."""
    return bool(_stored())


def compile_missing(tell: Callable[[str], None]) -> None:
    """Compile in a process of its own unless it is done; `tell` is given a line that says how long it takes,
    and one as each function is ready.

    Raises CompilationError with the compiler's last word.
    """
    if is_cached():
        return
    try:
        with alone_in(cache_root()):  # who comes second finds the work done
            fault = "" if is_cached() else _compile(tell)
            if not is_cached():
                raise CompilationError(f"the kernel cannot be compiled: {fault[:FAULT_CHARS_MAX]}")
            _clear_out()
    except OSError as error:
        raise CompilationError(f"{error.filename}: {error.strerror}: compiled code must go there") from None


def _compile(tell: Callable[[str], None]) -> str:
    """Run the compiler to its end; its last word."""
    tell(BEGINS)
    program = f"import sys; sys.path.insert(0, sys.argv[2]); import {COMPILER[0]} as c; c.main()"
    command = [sys.executable, "-P", "-c", program, str(object_path()), str(PACKAGE.parent)]
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    with tempfile.TemporaryFile("w+") as faults:
        with subprocess.Popen(command, stdin=nothing, stdout=pipe, stderr=faults, text=True) as compiler:
            for line in compiler.stdout or ():
                tell(f"compiling the kernel: {line.rstrip()} functions")
        faults.seek(0)
        return (faults.read().splitlines() or [f"it ended with {compiler.returncode}"])[-1]


def store(code: bytes, path: Path) -> None:
    """Write an object file into the cache, whole or not at all."""
    replace_file(path, hashlib.sha256(code).digest() + code, writer=str(os.getpid()))


def function_of(entry: Entry[..., Any]) -> Any:
    """The machine code of one entry, as a function that holds the interpreter's lock while it runs."""
    address = _linked().get_function_address(entry.symbol)
    if address == 0:
        raise CompilationError(
            f"{entry.symbol} is not in the kernel: name its module in loader.ENTRY_MODULES"
        )
    method = _Method(entry.symbol.encode(), address, METH_FASTCALL, None)
    # A function looks into it as it is freed, which may be after all of Python's own at the end of a process.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(method))
    return _function_made(ctypes.addressof(method), None, None)


def _stored() -> bytes:
    """The object file in the cache; empty where there is none, or only a part of one."""
    try:
        content = object_path().read_bytes()
    except OSError:
        return b""
    digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else b""


@functools.cache
def _linked() -> Any:
    """LLVM's linker with the object file in it; it owns the memory of the code."""
    code = _stored()
    if not code:
        compile_missing(functools.partial(print, file=sys.stderr, flush=True))  # or Python would seem to hang
        code = _stored()
    _check_layout()
    for name in PYTHON:
        llvm.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _check_layout() -> None:
    """Refuse a numpy whose arrays are laid out otherwise than compiled code takes for granted."""
    probe = np.zeros(3)
    data = ctypes.c_void_p.from_address(id(probe) + DATA_AT).value
    lengths = ctypes.c_void_p.from_address(id(probe) + LENGTHS_AT).value
    if data != probe.ctypes.data or ctypes.c_ssize_t.from_address(lengths or 0).value != len(probe):
        raise CompilationError(f"numpy {np.__version__} lays arrays out in a way unknown here: take another")


def _clear_out() -> None:
    """Remove what is too old, and what compilers that were killed left half written.

    Never what was just compiled, which is the oldest of all where the clock was set back.
    """
    own = object_path()
    files = sorted(
        cache_root().glob("kernel-*.o"), key=lambda path: (path == own, path.stat().st_mtime), reverse=True
    )
    for path in [*files[1 + KEPT_MAX :], *cache_root().glob("kernel-*.partial")]:
        path.unlink(missing_ok=True)
