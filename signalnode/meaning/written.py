"""A statement as text in which the names it reads are left open, for whoever knows what they lead to.

What is written of a syntax tree is what `ast` gives in every Python from 3.11 on: fields that are empty are
left out, for each version adds some. Hints count where something reads them: those of class bodies are
open too, for dataclasses and msgspec's decoders are made of them; those of decorated functions are text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from itertools import groupby
from typing import Literal, NamedTuple

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
NOT_MEANT = frozenset({"ctx", "type_comment", "kind"})  # fields: known from the place, or for readers
HINTS = frozenset({"annotation", "returns"})

Hints = Literal["left out", "text", "followed"]


class Read(NamedTuple):
    """A name that is read, and the attributes after it."""

    name: str
    attributes: tuple[str, ...]


Piece = str | Read | ast.ImportFrom  # of all names: any other import is followed where its names are read


def written(statements: Iterable[ast.stmt]) -> list[Piece]:
    """The text of `statements`, cut where it is open."""
    writer = _Writer()
    for statement in statements:
        writer.tree(statement, "left out")
    return [
        piece
        for is_text, group in groupby(writer.pieces, lambda piece: isinstance(piece, str))
        for piece in (["".join(group)] if is_text else group)  # type: ignore[arg-type]
    ]


def says_nothing(statement: ast.stmt) -> bool:
    """Whether it is a docstring, any other lone constant, `pass`, or an import, which speaks through the
    names it brings: those are followed where they are read.
    """
    if isinstance(statement, ast.ImportFrom):
        return statement.names[0].name != "*"
    lone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return lone or isinstance(statement, ast.Pass | ast.Import)


class _Writer:
    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def tree(self, node: ast.AST, hints: Hints) -> None:
        if isinstance(node, ast.Name | ast.Attribute):
            self._name(node, hints)
        elif isinstance(node, ast.Constant):
            self.pieces.append(f"{type(node.value).__name__} {node.value!r} ")
        elif isinstance(node, ast.JoinedStr):
            self._joined(node, hints)
        elif isinstance(node, ast.ImportFrom):
            self.pieces.append(node)
        else:
            if isinstance(node, DEFINITIONS):
                is_class = isinstance(node, ast.ClassDef)
                hints = "followed" if is_class else "text" if node.decorator_list else "left out"
            self.pieces.append(f"({type(node).__name__}")
            for field, value in ast.iter_fields(node):
                if value is not None and value != [] and field not in NOT_MEANT:
                    self._field(field, value, hints)
            self.pieces.append(")")

    def _field(self, field: str, value: object, hints: Hints) -> None:
        if field in HINTS and hints != "followed":
            if hints == "text":
                self.pieces.append(f" {field}={ast.unparse(value)}")  # type: ignore[arg-type]
            return
        self.pieces.append(f" {field}=")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.stmt) and says_nothing(each):
                continue
            if isinstance(each, ast.AST):
                self.tree(each, hints)
            else:
                self.pieces.append(repr(each))
            self.pieces.append(",")

    def _joined(self, node: ast.JoinedStr, hints: Hints) -> None:
        """An f-string. How its text is cut, and whether an empty piece ends it, each version does its way."""
        self.pieces.append("(JoinedStr")
        for is_text, pieces in groupby(node.values, lambda piece: isinstance(piece, ast.Constant)):
            if is_text:
                text = "".join(str(piece.value) for piece in pieces if isinstance(piece, ast.Constant))
                self.pieces += [f" {text!r},"] if text else []
            else:
                for piece in pieces:
                    self.tree(piece, hints)
        self.pieces.append(")")

    def _name(self, node: ast.Name | ast.Attribute, hints: Hints) -> None:
        """A name and the attributes after it; what stands before those may be no name."""
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self.pieces.append(Read(base.id, tuple(attributes)))
        else:
            self.tree(base, hints)
            self.pieces.append("".join(f".{attribute}" for attribute in attributes) + " ")
