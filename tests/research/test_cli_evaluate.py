"""`signalnode evaluate`: the packaged sample, and every fault in one line before anything is read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import signalnode
from signalnode.cli import main
from signalnode.clock import NS_PER_S, utc_text
from signalnode.feeds.files.marks import Mark
from signalnode.feeds.files.recording import write_recording
from signalnode.research.claims import HORIZONS_S, claims_of
from signalnode.signals import BUILT_IN_SCORES
from signalnode.strategies import STRATEGIES
from tests.feeds.recorded.made import MARKET, START_NS, Recorded, put_mark, put_rows, rows_from
from tests.research.walks import START_NS as WALK_NS
from tests.research.walks import walk

SECONDS = 400.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "W-USD.parquet"
    write_recording(path, walk(1, SECONDS), market="W-USD", venue="")
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config is found there."""
    monkeypatch.chdir(tmp_path)


def test_json_is_what_the_function_gives(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(recording), "--json", "--out", "w.html"]) == 0
    told = capsys.readouterr()
    found = signalnode.evaluate({"W-USD": recording})
    assert told.out.strip().encode() == msgspec.json.encode(found)
    assert told.err.endswith("w.html: the page, for a browser\n")
    assert Path("w.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    (market,) = msgspec.json.decode(told.out)["markets"]
    assert market["market"] == "W-USD"
    assert {each["verdict"] for each in market["scores"]} <= {"not shown", "shown", "no evidence"}
    by_score = {each["claim"]["score"]: each for each in market["scores"]}
    assert "independent blocks of 30 s, too few to tell" in by_score["mean_reversion_long"]["words"]


def test_of_ten_rows_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_from(START_NS, 10)
    for name, some in (("A-USD", rows), ("B-USD", rows[rows["kind"] == 2]), ("C-USD", rows[:1])):
        write_recording(Path(f"{name}.parquet"), some, market=name, venue="")
        assert main(["evaluate", f"{name}.parquet", "--out", "w.html"]) == 0
        assert "shown. " not in capsys.readouterr().out.replace("not shown. ", "")


def test_a_span_and_a_name_choose_what_is_evaluated(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    middle = signalnode.evaluate({"W-USD": walk(1, SECONDS)[: round(SECONDS)]}).markets[0].last_ns
    when = f"2023-11-14T22:16:{(middle - WALK_NS) // 10**9 % 60:02d}"
    words = [f"A-USD={recording}", "--symbol", "W-USD", "--to", when]
    assert main(["evaluate", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("A-USD: ")
    assert int(lines[0].split()[1]) < 800
    count = sum(len(claims_of(name)) for name in BUILT_IN_SCORES)
    assert lines[-1].startswith(f"{count} claims looked at, {count * len(HORIZONS_S)} with every horizon")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["NONE-USD"],
            "NONE-USD: no file is called so, and nothing of such a market is recorded",
        ),
        (["A-USD=none.parquet"], "none.parquet: there is no such file; mend the path"),
        (["{}", "{}"], "is named twice, so its volume would be doubled; leave one out"),
        (["{}", "--out", "none/a.html"], "there is no directory none; create it"),
        (["{}", "--out", "a.pdf"], "a page is written as .html or .htm; call it so"),
        (["{}", "--horizon", "7"], "a horizon of 7 s is none of 0.1, 0.2"),
        (["{}", "--from", "2024-01-02", "--to", "2024-01-01"], "is not before --to 2024-01-01"),
        (["{}", "--from", "2150-01-01"], "is not before the year 2100"),
        (["{}", "--to", "1900-01-01"], "--from 1970 is not before --to 1900-01-01"),
        (["{}", "--from", "soon"], "--from 'soon': write 90s, 10m"),
    ],
)
def test_a_fault_is_one_line(
    words: list[str], told: str, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *(word.format(recording) for word in words)]) in (2, 3, 4, 5, 6)
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert line.startswith("signalnode: ")


def test_a_market_of_the_config_is_known_by_its_name(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config/markets").mkdir(parents=True)
    Path("config/signalnode.toml").write_text('markets_dir = "markets"\n', encoding="utf-8")
    feed = f'market = "W-USD"\n[feed]\nkind = "recording"\npaths = ["{recording}"]\n'
    Path("config/markets/W-USD.toml").write_text(feed, encoding="utf-8")
    made = 'market = "S-USD"\n[feed]\nkind = "synthetic"\nseed = 1\n'
    Path("config/markets/S-USD.toml").write_text(made, encoding="utf-8")
    assert main(["evaluate", "W-USD"]) == 0
    assert capsys.readouterr().out.startswith("W-USD: 800 events\n")
    assert main(["evaluate", "S-USD"]) != 0
    assert "S-USD: no file is called so" in capsys.readouterr().err


def test_what_was_recorded_is_known_by_its_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Recorded(tmp_path)
    mark = Mark(START_NS, "start", 1, lineage="", number=0, state=b"state")
    made.put(put_mark(mark), put_rows(rows_from(START_NS, 400), 0))
    made.finish()
    words = ["evaluate", MARKET, "--recordings", str(made.folder)]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"{MARKET}: 400 events\n")
    half = utc_text(START_NS + 200 * NS_PER_S)
    assert main([*words, "--from", half]) == 0
    assert capsys.readouterr().out.startswith(f"{MARKET}: 200 events\n")
    assert main(["evaluate", MARKET, *words[1:]]) == 2
    assert f"{MARKET} is named twice" in capsys.readouterr().err


def test_a_strategys_trades_are_those_of_layer_5(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config/markets").mkdir(parents=True)
    loose = "[strategies.threshold]\nentry = 60.0\nexit = 50.0\ndwell_s = 0.5\nwarm_min = 0.0\n"
    Path("config/signalnode.toml").write_text(f'markets_dir = "markets"\n{loose}', encoding="utf-8")
    other = 'market = "S-USD"\n[feed]\nkind = "synthetic"\nseed = 1\n'
    Path("config/markets/S-USD.toml").write_text(other, encoding="utf-8")
    words = ["evaluate", f"W-USD={recording}", "--strategy", "threshold", "--out", "s.html"]
    assert main([*words, "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    (strategy,) = found["strategies"]
    assert strategy["verdict"] == "not shown"
    assert strategy["whole"]["trades"] == len(strategy["nets_bps"]) > 5
    assert strategy["spread_known"]
    assert Path("s.html").read_text(encoding="utf-8").count("<svg") == 2
    assert found["alone"] == []
    later = walk(1, 60.0)
    for name in ("time_event_ns", "time_received_ns"):
        later[name] += 10**6 * NS_PER_S
    write_recording(Path("L-USD.parquet"), later, market="L-USD", venue="")
    assert main([*words[:2], "L-USD=L-USD.parquet", *words[2:]]) == 0
    said = "; W-USD, L-USD were each recorded at another time, and never seen beside another"
    assert f"{said}\n" in capsys.readouterr().out
    assert main([*words, "--strategy", "none"]) == 2
    known = ", ".join(sorted(each.name for each in STRATEGIES))
    assert f"--strategy none: there is none; known are {known}" in capsys.readouterr().err
    assert main([*words, "--hold", "-1"]) == 2
    assert "--hold -1 is not within 0 and 86400" in capsys.readouterr().err
