"""From names to all that their definitions read, as one digest.

Definitions are numbered in the order in which they are first read, and each use of one is written down as its
number: so neither the file a definition stands in, nor the name it is imported under, nor the order of the
file has a say. A name that is nobody's here (a builtin, a local, another package's) is written as it is.
Where in doubt more is followed, never less: a local that is called like a global leads to the global too.

What is written of a syntax tree is what `ast` gives in every Python from 3.11 on: fields that are empty are
left out, for each version adds some. Hints count where something reads them: those of class bodies are
followed, for dataclasses and msgspec's decoders are made of them; those of decorated functions are text.
"""

from __future__ import annotations

import ast
import hashlib
from collections import deque
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from signalnode.meaning.source import DEFINITIONS, Sources, says_nothing

WHOLE, EFFECTS = "", "()"  # in the place of a name: all of a module; what runs when it is imported
NOT_MEANT = frozenset({"ctx", "type_comment", "kind"})  # fields: known from the place, or for readers
HINTS = frozenset({"annotation", "returns"})
DIGITS = 16

Hints = Literal["left out", "text", "followed"]


class Meaning(NamedTuple):
    """`digest`: DIGITS hex digits. `read`: the definitions it covers, as (module, name); "" is all of it.
    `files`: all that were opened for it.
    """

    digest: str
    read: tuple[tuple[str, str], ...]
    files: tuple[Path, ...]


class _Place(NamedTuple):
    module: str
    name: str


def meaning_of(homes: Mapping[str, Path], *roots: str, closed: tuple[str, ...] = ()) -> Meaning:
    """What the definitions named by `roots` mean: "module:name"; "module" for all of it; "module@decorator"
    for what stands under that decorator there.

    `homes` tells where our code stands, by top-level name: a file, or a package's directory. Modules in
    `closed`, and what is below them, count by name alone. A root that its module does not bind stands for the
    whole module. Raises OSError where one cannot be read, SyntaxError or ValueError where it is no Python.
    """
    return _Trace(Sources(homes), closed).run(roots)


class _Trace:
    def __init__(self, sources: Sources, closed: tuple[str, ...]) -> None:
        self._sources = sources
        self._closed = closed
        self._numbers: dict[_Place, int] = {}
        self._unread: deque[_Place] = deque()
        self._module = ""  # whose definition is being read
        self._text: list[str] = []

    def run(self, roots: tuple[str, ...]) -> Meaning:
        for root in roots:
            module, _, decorator = root.partition("@")
            if decorator:
                for name in self._sources[module].decorated(decorator):
                    self._number(_Place(module, name))
            else:
                module, _, name = root.partition(":")
                self._refer(self._origin(module, name) or _Place(module, WHOLE))
        while self._unread:
            place = self._unread.popleft()
            self._module = place.module
            self._text.append("\n")
            self._define(place)
        digest = hashlib.sha256("".join(self._text).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
        return Meaning(digest, tuple(self._numbers), self._sources.files)

    def _refer(self, origin: _Place | str) -> None:
        """Write a number for what is ours, a name for what is not."""
        self._text.append(origin if isinstance(origin, str) else f"@{self._number(origin)}")

    def _number(self, place: _Place) -> int:
        if place not in self._numbers:
            self._numbers[place] = len(self._numbers)
            self._unread.append(place)
            if self._sources[place.module].effects:
                self._number(_Place(place.module, EFFECTS))
        return self._numbers[place]

    def _define(self, place: _Place) -> None:
        module = self._sources[place.module]
        if place.name == WHOLE:
            origins: list[tuple[str, _Place | str]] = [(n, _Place(place.module, n)) for n in module.bound]
            origins += [(n, self._imported(*origin)) for n, o in module.imported.items() for origin in o]
            for name, origin in origins:
                if isinstance(origin, _Place):
                    self._text.append(f" {name}=")
                    self._refer(origin)
            return
        for statement in module.effects if place.name == EFFECTS else module.bound[place.name]:
            self._tree(statement, "left out")

    def _origin(self, module: str, name: str) -> _Place | str | None:
        """What `name` of a module of ours leads to, through whatever imports; None where it binds none."""
        known = self._sources[module]
        if not name or (name in known.bound and name in known.imported):
            return _Place(module, WHOLE)
        if name in known.bound:
            return _Place(module, name)
        origins = [self._imported(*origin) for origin in known.imported.get(name, ())]
        return origins[0] if len(origins) == 1 else _Place(module, WHOLE) if origins else None

    def _imported(self, module: str, name: str) -> _Place | str:
        """What `from module import name` gives; without a name, what `import module` gives."""
        dotted = f"{module}.{name}" if name else module
        if not self._is_ours(module):
            return dotted
        if not name or self._is_ours(dotted):
            return _Place(dotted, WHOLE)
        return self._origin(module, name) or dotted

    def _is_ours(self, module: str) -> bool:
        closed = any(module == each or module.startswith(f"{each}.") for each in self._closed)
        return not closed and module in self._sources

    def _tree(self, node: ast.AST, hints: Hints) -> None:
        if isinstance(node, ast.Name | ast.Attribute):
            self._name(node, hints)
        elif isinstance(node, ast.Constant):
            self._text.append(f"{type(node.value).__name__} {node.value!r} ")
        elif isinstance(node, ast.JoinedStr):
            self._joined(node, hints)
        elif isinstance(node, ast.ImportFrom):  # of all names: of any other, `Module.imported` tells
            self._refer(self._imported(self._sources[self._module].origin(node), WHOLE))
        else:
            if isinstance(node, DEFINITIONS):
                is_class = isinstance(node, ast.ClassDef)
                hints = "followed" if is_class else "text" if node.decorator_list else "left out"
            self._text.append(f"({type(node).__name__}")
            for field, value in ast.iter_fields(node):
                if value is not None and value != [] and field not in NOT_MEANT:
                    self._field(field, value, hints)
            self._text.append(")")

    def _field(self, field: str, value: object, hints: Hints) -> None:
        if field in HINTS and hints != "followed":
            if hints == "text":
                self._text.append(f" {field}={ast.unparse(value)}")  # type: ignore[arg-type]
            return
        self._text.append(f" {field}=")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.stmt) and says_nothing(each):
                continue
            if isinstance(each, ast.AST):
                self._tree(each, hints)
            else:
                self._text.append(repr(each))
            self._text.append(",")

    def _joined(self, node: ast.JoinedStr, hints: Hints) -> None:
        """An f-string. How its text is cut, and whether an empty piece ends it, each version does its way."""
        self._text.append("(JoinedStr")
        for is_text, pieces in groupby(node.values, lambda piece: isinstance(piece, ast.Constant)):
            if is_text:
                text = "".join(str(piece.value) for piece in pieces if isinstance(piece, ast.Constant))
                self._text += [f" {text!r},"] if text else []
            else:
                for piece in pieces:
                    self._tree(piece, hints)
        self._text.append(")")

    def _name(self, node: ast.Name | ast.Attribute, hints: Hints) -> None:
        """A name and the attributes after it, as far as they lead through modules."""
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            origin = self._origin(self._module, base.id) or base.id
            while attributes and isinstance(origin, _Place) and origin.name == WHOLE:
                origin = self._imported(origin.module, attributes.pop(0))
            self._refer(origin)
        else:
            self._tree(base, hints)
        self._text.append("".join(f".{attribute}" for attribute in attributes) + " ")
