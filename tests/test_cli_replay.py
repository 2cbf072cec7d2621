"""The command line's `replay` and `import`: whose parameters it scores with, and what it never overwrites."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from signalnode import errors
from signalnode.cli import main
from signalnode.compiled.loader import compile_missing
from signalnode.feeds import synthetic_events
from signalnode.feeds.files.recording import write_recording
from tests.command_line import refused, tree

MARKET = 'market = "BTC-USDT"\n[feed]\nkind = "synthetic"\n[signals]\nbaseline_s = 10.0\n'
REPLAY = ("--venue", "binance", "--market", "BTC-USDT", "--out")


@pytest.mark.parametrize("how", ["default", "environment", "named", "nowhere"])
def test_replay_scores_with_the_parameters_the_market_has_in_the_config(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: str,
) -> None:
    config = tmp_path / "config" / "signalnode.toml"
    (config.parent / "markets").mkdir(parents=True)
    config.touch()
    (config.parent / "markets" / "BTC-USDT.toml").write_text(MARKET)
    monkeypatch.chdir(config.parents[1] if how == "default" else config.parent)
    if how == "environment":
        monkeypatch.setenv("SIGNALNODE_CONFIG", str(config))
    out = tmp_path / "out.parquet"
    write_recording(tmp_path / "a.parquet", synthetic_events(1, 1_000), market="BTC-USDT", venue="")
    argv = ["replay", str(tmp_path / "a.parquet"), "--market", "BTC-USDT", "--out", str(out)]
    assert main([*argv, "--config", str(config)] if how == "named" else argv) == 0
    is_known = how != "nowhere"
    assert (pq.read_table(out)["warm"][-1].as_py() == 1.0) is is_known
    assert ("BTC-USDT.toml" in capsys.readouterr().err) is is_known


def test_replay_of_a_missing_file_leaves_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, line = refused(capsys, "replay", tmp_path / "none.gz", *REPLAY, tmp_path / "out.parquet")
    assert status == errors.DataError.exit_status
    assert "none.gz: there is no such file" in line
    assert tree(tmp_path) == set()


def test_replay_never_overwrites_its_own_recording(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recording = tmp_path / "a.parquet"
    recording.write_bytes(b"precious")
    status, _ = refused(capsys, "replay", recording, *REPLAY, recording)
    assert status == errors.DataError.exit_status
    assert recording.read_bytes() == b"precious"


def test_replay_never_puts_its_file_in_the_place_of_a_device(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.gz").write_bytes(b"")
    device = tmp_path / "device"
    os.mkfifo(device)
    status, line = refused(capsys, "replay", tmp_path / "a.gz", *REPLAY, device)
    assert status == errors.DataError.exit_status
    assert "device: is no plain file" in line
    assert device.is_fifo()


def test_replay_into_a_missing_directory_is_refused_before_it_scores(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.gz").write_bytes(b"")
    status, line = refused(capsys, "replay", tmp_path / "a.gz", *REPLAY, tmp_path / "no" / "out.parquet")
    assert status == errors.DataError.exit_status
    assert "there is no directory" in line


def test_replay_of_a_broken_file_leaves_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    compile_missing(lambda _: None)  # else the first run of all would tell of it in more lines
    (tmp_path / "a.parquet").write_bytes(b"not parquet")
    status, line = refused(capsys, "replay", tmp_path / "a.parquet", *REPLAY, tmp_path / "out.parquet")
    assert status == errors.DataError.exit_status
    assert "a.parquet" in line
    assert tree(tmp_path) == {"a.parquet"}


def test_a_table_of_ones_own_is_imported_and_scored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = (f"2026-01-05T10:00:{at:02}.5,{60_000 + at},1.5,buy" for at in (0, 2, 1, *range(3, 30)))
    (tmp_path / "mine.csv").write_text("\n".join(["Time,last,qty,side", *rows]))
    made, scores = tmp_path / "mine.parquet", tmp_path / "scores.csv"
    assert main(["import", str(tmp_path / "mine.csv"), "--out", str(made), "--market", "BTC-USD"]) == 0
    out, err = capsys.readouterr()
    assert "mine.csv: 30 trades (time=Time, price=last, size=qty, side=side)\n" in out
    assert "30 events of BTC-USD, 2026-01-05T10:00:00Z to 2026-01-05T10:00:29Z\n" in out
    assert f"`signalnode replay {made} --market BTC-USD --out scores.parquet`" in out
    assert "1 x put_in_order (rows put in order of time), first at " in err
    assert main(["replay", str(made), "--market", "BTC-USD", "--out", str(scores)]) == 0
    assert scores.read_text().count("\n") == 1 + 291


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (
            ["--columns", "price"],
            errors.UsageError,
            "--columns: 'price' is not ROLE=NAME, for example price=px",
        ),
        (["--columns", "prise=px"], errors.DataError, "'prise' is no role of a column; one of time, "),
        (["--columns", "price=px"], errors.DataError, "price is to be 'px', but there are time, price, size"),
        (["--market", "a/b"], errors.UsageError, "--market: "),
        (["--kind", "quotes"], errors.DataError, "no quotes in its columns time, price, size"),
    ],
)
def test_an_import_that_cannot_be_leaves_nothing(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    more: list[str],
    status: type[errors.SignalnodeError],
    told: str,
) -> None:
    (tmp_path / "mine.csv").write_text("time,price,size\n2026-01-05,1,1\n")
    out = tmp_path / "out.parquet"
    assert main(["import", str(tmp_path / "mine.csv"), "--out", str(out), *more]) == status.exit_status
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_named_twice_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("time,price,size\n2026-01-05,1,1\n")
    (tmp_path / "link.csv").symlink_to("mine.csv")
    names = tmp_path / "mine.csv", tmp_path / "link.csv"
    status, line = refused(capsys, "import", *names, "--out", tmp_path / "out.parquet")
    assert status == errors.DataError.exit_status
    assert "link.csv: is named twice" in line


@pytest.mark.parametrize(
    ("verb", "name", "told"),
    [
        ("import", "mine.csv", "mine.csv: is one of the files to read"),
        ("import", "out.csv", "a file is written as .parquet or .pq; call it so"),
        ("replay", "out.xlsx", "a file is written as .parquet or .pq or .csv; call it so"),
        ("replay", "folder", "folder: is a directory"),
    ],
)
def test_a_file_to_write_is_called_as_what_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str, name: str, told: str
) -> None:
    (tmp_path / "mine.csv").write_text("precious")
    (tmp_path / "folder").mkdir()
    _, line = refused(capsys, verb, tmp_path / "mine.csv", "--market", "A", "--out", tmp_path / name)
    assert told in line
    assert tree(tmp_path) == {"mine.csv", "folder"}


def test_the_command_that_an_import_names_works_for_a_venues_symbol(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = (f"2026-01-05T10:00:{at:02},{60_000 + at},1.5,BTC/USDT" for at in range(9))
    (tmp_path / "mine.csv").write_text(
        "\n".join(["time,price,amount,symbol", *rows, "2026-01-05,,,BTC/USDT"])
    )
    assert main(["import", str(tmp_path / "mine.csv"), "--out", str(tmp_path / "my data.parquet")]) == 0
    out, err = capsys.readouterr()
    assert "1 x row_void (rows that hold nothing: left out), first at " in err
    assert "signalnode: it holds no quotes: scores that need them stay at 50, unknown\n" in err
    command = shlex.split(out.rpartition("with `")[2].partition("`")[0])
    assert command[1:5] == ["replay", str(tmp_path / "my data.parquet"), "--market", "BTC-USDT"]
    assert main([*command[1:-1], str(tmp_path / command[-1])]) == 0
    assert "50 in every row, for want of evidence: liquidity_opportunity" in capsys.readouterr().err
