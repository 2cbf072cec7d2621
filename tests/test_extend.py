"""docs/extend.md followed to the letter, in a copy of signalnode: what it says is enough.

A kernel of the copy's own takes fifteen seconds to compile, which is left to `make test-long`. Here the new
functions run in plain Python and are compiled alone; what does not hang on them takes this checkout's code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.compiled.loader import compile_missing, object_path
from tests.documents import DOCS, ROOT, Block, blocks
from tests.effort import only_long

PAGE = DOCS / "extend.md"
ENOUGH_S = 600.0  # to compile a kernel of its own on a busy machine

QUOTE = {"type": "quote", "time_ms": 1, "bid": 9.0, "bid_size": 1, "ask": 10.0, "ask_size": 2}
TRADE = {"type": "trade", "time_ms": 2, "number": 1, "price": 9.5, "size": 3, "buyer_took": True}
FRAMES = ({"symbol": "A-USD", **QUOTE}, {"symbol": "B-USD", **QUOTE}, {"symbol": "A-USD", **TRADE})


def follow(block: Block, copy: Path) -> None:
    """Save a file, or put the `+` lines of a diff behind the line above them."""
    assert block.file is not None, block.where
    path = copy / block.file
    if block.language == "python":
        assert not path.exists(), block.where
        path.write_text(block.text)
        return
    lines = path.read_text().splitlines()
    place = -1
    for line in block.text.splitlines()[1:]:
        mark, text = line[0], line[1:]
        if mark == "+":
            place += 1
            lines.insert(place, text)
            continue
        (place,) = [number for number, there in enumerate(lines) if there == text]
        if mark == "-":
            del lines[place]
            place -= 1
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    for name in ("signalnode", "supervisor", "config", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for block in blocks(PAGE):
        follow(block, folder)
    return folder


def told(copy: Path, *command: str, **more: str) -> str:
    """What a command says in the copy, with a cache of its own and `more` in its environment."""
    path = os.pathsep.join((str(copy), str(copy / "supervisor")))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(copy / "cache"), **more}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_page_adds_is_written_as_make_check_wants_it(copy: Path) -> None:
    told(copy, "-m", "ruff", "check", "--no-cache", "signalnode")
    told(copy, "-m", "ruff", "format", "--no-cache", "--check", "signalnode")


def test_a_feature_family_and_a_signal_of_it_move_in_plain_python(copy: Path) -> None:
    program = """
import numpy as np
from signalnode.signals import BUILT_IN_SCORES, SIGNALS
from signalnode.signals.extra import shapes_of
from signalnode.signals.kernel import ALL_NS, SCORING, consume, score
from signalnode.signals.parameters import parameters_of
from tests.compiled.rows import Rows
from tests.laws.made import Stretch, made_market
events = made_market(1, Stretch(seconds=60.0, events_per_s=10.0, trades=0.5))
values = {}
for memory_s in (5.0, 20.0):
    scoring = np.zeros(1, SCORING)
    scoring["parameters"] = parameters_of({"aggression_s": memory_s})
    scoring["shapes"][0] = shapes_of(SIGNALS)
    with np.errstate(all="ignore"):
        for part in np.array_split(events, 60):
            consume.function(Rows(scoring), Rows(part), 0, ALL_NS, 0)
            score.function(Rows(scoring), int(part["time_received_ns"][-1]))
            named = dict(zip(BUILT_IN_SCORES, scoring["scores"][0].tolist(), strict=True))
            seen = named["aggression_long"], scoring["features"]["aggression"][0]
            values.setdefault(memory_s, []).append(seen)
scores, features = zip(*values[5.0])
print(min(scores) < 30.0, max(scores) > 70.0)
print(min(features) < 0.0 < max(features), values[5.0] != values[20.0])
"""
    assert told(copy, "-c", program).split() == ["True"] * 4


def test_the_functions_of_a_family_and_a_signal_can_be_compiled(copy: Path) -> None:
    program = """
from __future__ import annotations
from signalnode.compiled import compiler, entry
from signalnode.events import EVENT
from signalnode.features import aggression as family
from signalnode.signals import aggression as signal
from signalnode.signals.kernel import SCORING
@entry(scoring=SCORING, events=EVENT)
def alone(scoring, events) -> float:
    k = scoring[0]
    family.on_trade(k.state, k.parameters, events[0])
    family.measure(k.state, k.parameters, 0, k.weights, k.features)
    return signal.reading(k.features, k.parameters)
compiler._hand_to_numba()
print("call ptr @PyFloat_FromDouble(double" in compiler.native(alone))
"""
    assert told(copy, "-c", program) == "True\n"


@only_long("a kernel of its own is compiled")
def test_a_feature_family_and_a_signal_of_it_move_compiled_as_in_plain_python(copy: Path) -> None:
    program = """
import numpy as np
from signalnode import SignalEngine
from signalnode.signals.kernel import ALL_NS, consume, score
from tests.compiled.rows import Rows
from tests.laws.streams import stream
events = stream("btc")[:3_000]
engine = SignalEngine("A-USD", {"aggression_s": 5.0})
plain = engine._scoring.copy()
values = [row["aggression_long"] for row in engine.replay(events)]
with np.errstate(all="ignore"):
    consume.function(Rows(plain), Rows(events), 0, ALL_NS, 0)
    score.function(Rows(plain), engine.time_ns)
compiled = engine.scores_at(engine.time_ns)
print(min(values) < 30.0, max(values) > 70.0, np.allclose(plain["scores"][0], list(compiled.values())))
print(engine.features_at(engine.time_ns)["aggression"] == plain["features"]["aggression"][0] != 0.0)
usual = SignalEngine("A-USD")
usual.ingest(events)
print(usual.features_at(usual.time_ns)["aggression"] != engine.features_at(engine.time_ns)["aggression"])
"""
    assert told(copy, "-c", program).split() == ["True"] * 5


def test_the_tests_of_every_signal_and_parameter_take_up_what_is_new_at_once(copy: Path) -> None:
    files = (
        "tests/laws/test_symmetry.py",
        "tests/laws/test_calibration.py",
        "tests/signals/test_register.py",
    )
    run = told(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *files, "-k", "aggression"
    )
    assert "ninety_is_beaten_one_time_in_ten[synthetic-1-aggression_long]" in run
    assert "declared[aggression_long]" in run
    assert "takes_its_default[aggression_s]" in run


@only_long("a kernel of its own is compiled")
def test_the_laws_hold_for_a_signal_of_the_register_at_once(copy: Path) -> None:
    files = ("tests/laws/test_symmetry.py", "tests/laws/test_exactness.py", "tests/signals/test_register.py")
    some = "aggression or (sparse and (mirror or units or batches or elsewhere))"
    run = told(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", *files, "-k", some)
    assert "mirror_swaps_long_and_short_and_nothing_else[sparse] PASSED" in run
    assert "declared[aggression_long] PASSED" in run
    assert "takes_its_default[aggression_s] PASSED" in run


def test_a_venue_is_decoded(copy: Path) -> None:
    lines = [f"{1_700_000_000_000_000_000 + at} {json.dumps(frame)}\n" for at, frame in enumerate(FRAMES)]
    (copy / "a.capture").write_text("".join(lines))
    compile_missing(lambda _: None)  # here: feeds are compiled alike, with this venue or without
    program = f"""
from pathlib import Path
from signalnode import load_events
from signalnode.compiled import loader
loader.object_path = lambda: Path({str(object_path())!r})
events = load_events("a.capture", venue="simplex", market="A-USD")
print(*zip(events["kind"].tolist(), events["price"].tolist(), events["aggressor_side"].tolist()))
"""
    assert told(copy, "-c", program) == "(2, 0.0, 0) (1, 9.5, 1)\n"
    market = 'market = "A-USD"\n[feed]\nkind = "capture"\nvenue = "simplex"\npaths = ["../../a.capture"]\n'
    (copy / "config" / "markets" / "A-USD.toml").write_text(market)
    assert "A-USD" in told(copy, "-m", "signalnode", "check")


def test_a_strategy_decides(copy: Path) -> None:
    config = copy / "config" / "signalnode.toml"
    config.write_text(config.read_text() + "\n[strategies.breakout]\nentry = 90.0\n")
    told(copy, "-m", "signalnode", "check")
    program = """
from signalnode.strategies import STRATEGIES, MarketState, View
(made,) = [each.make(entry=90.0) for each in STRATEGIES if each.name == "breakout"]
scores = {"volatility_breakout": 92.0}
state = MarketState(state="fresh", age_s=0.0, epoch=1, seq=1, mid=1.0, warm=1.0, scores=scores)
view = View(1, 1, {"A-USD": state})
print([[each.action for each in made.evaluate_opportunities(view)] for _ in range(2)])
"""
    assert told(copy, "-c", program) == "[['watch'], []]\n"


def test_a_command_runs_and_is_completed(copy: Path) -> None:
    assert told(copy, "-m", "signalnode", "where").splitlines() == ["runtime_dir run", "state_dir state"]
    line, said = "signalnode whe", copy / "said"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    told(copy, "-m", "signalnode", **asked, _ARGCOMPLETE_STDOUT_FILENAME=str(said))
    assert said.read_text().strip() == "where"
