"""The style of the house, as a check that fails: sizes, clock and config, names, and nothing left behind."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BANNED_WORDS = frozenset(
    word + plural
    for word in ("helper", "util", "handler", "manager", "ticker", "pair")
    for plural in ("", "s")
)
CLOCK_READERS = frozenset({"signalnode/clock.py", "supervisor/signalnode_supervisor/clock.py"})
# systemd and shells speak through the environment, and a new process is given the one of its parent.
ENVIRONMENT_READERS = (
    "signalnode/settings/",
    "signalnode/cli/completion.py",
    "supervisor/signalnode_supervisor/host/notify.py",
    "supervisor/signalnode_supervisor/host/spares.py",
)
CLOCKS = frozenset(
    name + unit
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
    for unit in ("", "_ns")
) | {"localtime", "gmtime", "ctime", "strftime"}
MACHINE_PATH = re.compile(r"(?<![\w.~$}])/(?:home|root|Users|work|workspace|mnt)/[\w.]")
PACKAGES = ("signalnode", "supervisor")
BLOWN_UP = re.compile(r"[(\[]\n[^\n]*\S  # [^\n]*\n *[)\]]|\(\n[^\n]*[^,\n]\n *\)  # (?!noqa|type:)")

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ALL_PYTHON = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """What Python makes of a file. Not to be changed: it is parsed once for all claims."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def every(paths: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """One test of a claim about a file, over all of these; it tells every file that breaks the claim."""

    def over_all(claim: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken = [fault for path in paths if (fault := fault_of(claim, path))]
            assert not broken, "\n" + "\n".join(broken)

        test.__name__ = claim.__name__
        return test

    return over_all


def fault_of(claim: Callable[[Path], None], path: Path) -> str:
    """What the claim says against one file; nothing where it holds."""
    try:
        claim(path)
    except (AssertionError, pytest.fail.Exception) as fault:
        return str(fault)
    return ""


def test_a_claim_over_many_files_tells_each_that_breaks_it() -> None:
    def claim(path: Path) -> None:
        assert path.stem == "right", f"{path} is wrong"

    every([Path("right")])(claim)()
    with pytest.raises(AssertionError, match=r"(?s)a is wrong.*b is wrong"):
        every([Path("a"), Path("right"), Path("b")])(claim)()


@every(ALL_PYTHON)
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= FILE_LINES_MAX, f"{name_of(path)} has {lines} lines; does it hold more than one idea?"


@every(SOURCES)
def test_a_function_fits_on_one_screen(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, (
                f"{name_of(path)}:{node.lineno}: {node.name} has {lines} lines"
            )


@every(SOURCES)
def test_a_file_says_what_it_is(path: Path) -> None:
    tree = tree_of(path)
    assert not tree.body or ast.get_docstring(tree), f"{name_of(path)} has no docstring"


def orphans(tree: ast.Module) -> Iterator[str]:
    """Words alone on the last line of a paragraph, or at the end of a summary that is cut in midsentence."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, documented) else None
        for paragraph in (text or "").split("\n\n"):
            *before, last = paragraph.split("\n")
            if before and len(before[-1]) > 70 and len(last.split()) == 1 and not last.startswith(" "):
                yield last
        summary, _, rest = (text or "").partition("\n\n")
        if summary.endswith(":") and rest[:1].islower():  # one sentence, cut for the sake of its first line
            yield summary.split()[-1]


@every(ALL_PYTHON)
def test_a_text_is_wrapped_as_a_person_would(path: Path) -> None:
    assert not list(orphans(tree_of(path))), f"{name_of(path)}: {next(orphans(tree_of(path)))} is left alone"
    blown_up = BLOWN_UP.search(path.read_text(encoding="utf-8"))
    assert not blown_up, f"{name_of(path)}: put this comment above: {blown_up.group() if blown_up else ''}"


def test_a_text_wrapped_badly_would_be_noticed() -> None:
    line = "word " * 16
    assert list(orphans(ast.parse(f'"""{line}\n{line}\nalone."""'))) == ["alone."]
    assert not list(orphans(ast.parse(f'"""{line}\n{line}\nnot alone."""')))
    assert list(orphans(ast.parse('"""What it is:\n\nsome more of it."""'))) == ["is:"]
    assert BLOWN_UP.search("limit: int = (\n    5  # seconds\n)")
    assert BLOWN_UP.search("call(\n    5\n)  # seconds")
    assert not BLOWN_UP.search("call(\n    5,  # seconds\n    6,\n)")


def clock_reads(tree: ast.Module) -> Iterator[int]:
    """Lines that read a clock: through the time module, datetime's now, or an event loop's own time()."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found = any(alias.name in CLOCKS for alias in node.names)
        elif isinstance(node, ast.Attribute):
            on_time = isinstance(node.value, ast.Name) and node.value.id == "time"
            found = (on_time and node.attr in CLOCKS) or node.attr in ("utcnow", "today")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on_date = isinstance(node.func.value, ast.Name) and node.func.value.id in ("datetime", "date")
            found = (on_date and node.func.attr == "now") or (node.func.attr == "time" and not node.args)
        else:
            continue
        if found:
            yield node.lineno


@every([path for path in SOURCES if name_of(path) not in CLOCK_READERS])
def test_only_the_clock_reads_the_clock(path: Path) -> None:
    for line in clock_reads(tree_of(path)):
        pytest.fail(f"{name_of(path)}:{line} reads a clock; take the time as a parameter, or use clock.py")


def test_a_clock_read_would_be_noticed() -> None:
    for text in (
        "import time\ntime.time()",
        "import time\nx = time.monotonic_ns",
        "from time import perf_counter",
        "from datetime import datetime\ndatetime.now()",
        "loop.time()",
    ):
        assert list(clock_reads(ast.parse(text))), text
    assert not list(clock_reads(ast.parse("import time\ntime.sleep(1)\ndatetime.fromtimestamp(3)")))


def unsafe_starts(text: str) -> list[str]:
    """Interpreters started so that they import from the folder that somebody happens to be in."""
    return re.findall(r"sys\.executable, (?!\"-P\")[\"*].*", text)


@every(SOURCES)
def test_an_interpreter_does_not_import_from_where_it_is_started(path: Path) -> None:
    assert not unsafe_starts(path.read_text(encoding="utf-8")), f'{name_of(path)}: give it "-P"'


def test_a_start_that_imports_from_there_would_be_noticed() -> None:
    assert unsafe_starts('[sys.executable, "-m", "signalnode"]')
    assert unsafe_starts("os.execv(sys.executable, [sys.executable, *words])")
    assert not unsafe_starts('[sys.executable, "-P", "-c", text]')


def environment_reads(tree: ast.Module) -> Iterator[int]:
    subscripts = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    written = [node.value for node in subscripts if isinstance(node.ctx, ast.Store)]
    for node in ast.walk(tree):
        names = (
            {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
        )
        module = node.module if isinstance(node, ast.ImportFrom) else None
        attribute = node.attr if isinstance(node, ast.Attribute) and node not in written else ""
        found = names & {"environ", "getenv"} if module == "os" else names & {"tomllib"}
        if found or module == "tomllib" or attribute in ("environ", "environb", "getenv", "getenvb"):
            yield node.lineno


@every([path for path in SOURCES if not name_of(path).startswith(ENVIRONMENT_READERS)])
def test_only_settings_read_config_and_environment(path: Path) -> None:
    for line in environment_reads(tree_of(path)):
        pytest.fail(
            f"{name_of(path)}:{line} reads config or environment; that belongs to signalnode/settings"
        )


def test_a_look_into_the_environment_would_be_noticed() -> None:
    for text in ("import os\nos.environ['X']", "from os import getenv", "import tomllib"):
        assert list(environment_reads(ast.parse(text))), text
    assert not list(environment_reads(ast.parse("import os\nos.environ['X'] = 'for a child'")))


def words_of(name: str) -> set[str]:
    """`SignalHandler_v2` as {signal, handler, v2}."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return set(re.split(r"[^a-z0-9]+", parts))


def names_given(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that the file itself chooses, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


@every(SOURCES)
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert not words_of(path.stem) & BANNED_WORDS, (
        f"{name_of(path)}: choose a file name that says what it holds"
    )
    for line, name in names_given(tree_of(path)):
        bad = words_of(name) & BANNED_WORDS
        assert not bad, f"{name_of(path)}:{line}: {name}: {bad.pop()} says nothing; name what it is"


def test_a_banned_word_would_be_noticed() -> None:
    assert words_of("SignalHandler") & BANNED_WORDS
    assert words_of("task_manager") & BANNED_WORDS
    assert not words_of("repair_handled") & BANNED_WORDS


def tracked_files() -> list[Path]:
    """What is committed; in an unpacked archive without git, what lies there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        return ALL_PYTHON
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """The text of a file; nothing where it holds no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_nothing_committed_holds_a_path_of_one_machine() -> None:
    for path in tracked_files():
        for number, line in enumerate(text_of(path).splitlines(), 1):
            assert not MACHINE_PATH.search(line), f"{name_of(path)}:{number}: {line.strip()}"


def imports_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names of the modules that a file imports, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


@every(ALL_PYTHON)
def test_nothing_of_ours_is_imported_by_supervisords_name(path: Path) -> None:
    for line, module in imports_of(tree_of(path)):
        assert module.partition(".")[0] != "supervisor", f"{name_of(path)}:{line}: that is PyPI's supervisor"


def test_no_test_directory_is_a_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_settings_know_just_the_feeds_there_are() -> None:
    from signalnode.feeds import FEEDS
    from signalnode.settings import FEED_KEYS, FeedKind

    assert set(FEEDS) == set(FEED_KEYS) == set(get_args(FeedKind))


def modules_of(package: str) -> list[ModuleType]:
    """Every module of a package and of those within it, imported."""
    root = ROOT / "signalnode"
    paths = sorted(path for path in (root / package).rglob("*.py") if path.stem != "__init__")
    names = (".".join(path.relative_to(root).with_suffix("").parts) for path in paths)
    return [importlib.import_module(f"signalnode.{name}") for name in names]


def own_classes(module: ModuleType) -> list[type]:
    """Classes that the module itself defines, interfaces left out."""
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    return [each for each in classes if each.__module__ == module.__name__ and not is_protocol(each)]


def is_protocol(each: type) -> bool:
    return bool(getattr(each, "_is_protocol", False))


def test_every_signal_is_registered() -> None:
    from signalnode.signals import OPTIONAL, SIGNALS
    from signalnode.signals.base import Signal

    found = {
        id(each)
        for module in modules_of("signals")
        for each in vars(module).values()
        if isinstance(each, Signal)
    }
    assert found == {id(each) for each in (*SIGNALS, *OPTIONAL.values())}


def test_every_feature_family_is_registered() -> None:
    from signalnode.features import FAMILIES

    found = {
        module.__name__
        for module in modules_of("features")
        if isinstance(vars(module).get("FEATURES"), tuple)
    }
    assert found == {family.__name__ for family in FAMILIES}


def test_every_feed_is_registered() -> None:
    source = (ROOT / "signalnode" / "feeds" / "__init__.py").read_text(encoding="utf-8")
    for module in modules_of("feeds"):
        for each in own_classes(module):
            if all(hasattr(each, verb) for verb in ("take", "seek", "next_time_ns", "prepare")):
                assert re.search(rf"return {each.__name__}\(", source), f"{each.__name__} is not in FEEDS"


def test_every_venue_is_registered() -> None:
    from signalnode.feeds.venues import base, binance_streams, decoder_of, joined
    from signalnode.settings import VENUE_NAMES

    shared = {base.__name__, binance_streams.__name__, joined.__name__}
    modules = {module.__name__ for module in modules_of("feeds/venues")} - shared
    assert modules == {decoder_of(venue).__module__ for venue in VENUE_NAMES}


def test_every_strategy_is_registered() -> None:
    from signalnode.strategies import STRATEGIES
    from signalnode.strategies.engine import StrategyEngine  # which asks them

    found = {
        each
        for module in modules_of("strategies")
        for each in own_classes(module)
        if hasattr(each, "evaluate_opportunities")
    }
    assert found == {*(each.make for each in STRATEGIES), StrategyEngine}
