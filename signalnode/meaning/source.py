"""One source file as names: what each is bound to, where it is imported from, and what runs besides."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from signalnode.meaning.written import DEFINITIONS, Piece, says_nothing, written

COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
IMPORTS = ast.Import | ast.ImportFrom
EFFECTS = "()"  # in the place of a name: what runs when the file is imported


class Sources:
    """The code that counts as ours: by top-level name, the file or the package directory it stands in."""

    def __init__(self, homes: Mapping[str, Path]) -> None:
        self._homes = dict(homes)
        self._modules: dict[str, Module] = {}
        self._paths: dict[str, Path | None] = {}

    @property
    def files(self) -> tuple[Path, ...]:
        """All that were opened."""
        return tuple(module.path for module in self._modules.values() if module.path.is_file())

    def path_of(self, name: str) -> Path | None:
        """A module's file, or the directory of a package that has none; None for what is not ours."""
        if name not in self._paths:
            self._paths[name] = self._find(name)
        return self._paths[name]

    def _find(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        home = self._homes.get(top)
        if home is None or (rest and not home.is_dir()):
            return None
        place = home.joinpath(*rest)
        files = (place / "__init__.py", place.with_name(f"{place.name}.py"), place)
        return next((file for file in files if file.is_file()), place if place.is_dir() else None)

    def __contains__(self, name: str) -> bool:
        return self.path_of(name) is not None

    def __getitem__(self, name: str) -> Module:
        """The module. Raises OSError, and SyntaxError or ValueError where it is no Python."""
        if name not in self._modules:
            path = self.path_of(name)
            if path is None:
                raise FileNotFoundError(f"{name}: no such module")
            self._modules[name] = Module(name, path)
        return self._modules[name]


class Module:
    """What a file binds; `__all__` and what stands under `if TYPE_CHECKING` are for readers, not for it.

    `bound`: the statements that give each name its value. `imported`: where a name comes from, as (module,
    name there; "" for the module itself); imports within functions count as the file's. `effects`: statements
    that do something however their names are used.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.path = path
        is_package = path.is_dir() or path.name == "__init__.py"
        self._package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(b"" if path.is_dir() else path.read_bytes())
        statements = [statement for statement in tree.body if not _is_for_readers(statement)]
        self.bound: dict[str, list[ast.stmt]] = {}
        self.imported: dict[str, list[tuple[str, str]]] = {}
        self.effects = [each for each in statements if not _only_binds(each)]
        self._written: dict[str, list[Piece]] = {}
        for statement in statements:
            for each in dict.fromkeys(names_bound(statement)):
                self.bound.setdefault(each, []).append(statement)
            for node in ast.walk(statement):
                if isinstance(node, IMPORTS):
                    self._note(node)

    def _note(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                known, origin = alias.asname or alias.name, (self.origin(node), alias.name)
            elif alias.asname:
                known, origin = alias.asname, (alias.name, "")
            else:
                known = alias.name.partition(".")[0]
                origin = (known, "")
            origins = self.imported.setdefault(known, [])
            if origin not in origins:
                origins.append(origin)

    def decorated(self, decorator: str) -> Iterator[str]:
        """The names of the definitions under `@decorator` or `@decorator(…)`."""
        for name, statements in self.bound.items():
            for statement in statements:
                marks = statement.decorator_list if isinstance(statement, DEFINITIONS) else []
                heads = (mark.func if isinstance(mark, ast.Call) else mark for mark in marks)
                if any(isinstance(head, ast.Name) and head.id == decorator for head in heads):
                    yield name

    def written(self, name: str) -> list[Piece]:
        """What is written of all that gives `name` its value, or of EFFECTS."""
        if name not in self._written:
            self._written[name] = written(self.effects if name == EFFECTS else self.bound[name])
        return self._written[name]

    def origin(self, node: ast.ImportFrom) -> str:
        """The full name of the module that `node` imports from."""
        if not node.level:
            return node.module or ""
        parts = self._package.split(".")
        return ".".join([*parts[: len(parts) + 1 - node.level], *filter(None, [node.module])])


def names_bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds in its own scope, imports apart."""
    if isinstance(node, DEFINITIONS):
        yield node.name
    elif isinstance(node, COMPREHENSIONS):
        inner = (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
        yield from (target.id for target in inner)
    elif isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from names_bound(child)


def _only_binds(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        inner = (node for target in targets for node in ast.walk(target))
        return not any(isinstance(node, ast.Attribute | ast.Subscript) for node in inner)
    return isinstance(statement, DEFINITIONS) or says_nothing(statement)


def _is_for_readers(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name):
        return statement.test.id == "TYPE_CHECKING" and not statement.orelse
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id == "__all__"
    return False
