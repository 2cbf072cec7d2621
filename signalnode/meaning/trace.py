"""From names to all that their definitions read, as one digest.

Definitions are numbered in the order in which they are first read, and each use of one is written down as its
number: so neither the file a definition stands in, nor the name it is imported under, nor the order of the
file has a say. A name that is nobody's here (a builtin, a local, another package's) is written as it is.
Where in doubt more is followed, never less: a local that is called like a global leads to the global too.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from signalnode.meaning.source import EFFECTS, Sources
from signalnode.meaning.written import Read

WHOLE = ""  # in the place of a name: all of a module
DIGITS = 16


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
        self._led_to: dict[tuple[str, Read], tuple[_Place | str, str]] = {}
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
        for piece in module.written(place.name):
            if isinstance(piece, str):
                self._text.append(piece)
            elif isinstance(piece, Read):
                self._follow(piece)
            else:
                self._refer(self._imported(module.origin(piece), WHOLE))

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

    def _follow(self, read: Read) -> None:
        """A name and the attributes after it, as far as they lead through modules."""
        known = self._led_to.get((self._module, read))
        if known is None:
            attributes = list(read.attributes)
            origin = self._origin(self._module, read.name) or read.name
            while attributes and isinstance(origin, _Place) and origin.name == WHOLE:
                origin = self._imported(origin.module, attributes.pop(0))
            known = origin, "".join(f".{attribute}" for attribute in attributes) + " "
            self._led_to[self._module, read] = known
        self._refer(known[0])
        self._text.append(known[1])
