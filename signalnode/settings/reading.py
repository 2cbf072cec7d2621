"""One TOML table into one frozen dataclass, by the dataclass's own annotations, with every fault listed.

A fault is one line, `file: key: what is wrong; the mend`; reading goes on after it, so all are seen at once.
"""

from __future__ import annotations

import difflib
import functools
import stat
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from signalnode.settings.bounds import Within

CONFIG_BYTES_MAX = 1_048_576  # a config file is a few kB; a longer one is something else

T = TypeVar("T")
_TOML_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    Path: "a path in quotes",
    dict: "a table",
    tuple: "a list",
}


@dataclass(slots=True)
class ConfigFaults:
    """Fault lines of one load, in the order in which they were found."""

    lines: list[str] = field(default_factory=list)

    def add(self, path: Path, key: str, what: str) -> None:
        """Add one; `what` says what is wrong and how to mend it."""
        self.lines.append(": ".join(part for part in (shown(path), key, what) if part))


class _WrongValueError(Exception):
    """What is wrong with one value, in words."""


def shown(path: Path) -> str:
    """A path as a user would type it: relative below the working directory, unless that is the root, which is
    where services work.
    """
    try:
        here = Path.cwd()
        return str(path if here == Path(here.anchor) else path.relative_to(here))
    except (ValueError, OSError):
        return str(path)


def read_toml(path: Path, faults: ConfigFaults) -> dict[str, Any] | None:
    """The table of a TOML file, or None and one fault."""
    data = read_bytes(path, faults)
    if data is None:
        return None
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        faults.add(path, f"line {line}", "is not UTF-8 text; save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        faults.add(path, *_place(str(error)))
    return None


def read_bytes(path: Path, faults: ConfigFaults) -> bytes | None:
    """What is in a config file, or None and one fault."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe's reader would wait for a writer
            faults.add(path, "", "is a pipe or device and no file; a config is read again at each reload")
            return None
        with path.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        faults.add(path, "", "there is no such file; `signalnode init` writes one, --config names another")
    except OSError as error:
        faults.add(path, "", f"cannot be read ({error.strerror}); mend its path or its permissions")
    else:
        if len(data) <= CONFIG_BYTES_MAX:
            return data
        faults.add(path, "", f"is over {CONFIG_BYTES_MAX} bytes; this is not a config file of ours")
    return None


def _place(message: str) -> tuple[str, str]:
    """`Expected … (at line 3, column 5)` as the key `line 3` and the rest."""
    what, _, place = message.rpartition(" (at ")
    if not what:
        return "", f"is not TOML ({message}); see https://toml.io"
    line = place.rstrip(")").split(",")[0]
    return line if line.startswith("line") else "last line", f"is not TOML ({what}); mend that line"


@functools.cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    """The types of a class's fields. Kept: they are compiled from strings, which takes milliseconds."""
    return get_type_hints(cls, include_extras=True)


def read_table(
    cls: type[T], table: Mapping[str, Any], path: Path, prefix: str, faults: ConfigFaults
) -> T | None:
    """An instance of `cls` from `table`, or None where faults were added.

    `path` is the file the table stands in, from which relative paths count; `prefix` is the table's name with
    a dot. Fields named `path` and `markets` are not read: no TOML key sets them.
    """
    known = {f.name: f for f in fields(cast(Any, cls)) if f.name not in ("path", "markets")}
    hints = _hints(cast(Any, cls))
    before = len(faults.lines)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            faults.add(path, prefix + key, _unknown(key, list(known)))
            continue
        kind = _given(hints[key])
        if is_dataclass(kind) and isinstance(value, dict):
            values[key] = read_table(cast(type[Any], kind), value, path, f"{prefix}{key}.", faults)
            continue
        try:
            values[key] = _convert(hints[key], value, path.parent)
        except _WrongValueError as error:
            faults.add(path, prefix + key, str(error))
    for name, known_field in known.items():
        if name in table:
            continue
        if isinstance(known_field.default, Path):  # a default path counts from the file as well
            values[name] = _absolute(known_field.default, path.parent)
        elif known_field.default is MISSING and known_field.default_factory is MISSING:
            faults.add(path, prefix + name, f"is missing; give it {_wanted(hints[name])}")
    return cls(**values) if len(faults.lines) == before else None


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"


def _absolute(path: Path, base: Path) -> Path:
    return Path(*_normal(base / path.expanduser()))


def _normal(path: Path) -> tuple[str, ...]:
    """Parts without `..`, so that a path in an error line is short; no link is resolved."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return tuple(parts)


def _convert(hint: Any, value: Any, base: Path) -> Any:
    """`value` as `hint` wants it; raises _WrongValueError."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *marks = get_args(hint)
        return _bounded(_convert(inner, value, base), marks)
    if origin in (Union, types.UnionType):
        return _convert(_given(hint), value, base)
    if origin is Literal:
        if value not in get_args(hint):
            raise _WrongValueError(f"{value!r} is not known; use {_wanted(hint)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(hint, value)
        return tuple(_convert(get_args(hint)[0], item, base) for item in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(hint, value)
        return value
    return _plain(hint, value, base)


def _plain(kind: Any, value: Any, base: Path) -> Any:
    if is_dataclass(kind):
        raise _wrong(dict, value)
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return _absolute(Path(value), base)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise _wrong(kind, value)
    return value


def _given(hint: Any) -> Any:
    """Of `X | None` the X: TOML has no null, so what is given is one."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(arg for arg in get_args(hint) if arg is not type(None))
    return hint


def _bounded(value: Any, marks: list[Any]) -> Any:
    for mark in marks:
        if isinstance(mark, Within) and not mark.low <= value <= mark.high:
            raise _WrongValueError(f"{value} is out of range; choose from {mark.low:,} to {mark.high:,}")
    return value


def _wrong(hint: Any, value: Any) -> _WrongValueError:
    given = next((name for kind, name in _TOML_NAMES.items() if type(value) is kind), "a list")
    given = "a list" if isinstance(value, list) else given
    return _WrongValueError(f"is {given}; give it {_wanted(hint)}")


def _wanted(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is Annotated:
        inner, mark = get_args(hint)[:2]
        return f"{_wanted(inner)} from {mark.low:,} to {mark.high:,}"
    if origin is Literal:
        *most, last = (repr(arg).replace("'", '"') for arg in get_args(hint))
        return f"{', '.join(most)} or {last}" if most else last
    if origin in (Union, types.UnionType):
        return _wanted(get_args(hint)[0])
    if origin is tuple:
        return f"a list, each item {_wanted(get_args(hint)[0])}"
    return "a table" if is_dataclass(hint) else _TOML_NAMES.get(origin or hint, str(hint))
