"""What this package's digests cover is held against its registers: what is added there is in them by itself,
and what has no say is in none.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from signalnode.compiled import ENTRIES, MARKED
from signalnode.compiled.loader import COMPILER, ENTRY_MODULES
from signalnode.features import FAMILIES
from signalnode.feeds.files.capture import CaptureDecoding
from signalnode.feeds.venues import decoder_of
from signalnode.meaning import CLOSED, PACKAGE, Meaning, meaning_of, source
from signalnode.settings import VENUE_NAMES
from signalnode.signals import SIGNALS, rows
from signalnode.signals.identity import FORMULAS
from tests.effort import drawn

OBJECT = tuple(f"{home}@entry" for home in ENTRY_MODULES)


def name_of(thing: Any) -> tuple[str, str]:
    """Of what is made in a function, that function's."""
    return thing.__module__, thing.__qualname__.partition(".<locals>")[0]


def roots_of(*code: Any) -> tuple[str, ...]:
    return tuple(":".join(name_of(each)) for each in code)


# How a replay reads many rows at once: by the same formulas, to the same bits (tests/signals/test_rows.py).
# So no market starts cold when it changes.
NO_FORMULA = {
    ("signalnode.features.kernel", "measure_rows"),
    ("signalnode.features.weights", "weigh_rows"),
    ("signalnode.features.decay", "any_decay"),
    ("signalnode.features.decay", "share_seen"),
    ("signalnode.signals.scale", "score_rows"),
} | {name_of(f) for f in [*MARKED, *(entry.function for entry in ENTRIES)] if f.__module__ == rows.__name__}
DECODERS = {venue: roots_of(CaptureDecoding, decoder_of(venue)) for venue in VENUE_NAMES}

WATCHED = ("binance", "coinbase", *VENUE_NAMES)[
    : drawn(2, 100)
]  # whose digests are looked at after each edit


@pytest.fixture(scope="module")
def own() -> Callable[..., Meaning]:
    return cache(lambda *roots: meaning_of({"signalnode": PACKAGE}, *roots, closed=CLOSED))


def test_the_formulas_cover_every_signal_and_family_of_the_registers(own: Callable[..., Meaning]) -> None:
    read = set(own(*FORMULAS).read)
    assert {name_of(signal.reading) for signal in SIGNALS} <= read
    assert {(family.__name__, "measure") for family in FAMILIES} <= read


def test_the_formulas_cover_every_function_that_the_kernel_is_compiled_of(
    own: Callable[..., Meaning],
) -> None:
    marked = {name_of(f) for f in [*MARKED, *(entry.function for entry in ENTRIES)]}
    layers = ("signalnode.features.", "signalnode.signals.")
    decide = {name for name in marked if name[0].startswith(layers)} - NO_FORMULA
    assert decide <= set(own(*FORMULAS).read)


def test_the_object_file_covers_every_function_that_is_compiled(own: Callable[..., Meaning]) -> None:
    for home in ENTRY_MODULES:
        importlib.import_module(home)
    ours = [
        f for f in [*MARKED, *(entry.function for entry in ENTRIES)] if f.__module__.startswith("signalnode.")
    ]
    compilers = {each for each in map(name_of, ours) if each[0] in CLOSED}
    assert {name_of(f) for f in ours} - compilers <= set(own(*OBJECT).read)
    assert compilers <= set(meaning_of({"signalnode": PACKAGE}, *COMPILER).read)


@pytest.mark.parametrize("venue", VENUE_NAMES)
def test_a_venues_digest_covers_its_own_decoder_and_no_other(venue: str, own: Callable[..., Meaning]) -> None:
    read = own(*DECODERS[venue]).read
    assert name_of(decoder_of(venue)) in read
    others = {decoder_of(name).__module__ for name in VENUE_NAMES if name != venue}
    assert not others & {module for module, _ in read}


def digests(package: Path) -> dict[str, str]:
    watched = {venue: DECODERS[venue] for venue in WATCHED}
    homes, asked = {"signalnode": package}, {"formulas": FORMULAS, "object": OBJECT, **watched}
    return {name: meaning_of(homes, *roots, closed=CLOSED).digest for name, roots in asked.items()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("copy") / "signalnode"
    shutil.copytree(PACKAGE, place, ignore=shutil.ignore_patterns("sample", "__pycache__"))
    return place


@pytest.fixture(scope="module", autouse=True)
def parsed_once() -> Iterator[None]:
    """What no edit touched is not parsed again."""
    made, parsed = source.Module, dict[tuple[str, Path, bytes], source.Module]()

    def module(name: str, path: Path) -> source.Module:
        key = name, path, path.read_bytes() if path.is_file() else b""
        if key not in parsed:
            parsed[key] = made(name, path)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "Module", module)
        yield


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return digests(PACKAGE)


@pytest.fixture
def changed(copy: Path, before: dict[str, str]) -> Callable[[dict[str, tuple[str, str]]], set[str]]:
    """Which digests change with some edits: by file, what stands there and what takes its place."""

    def change(edits: dict[str, tuple[str, str]]) -> set[str]:
        texts = {name: (copy / name).read_text() if (copy / name).exists() else "" for name in edits}
        assert all(old in texts[name] for name, (old, _) in edits.items())
        for name, (old, new) in edits.items():
            (copy / name).write_text(texts[name].replace(old, new, 1))
        after = digests(copy)
        for name, text in texts.items():
            (copy / name).write_text(text)
        return {name for name in before if before[name] != after[name]}

    return change


ALL_VENUES = set(WATCHED)
ADDED_SIGNAL = """
from signalnode.compiled import compiled
from signalnode.signals.base import Signal

@compiled
def reading(f, p):
    return f.spread

CALM = Signal(("calm",), reading)
"""
EDITS = {
    "comments among parameters, in a formula and in a decoder": (
        dict.fromkeys(
            ("signals/parameters.py", "signals/scale.py", "feeds/venues/coinbase.py"),
            ("\n\n", "\n\n# mine\n"),
        ),
        set(),
    ),
    "a decoder's own": ({"feeds/venues/coinbase.py": ('"BUY", "SELL"', '"SELL", "BUY"')}, {"coinbase"}),
    "the book": ({"ladder.py": ("LEVELS_MAX = 20_000", "LEVELS_MAX = 20_001")}, ALL_VENUES),
    "the sieve": (
        {"feeds/sieve.py": ("MOVES = 256", "MOVES = 255")},
        ALL_VENUES | {"object"},
    ),
    "a formula's constant": (
        {"signals/momentum.py": ("FAR = 4.0", "FAR = 4.1")},
        {"formulas", "object"},
    ),
    "what an event is": (
        {"events.py": ('("kind", "u1")', '("kind", "u2")')},
        ALL_VENUES | {"formulas", "object"},
    ),
    "the loading of signals": ({"signals/extra.py": (" - len(BUILT_IN_SCORES)", " - 1")}, set()),
    "a signal that is added": (
        {
            "signals/calm.py": ("", ADDED_SIGNAL),
            "signals/__init__.py": ("    MOMENTUM,\n", "    MOMENTUM,\n    calm.CALM,\n"),
        },
        {"formulas", "object"},
    ),
    "a family that is added": (
        {
            "features/calm.py": ("", 'FEATURES = ("calm",)\nSTATE = ()\nPARAMETERS = ()\n'),
            "features/__init__.py": ("[Family, ...] = (", "[Family, ...] = (calm, "),
        },
        {"formulas", "object"},
    ),
}


@pytest.mark.parametrize(("edits", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_changes_the_digests_it_has_a_say_in(
    edits: dict[str, tuple[str, str]], expected: set[str], changed: Callable[..., set[str]]
) -> None:
    assert changed(edits) == expected
