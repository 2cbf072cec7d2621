"""The command line's `record`, `recordings`, and `replay` of what was recorded."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from signalnode import errors
from signalnode.cli import main
from signalnode.cli.record import tell_errors
from signalnode.clock import pause
from signalnode.research.recordings import recorded_markets
from tests.command_line import refused
from tests.effort import PATIENCE_S
from tests.feeds.recorded.made import MARKET, START_NS, Recorded, put_rows, rows_from
from tests.feeds.recorded.test_recorded import start
from tests.forked import Forked
from tests.ports import free_port
from tests.venues.server import Running, Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of half an hour."""
    made = Recorded(tmp_path, kinds=("events",))
    rows = rows_from(START_NS, 1_800)
    made.put(start(START_NS), put_rows(rows, 0))
    made.finish()
    return made.folder


def test_recordings_lists_and_replay_takes_a_span(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where `recordings` is found without a config
    assert main(["recordings"]) == 0
    assert f"{MARKET}  dydx   events" in capsys.readouterr().out
    assert main(["recordings", MARKET, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["recordings"]
    assert (told["market"], told["first_ns"], told["hours"]) == (MARKET, START_NS, 1)
    out = tmp_path / "scores.parquet"
    span = ("--from", "2025-11-27T00:10", "--to", "2025-11-27T00:20")
    assert main(["replay", MARKET, *span, "--out", str(out)]) == 0
    times = pq.read_table(out)["time_ns"].to_numpy()
    assert (times[0], times[-1]) == (START_NS + 600 * 10**9, START_NS + 1_199 * 10**9)


def test_a_recording_of_another_engine_is_said_not_to_give_the_live_scores(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.parquet"
    for span, is_said in (((), True), (("--from", "2025-11-27T00:10"), False)):  # where it began, and later
        assert main(["replay", MARKET, *span, "--recordings", str(folder), "--out", str(out)]) == 0
        assert ("not the live scores: the recording is of" in capsys.readouterr().err) is is_said


def test_a_check_tells_what_is_damaged_and_notes_it_where_it_may(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["recordings", MARKET, "--check", "--recordings", str(folder)]
    assert main(argv) == 0
    assert "every block and page of 1 hours is sound" in capsys.readouterr().out
    (path,) = folder.rglob("*.parquet")
    os.truncate(path, 100)
    (folder / ".lock").mkdir()  # nobody can take it
    assert main(argv) == errors.DataError.exit_status
    told = capsys.readouterr()
    line = f"{MARKET}: 2025-11-27T00:00:00.000Z to 2025-11-27T01:00:00.000Z: no trades, quotes, depth"
    assert line in told.out
    assert "1 stretch is damaged or missing, not noted in gaps.jsonl: " in told.err
    (folder / ".lock").rmdir()
    assert main([*argv, "--json"]) == errors.DataError.exit_status
    told = capsys.readouterr()
    assert "1 stretch is damaged or missing, noted in gaps.jsonl" in told.err
    (fault,) = json.loads(told.out)["faults"]
    assert (fault["what"], fault["kind"]) == ("damaged", "events")
    assert main(["recordings", MARKET, "--recordings", str(folder)]) == 0
    assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "error", "expected"),
    [
        (["replay", "NONE-USD"], errors.DataError, "nothing of it is recorded"),
        (["replay", MARKET, "--from", "2031-01-01"], errors.DataError, "nothing was recorded since 2031"),
        (["replay", MARKET, "--from", "soon"], errors.UsageError, "--from 'soon': write 90s"),
        (["replay", MARKET, "--raw"], errors.DataError, "no raw of it is recorded"),
        (["replay", MARKET, "--venue", "okx"], errors.DataError, "recorded from dydx, not from okx"),
        (["replay", MARKET, "--market", "A"], errors.UsageError, "--market is for files"),
        (["replay", MARKET, "--from", "2025-11-28", "--to", "2025-11-27"], errors.UsageError, "not before"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(
    argv: list[str],
    error: type[errors.SignalnodeError],
    expected: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = folder.parent / "scores.parquet"
    status, line = refused(capsys, *argv, "--recordings", folder, "--out", out)
    assert expected in line
    assert status == error.exit_status
    assert not out.exists()


def test_what_keeps_a_recorder_from_recording_is_told_while_it_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = io.BytesIO(
        b'{"level": "info", "event": "up"}\nno line of a log\n'
        b'{"level": "error", "event": "nothing is recorded", "reason": "stopped: 3 MB free"}\n'
    )
    assert tell_errors(log) == "stopped: 3 MB free"
    assert tell_errors(log) == ""  # once
    assert capsys.readouterr().err == "signalnode: nothing is recorded: stopped: 3 MB free\n"


def recorded_from_nowhere(directory: Path) -> int:
    """Exit status of recording a venue where nobody listens."""
    nowhere = f"127.0.0.1:{free_port()}"
    urls = ("--ws-url", f"ws://{nowhere}", "--rest-url", f"http://{nowhere}")
    return main(["record", "dydx", MARKET, *urls, "--recordings", str(directory / "r")])


def test_a_recording_of_nothing_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signalnode.cli.record.await_signal", lambda *_: signal.SIGINT)  # Ctrl-C, at once
    assert recorded_from_nowhere(tmp_path) == errors.DataError.exit_status
    assert f"nothing came of {MARKET}, so nothing was recorded" in capsys.readouterr().err


def test_ctrl_c_that_another_thread_is_given_ends_a_recording_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    is_waiting = threading.Event()

    def take_it() -> None:
        is_waiting.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    other = threading.Thread(target=take_it)  # from before they are blocked, as those of a library
    other.start()
    monkeypatch.setattr(signal, "sigtimedwait", lambda *_: (is_waiting.set(), other.join(), None)[2])
    assert recorded_from_nowhere(tmp_path) == errors.DataError.exit_status
    assert f"nothing came of {MARKET}, so nothing was recorded" in capsys.readouterr().err


def test_a_recording_that_a_full_disk_kept_from_being_says_that_and_not_the_venue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signalnode.cli.record.await_signal", lambda *_: signal.SIGINT)
    monkeypatch.setattr("signalnode.cli.record.tell_errors", lambda _: "stopped: 3 MB free; make room")
    assert recorded_from_nowhere(tmp_path) == errors.OutputError.exit_status
    told = capsys.readouterr().err
    assert "nothing was recorded: stopped: 3 MB free; make room; or choose another --recordings" in told
    assert "doctor" not in told


def test_a_live_market_is_recorded_without_a_node_until_ctrl_c(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    with Running(Server("dydx", steps_per_s=5.0, symbols=(MARKET,))) as running:
        (server,) = running.servers
        urls = ("--ws-url", server.ws_url, "--rest-url", server.rest_url)
        process = Forked(
            "import sys; from signalnode.cli import main; sys.exit(main())",
            ["record", "dydx", MARKET, *urls, "--recordings", str(recordings)],
            {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            folder=tmp_path,
        )
        for _ in range(int(PATIENCE_S * 10)):
            if {each.kind for each in recorded_markets(recordings)} == {"raw", "events"}:
                break
            assert process.poll() is None, process.communicate()
            pause(100_000_000)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert f"recording {MARKET}; Ctrl-C ends it" in out
    assert {path.suffix for path in recordings.rglob("*date=*/*")} == {".zst", ".parquet"}
    assert main(["replay", MARKET, "--recordings", str(recordings), "--out", str(tmp_path / "a.csv")]) == 0
