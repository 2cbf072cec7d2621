"""What a digest of code is blind to, and what it sees."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signalnode.meaning import Meaning

Traced = Callable[..., Meaning]

PLAIN = {
    "main": """
        from house.rules import LIMIT, step
        WEIGHT = 2.0
        def answer(x):
            return step(x) * WEIGHT if x < LIMIT else 0.0
    """,
    "rules": """
        LIMIT = 10
        OTHER = 7
        def step(x):
            return x + 1
        def unused(x):
            return x - 1
    """,
}
MAIN, RULES = PLAIN["main"], PLAIN["rules"]


def main(old: str, new: str) -> dict[str, str]:
    assert old in MAIN
    return {"main": MAIN.replace(old, new)}


def rules(old: str, new: str) -> dict[str, str]:
    assert old in RULES
    return {"rules": RULES.replace(old, new)}


IMPORT = "from house.rules import LIMIT, step"
HINTS_ONLY = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from house.rules import unused
"""
BY_MODULE = """
        from house import rules
        WEIGHT = 2.0
        def answer(x):
            return rules.step(x) * WEIGHT if x < rules.LIMIT else 0.0
"""
SAME = {
    "a comment": main("WEIGHT = 2.0", "WEIGHT = 2.0  # of the answer"),
    "a blank line": main("def answer", "\n\n        def answer"),
    "another layout": main("step(x) * WEIGHT if", "(\n                step( x )*WEIGHT) if"),
    "a docstring": rules("return x + 1", "'One more.'\n            return x + 1"),
    "a docstring of the file": rules(RULES, f"        'The rules.'\n{RULES}"),
    "another order": {"main": MAIN.replace("WEIGHT = 2.0", "pass") + "\n        WEIGHT = 2.0\n"},
    "a constant that nothing reads": rules("OTHER = 7", "OTHER = 8"),
    "a function that nothing calls": rules("x - 1", "x - 2"),
    "a hint": rules("def step(x)", "def step(x: float) -> float"),
    "another name for an import": {
        "main": MAIN.replace(IMPORT, f"{IMPORT} as on").replace("step(x)", "on(x)")
    },
    "an import of the module": {"main": BY_MODULE},
    "an import where it is used": {
        "main": MAIN.replace(IMPORT, "").replace("return", f"{IMPORT}\n            return")
    },
    "an import for hints": main("WEIGHT = 2.0", f"{HINTS_ONLY}\n        WEIGHT = 2.0"),
    "a move": {**main("house.rules", "house.deep.inside.law"), "rules": "", "deep/inside/law": RULES},
    "a detour": {**main("house.rules", "house.door"), "door": IMPORT},
}
OTHER = {
    "a constant": main("2.0", "2.5"),
    "an integer for a float": main("2.0", "2"),
    "an operator": main("* WEIGHT", "/ WEIGHT"),
    "a comparison": main("x < LIMIT", "x <= LIMIT"),
    "a constant elsewhere": rules("LIMIT = 10", "LIMIT = 11"),
    "a function elsewhere": rules("x + 1", "x + 2"),
    "the order of operands": rules("x + 1", "1 + x"),
    "a second value": rules("OTHER = 7", "LIMIT = 12"),
    "one imported for another": main("import LIMIT", "import OTHER as LIMIT"),
    "a function for another": main("LIMIT, step", "LIMIT, unused as step"),
    "a decorator": rules("def step", "@abs\n        def step"),
    "a default": rules("step(x)", "step(x, y=3)"),
    "something done on import": rules("OTHER = 7", "vars()['LIMIT'] = 3"),
    "everything imported": {**main("house.rules", "house.door"), "door": "from house.rules import *"},
}


@pytest.mark.parametrize("files", SAME.values(), ids=SAME)
def test_what_means_the_same_has_the_same_digest(files: dict[str, str], traced: Traced) -> None:
    assert traced({**PLAIN, **files}).digest == traced(PLAIN).digest


@pytest.mark.parametrize("files", OTHER.values(), ids=OTHER)
def test_what_means_something_else_has_another(files: dict[str, str], traced: Traced) -> None:
    assert traced({**PLAIN, **files}).digest != traced(PLAIN).digest


def test_the_place_of_the_package_has_no_say(traced: Traced) -> None:
    first, second = traced(PLAIN), traced(PLAIN)
    assert first.files != second.files
    assert first.digest == second.digest


def test_it_covers_what_is_read_and_no_more(traced: Traced) -> None:
    assert traced(PLAIN).read == (
        ("house.main", "answer"),
        ("house.rules", "LIMIT"),
        ("house.rules", "step"),
        ("house.main", "WEIGHT"),
    )


def test_a_module_read_as_a_value_is_read_whole(traced: Traced) -> None:
    """As a register of modules does: which of their names will be asked for cannot be seen."""
    files = {"main": "from house import rules\nREGISTER = (rules,)\ndef answer(x): return REGISTER[0]"}
    plain = traced({**files, "rules": RULES})
    assert ("house.rules", "unused") in plain.read
    assert plain.digest != traced({**files, **rules("OTHER = 7", "OTHER = 8")}).digest
    assert plain.digest != traced({**files, **rules("def unused", "def spare")}).digest


def test_the_hints_of_a_class_count_for_decoders_are_made_of_them(traced: Traced) -> None:
    text = "Price = {}\nclass Frame:\n    price: Price\ndef answer(x): return Frame"
    assert traced({"main": text.format("float")}).digest != traced({"main": text.format("int")}).digest


def test_the_hints_of_a_decorated_function_count_for_a_decorator_may_read_them(traced: Traced) -> None:
    text = "import functools\n@functools.cache\ndef answer(x: {}): return x"
    assert traced({"main": text.format("float")}).digest != traced({"main": text.format("int")}).digest


def test_a_class_brings_its_bases_and_what_its_methods_call(traced: Traced) -> None:
    text = (
        "class Base:\n    def more(self): return step()\ndef step(): return {}\nclass answer(Base):\n    pass"
    )
    assert traced({"main": text.format(1)}).digest != traced({"main": text.format(2)}).digest


def test_a_name_with_a_second_best_brings_both(traced: Traced) -> None:
    text = """
        try:
            from house.rules import step
        except ImportError:
            step = {}
        def answer(x): return step
    """
    plain = traced({"main": text.format(1), "rules": RULES})
    assert ("house.rules", "step") in plain.read
    assert plain.digest != traced({"main": text.format(2), "rules": RULES}).digest


def test_what_calls_itself_comes_to_an_end(traced: Traced) -> None:
    text = "def even(x): return odd(x - 1)\ndef odd(x): return even(x - {})\nanswer = even"
    assert traced({"main": text.format(1)}).digest != traced({"main": text.format(2)}).digest


def test_a_closed_module_counts_by_name_alone(traced: Traced) -> None:
    files = {
        "main": "from house.press import pressed\n@pressed\ndef answer(x): return x",
        "press": "pressed = abs",
    }
    assert traced(files).digest == traced({**files, "press": "pressed = len"}).digest
    assert traced(files).read == (("house.main", "answer"),)


def test_relative_imports_and_functions_below_packages_are_followed(traced: Traced) -> None:
    text = """
        from .deep import law
        from . import rules
        def answer(x): return law.near(x) + rules.step(x)
    """
    files = {
        "main": text,
        "deep/law": "from ..rules import LIMIT\nfrom .next import far\ndef near(x): return far(x) < LIMIT",
        "deep/next": "def far(x): return x",
        "rules": RULES,
    }
    assert set(traced(files).read) == {
        ("house.main", "answer"),
        ("house.deep.law", "near"),
        ("house.rules", "step"),
        ("house.deep.next", "far"),
        ("house.rules", "LIMIT"),
    }


def test_what_stands_under_a_decorator_can_be_asked_for(traced: Traced) -> None:
    text = """
        from house.press import entry
        @entry(x=1)
        def first(x): return x
        @entry
        def second(x): return x
        def third(x): return x
    """
    read = traced({"main": text, "press": ""}, "house.main@entry").read
    assert read == (("house.main", "first"), ("house.main", "second"))


def test_what_is_no_python_is_told(traced: Traced) -> None:
    with pytest.raises(SyntaxError):
        traced({"main": "def broken(:"})
    with pytest.raises(FileNotFoundError):
        traced({}, "house.nowhere:answer")


EVERYTHING = """
    import math as m
    from functools import cache
    from house.rules import step
    K: float = -1.5e-3
    class Shape:
        sides: int = 4
        def area(self, *sizes, scale=1.0, **more): return [s * scale for s in sizes if s > 0]
    @cache
    def answer(x: float, /, y=(1, 2), *, z=None) -> str:
        total = 0
        for i, each in enumerate(y):
            while total < x and not z:
                total += step(each) ** 2 if i else ~i
            else:
                continue
        try:
            with open(b"a") as file:
                assert file, "none"
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{error!r:>{10}} {{}} {m.pi:.{x}}" f"" f"{m:}") from None
        finally:
            del total
        match x:
            case {"a": [1, *rest], **others}: pass
            case Shape(sides=4) | None: return "x" "y" + 'z'
        first, *last = {**{1: 2}}, {3, 4}, lambda a, b=K: (a, b), y[1:2, ...], (w := 1j)
        global unset
        return f"{first=}" if True and x is not z else ""
"""


def test_the_digest_is_the_same_in_every_python(traced: Traced) -> None:
    """Else another Python would start every market cold. CI runs this in each that is supported."""
    assert traced({"main": EVERYTHING, "rules": RULES}).digest == "b122655cb1933b53"
