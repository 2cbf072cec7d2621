"""Signals of the user's own: found in files, modules and installed packages; refused in one line."""

from __future__ import annotations

import math
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from signalnode import SignalEngine
from signalnode.bus.wire import decode, encode
from signalnode.errors import ConfigError, ExtensionError
from signalnode.signals import BUILT_IN_SCORES, extra
from tests.bus.messages import score
from tests.effort import drawn
from tests.laws.streams import ADDED, stream

GOOD = """
from signalnode.signals.base import Signal
def width(f, p): return f.spread * 1e4
TILT = Signal(("tilt_long", "tilt_short"), lambda f, p: f.imbalance)
"""
BAD = {
    "missing_name": ("x = 1", "nothing_here", "mine.py holds no 'nothing_here'; mend the name after"),
    "syntax": ("def broken(:", "broken", "SyntaxError"),
    "raises_at_import": ("raise RuntimeError('no licence')", "f", "RuntimeError: no licence"),
    "unspeakable": (
        "class E(Exception):\n def __str__(self): raise ValueError\nraise E",
        "f",
        "loaded: E: (which cannot be shown)",
    ),
    "leaves_at_import": ("raise SystemExit(3)", "f", "SystemExit: 3"),
    "no_signal": ("f = 3", "f", "neither a Signal nor a function"),
    "wrong_arguments": ("def f(x): return 1.0", "f", "its reading fails: TypeError"),
    "no_number": ("def f(f, p): return 'high'", "f", "its reading fails: ValueError"),
    "unknown_feature": ("def f(f, p): return f.sunshine", "f", "'sunshine'; known are mid, trend"),
    "misspelt_feature": ("def f(f, p): return f.volatilty", "f", "did you mean volatility?"),
    "own_parameters": (
        "from signalnode.signals import PARAMETERS\nfrom signalnode.signals.base import Signal\n"
        "S = Signal(('s',), lambda f, p: 1.0, parameters=PARAMETERS[:1])",
        "S",
        "make them constants",
    ),
    "taken_name": ("def volume_spike(f, p): return 1.0", "volume_spike", "choose another name"),
}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    return path


def engine_with(*places: str) -> SignalEngine:
    return SignalEngine("ANY-USD", {"extra": list(places)})


def test_book_pressure_is_named_without_a_place_and_another_word_is_refused() -> None:
    assert engine_with("book_pressure").names[len(BUILT_IN_SCORES) :] == (
        "book_pressure_long",
        "book_pressure_short",
    )
    with pytest.raises(ExtensionError, match=r"^book_presure: no such signal; name one of book_pressure, or"):
        engine_with("book_presure")


def test_a_function_and_a_signal_from_a_file_are_scored_after_the_seven(good: Path) -> None:
    engine = engine_with(f"{good}:width", f"{good}:TILT")
    assert engine.names == (*BUILT_IN_SCORES, "width", "tilt_long", "tilt_short")
    engine.ingest(stream("btc"))
    scores = engine.scores_at(engine.time_ns)
    assert tuple(scores) == engine.names
    assert scores["tilt_long"] + scores["tilt_short"] == pytest.approx(100.0)


def test_a_signal_may_stand_on_a_dataclass_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Unit:\n    per: float = 1e4\n"
        "def width(f, p): return f.spread * Unit().per\n"
    )
    assert engine_with(f"{path}:width").names == (*BUILT_IN_SCORES, "width")


def test_added_signals_change_no_other_score(good: Path) -> None:
    alone, accompanied = SignalEngine("ANY-USD"), engine_with(f"{good}:width", f"{good}:TILT")
    for engine in (alone, accompanied):
        engine.ingest(stream("btc"))
    scores = accompanied.scores_at(alone.time_ns)
    assert {name: scores[name] for name in BUILT_IN_SCORES} == alone.scores_at(alone.time_ns)


def test_a_signal_from_a_module_is_found() -> None:
    assert SignalEngine("ANY-USD", ADDED).names[-3:] == ("pace", "lean_long", "lean_short")


def install(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """As if a package that declares a signal at `place` were installed."""
    entry = EntryPoint(name="mine", value=place, group=extra.GROUP)
    monkeypatch.setattr(extra, "installed", lambda: (entry,))


def test_an_installed_signal_comes_for_every_market(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, drawn("tests.laws.added:LEAN", "tests.laws.added_compiled:LEAN"))
    assert SignalEngine("ANY-USD").names == (*BUILT_IN_SCORES, "lean_long", "lean_short")


def test_an_installed_signal_that_cannot_be_loaded_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, "no_such_weather:SUNSHINE")
    with pytest.raises(ExtensionError, match=r"^no_such_weather:SUNSHINE: cannot be loaded: [^\n]*$"):
        SignalEngine("ANY-USD")


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_signal_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    source, name, reason = BAD[case]
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ExtensionError) as caught:
        engine_with(f"{path}:{name}")
    message = str(caught.value)
    assert message.startswith(f"{path}:{name}: ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "place", ["/nowhere/mine.py:f", "no_such_module_here:f", "nothing", "", ":", "a.py:"]
)
def test_a_place_that_is_none_is_refused_in_one_line(place: str) -> None:
    with pytest.raises(ExtensionError) as caught:
        engine_with(place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["mine.py:f", 3, [3], {"a": "b"}])
def test_a_list_of_places_that_is_none_is_refused(table: object) -> None:
    with pytest.raises((ConfigError, ExtensionError), match=r"extra"):
        SignalEngine("ANY-USD", {"extra": table})


def test_the_same_name_twice_is_refused(good: Path) -> None:
    with pytest.raises(ExtensionError, match="width"):
        engine_with(f"{good}:width", f"{good}:width")


def test_more_scores_than_one_message_holds_are_refused(tmp_path: Path) -> None:
    path, most = tmp_path / "many.py", extra.EXTRA_SCORES_MAX
    path.write_text("".join(f"def s{i}(f, p): return 1.0\n" for i in range(most + 1)))
    with pytest.raises(ExtensionError, match=f"a market takes {most} of its own"):
        engine_with(*(f"{path}:s{i}" for i in range(most + 1)))
    names = engine_with(*(f"{path}:s{i}" for i in range(most))).names
    message = score(scores=dict.fromkeys(names, 50.0))
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "fault",
    [
        "1.0 / 0.0",
        "[][1]",
        "{}['x']",
        "f.nothing",
        "math.inf",
        "math.nan",
        "None",
        "math.log(-1.0)",
        "sys.exit()",  # with status 0, as a recording that has come to its end: the market stayed down
    ],
)
def test_a_reading_that_fails_later_says_nothing_and_harms_nobody(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text(f"import math, sys\ndef late(f, p): return 1.0 if f.mid == 1.0 else {fault}\n")
    engine = engine_with(f"{path}:late")
    engine.ingest(stream("btc")[:3_000])
    scores = engine.scores_at(engine.time_ns)
    assert scores["late"] == 50.0
    assert all(math.isfinite(score) for score in scores.values())


def test_another_formula_is_another_identity(tmp_path: Path) -> None:
    identities = set()
    for i, formula in enumerate(("f.spread", "f.spread * 2.0", "f.imbalance")):
        path = tmp_path / f"mine{i}.py"
        path.write_text(f"def mine(f, p): return {formula}\n")
        identities.add(engine_with(f"{path}:mine").identity())
    assert len(identities) == 3


def test_what_a_formula_calls_and_its_constants_are_part_of_its_identity(tmp_path: Path) -> None:
    identities = set()
    for constant, called in ((2.0, "x"), (3.0, "x"), (2.0, "-x")):
        path = tmp_path / f"{len(identities)}" / "mine.py"
        path.parent.mkdir()
        text = f"K = {constant}\ndef g(x): return {called}\ndef mine(f, p): return K * g(f.spread)\n"
        path.write_text(text)
        identities.add(engine_with(f"{path}:mine").identity())
    assert len(identities) == 3


def test_a_comment_a_docstring_and_a_move_leave_a_formula_what_it_is(tmp_path: Path) -> None:
    texts = (
        "def mine(f, p): return f.spread\n",
        "# mine\ndef mine(f, p):\n    'Spread.'\n    return f.spread\n",
    )
    identities = set()
    for i, text in enumerate(texts):
        path = tmp_path / f"{i}" / f"mine{i}.py"
        path.parent.mkdir()
        path.write_text(text)
        identities.add(engine_with(f"{path}:mine").identity())
    assert len(identities) == 1


def test_what_a_module_makes_of_anothers_formula_is_part_of_its_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weight stands where the signal is made, the reading where the formula is."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "weighed"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "formula.py").write_text(
        "def by(w):\n    def reading(f, p): return w * f.spread\n    return reading\n"
    )
    identities = set()
    for weight in (1.0, 2.0):
        (package / f"mine{weight:.0f}.py").write_text(
            f"from weighed.formula import by\nmine = by({weight})\n"
        )
        identities.add(engine_with(f"weighed.mine{weight:.0f}:mine").identity())
    assert len(identities) == 2
