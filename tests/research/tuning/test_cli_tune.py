"""`signalnode tune`: the same command says the same and goes on; every fault in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from signalnode.cli import main
from signalnode.errors import ExtensionError, OutputError
from signalnode.events import Events
from signalnode.feeds.files.recording import write_recording
from signalnode.signals.extra import load_signals
from tests.command_line import refused
from tests.research.tuning.made_up import random_walk

TRIALS = ["--signal", "momentum", "--trials", "30", "--jobs", "2"]


@pytest.fixture(scope="module")
def events() -> Events:
    """Forty minutes of noise, an event every two seconds."""
    return random_walk(1, np.random.default_rng(1).exponential(2.0, 2_000), 2_400.0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config is found there."""
    monkeypatch.chdir(tmp_path)


def test_the_same_command_says_the_same_and_replays_nothing_twice(
    events: Events, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And fewer trials first are a part of it; where all are known, no process is started."""
    write_recording(Path("A-USD.parquet"), events, market="A-USD", venue="")
    journal = Path("tune.trials/journal")
    assert main(["tune", "A-USD.parquet", *TRIALS[:3], "12", "--jobs", "1"]) == 0
    assert "12 trials are done; 30 at least are needed" in " ".join(capsys.readouterr().out.split())
    some = journal.read_bytes()
    assert len(some.splitlines()) == 13
    assert main(["tune", "A-USD.parquet", *TRIALS]) == 0
    first = capsys.readouterr().out
    assert first.startswith("A-USD:\n  momentum: ")
    whole = journal.read_bytes()
    assert whole.startswith(some)
    page = Path("tune.html").read_text(encoding="utf-8")
    monkeypatch.setattr("signalnode.research.tuning.workers._Worker", None)
    assert main(["tune", "A-USD.parquet", *TRIALS]) == 0
    assert capsys.readouterr().out == first
    assert journal.read_bytes() == whole
    assert Path("tune.html").read_text(encoding="utf-8") == page
    assert [each.name for each in Path("tune.trials").iterdir()] == ["journal"]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["A-USD", "--out", "tune.txt"], 2, "a page is written as .html"),
        (["A-USD", "--out", "none/tune.html"], 4, "there is no directory"),
        (["A-USD", "--budget", "soon"], 2, "--budget 'soon': write 90s, 10m or 2h"),
        (["A-USD", "--trials", "0"], 2, "is not a whole number from 1 to 10,000"),
        (["A-USD.parquet", "--signal", "momentun"], 2, "known are momentum, mean_reversion"),
    ],
)
def test_a_fault_is_one_line(
    words: list[str], status: int, told: str, events: Events, capsys: pytest.CaptureFixture[str]
) -> None:
    write_recording(Path("A-USD.parquet"), events[:100], market="A-USD", venue="")
    assert (found := refused(capsys, "tune", *words))[0] == status
    assert told in found[1]


def test_where_it_cannot_keep_what_it_finds_is_one_line(
    events: Events, capsys: pytest.CaptureFixture[str]
) -> None:
    write_recording(Path("A-USD.parquet"), events, market="A-USD", venue="")
    Path("tune.trials").write_text("a file")
    status, line = refused(capsys, "tune", "A-USD.parquet", *TRIALS)
    assert (status, "tune.trials: cannot be written (" in line) == (OutputError.exit_status, True)


def test_a_signal_of_ones_own_names_parameters_that_can_be_searched() -> None:
    Path("own.py").write_text(
        "from signalnode.signals.base import Signal\n"
        "def reading(f, p):\n    return f.imbalance\n"
        'GOOD = Signal(("lean",), reading, tuned=("imbalance_s",))\n'
        'BAD = Signal(("lean",), reading, tuned=("imbalance",))\n',
        encoding="utf-8",
    )
    assert load_signals(["own.py:GOOD"])[0].tuned == ("imbalance_s",)
    with pytest.raises(ExtensionError, match=r"own\.py:BAD: tuned: 'imbalance' is none of fair_value_s"):
        load_signals(["own.py:BAD"])
