"""What can follow what on the command line, read off the parser, so that a completion never lags behind it.

argparse has no public way to list what a parser knows; `_actions` and `_SubParsersAction` are what shtab and
argcomplete read as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from signalnode.settings import VENUE_NAMES

# What a value is. Any other value is a word to choose, of those in `words`, or a text nobody can guess.
FILE, NAME, WORD, TEXT = "file", "name", "word", "text"
SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Value:
    """What may stand in one place."""

    kind: str = TEXT
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One option; `value` is None for one that takes none."""

    name: str
    text: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb, with `operand` None where nothing but options follows."""

    name: str
    text: str
    options: tuple[Option, ...]
    operand: Value | None


def verbs_of(parser: argparse.ArgumentParser) -> tuple[Verb, ...]:
    """The verbs in the order of the help; the last, without a name, is what may stand before a verb."""
    verbs = [Verb(name, text, tuple(_options(verb)), _operand(verb)) for name, text, verb in _below(parser)]
    return (*verbs, Verb("", "", tuple(_options(parser)), None))


def _below(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {each.dest: each.help or "" for each in action._choices_actions}
            for name, verb in action.choices.items():
                yield name, texts.get(name, ""), verb


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    """Options that the help shows, in their long form; those of verbs below it too."""
    is_verb = (
        parser.get_default("target") is not None
    )  # else the whole command line: its verbs have their own
    parsers = [parser, *(below for _, _, below in _below(parser) if is_verb)]
    seen = set()
    for action in (action for each in parsers for action in each._actions):
        if action.option_strings and action.help != argparse.SUPPRESS:
            name = action.option_strings[-1]
            if name not in seen:
                seen.add(name)
                yield Option(name, action.help or "", None if action.nargs == 0 else _value(action))


def _operand(parser: argparse.ArgumentParser) -> Value | None:
    below = tuple(name for name, _, _ in _below(parser))
    if below:
        return Value(WORD, below)
    return next((_value(action) for action in parser._actions if not action.option_strings), None)


def _value(action: argparse.Action) -> Value:
    shown = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None:
        return Value(WORD, tuple(str(each) for each in action.choices))
    if shown == "SHELL":
        return Value(WORD, SHELLS)
    if shown == "VENUE":
        return Value(WORD, VENUE_NAMES)
    if shown == "MARKET":
        return Value(NAME)
    return Value(FILE) if action.type is Path or shown == "FILE" else Value()
