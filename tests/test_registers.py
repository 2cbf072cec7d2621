"""Lists that must say the same: what is added to one and not to the other fails here, and not in use."""

from __future__ import annotations

import argparse
import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import signalnode
from signalnode.bus.wire import SCORE_NAMES
from signalnode.cli.parser import command_line
from signalnode.panels.terminal import HEADS


def test_every_public_name_is_loaded_listed_and_known_to_type_checkers() -> None:
    public = set(signalnode.__all__) - {"__version__"}
    tree = ast.parse(Path(signalnode.__file__).read_text(encoding="utf-8"))
    hinted = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert hinted == signalnode._MODULES
    assert hinted.keys() == public
    assert all(getattr(signalnode, name) is not None for name in public)


def targets(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What each verb calls, those of verbs below it too."""
    if target := parser.get_default("target"):
        yield target
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from targets(below)


def test_every_command_leads_to_a_function() -> None:
    found = list(targets(command_line()))
    assert len(found) > 10
    for target in found:
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function)), target


def test_every_score_of_the_contract_has_a_heading_in_the_panel() -> None:
    assert tuple(HEADS)[: len(SCORE_NAMES)] == SCORE_NAMES
    assert len(set(HEADS.values())) == len(HEADS)
