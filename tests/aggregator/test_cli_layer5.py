"""The verbs of Layer 5, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signalnode.aggregator.journal import journal_files
from signalnode.aggregator.kept import save
from signalnode.bus.curve import allowed_keys
from signalnode.cli import main
from signalnode.cli.spans import time_of
from signalnode.events import TIME_MAX_NS
from signalnode.names import KEY_CHARS
from tests.aggregator.measures.test_outcomes import fed, made, walked
from tests.aggregator.test_journal import written
from tests.aggregator.test_replay import recorded

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "markets").mkdir()
    (tmp_path / "markets" / "A.toml").write_text('market = "A"\n[feed]\nkind = "synthetic"\n')
    path = tmp_path / "signalnode.toml"
    path.write_text('runtime_dir = "run"\nstate_dir = "state"\n[strategies.threshold]\nentry = 80.0\n')
    return path


def test_decisions_prints_the_journal_in_words_and_as_json(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(config.parent / "state" / "aggregator", 3)
    assert main(["decisions", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1970-01-01T00:00:00.000Z s enter long A 50.0  because"
    assert main(["decisions", "--json", "--config", str(config)]) == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [1, 2, 3]
    assert main(["decisions", "--since", "1h", "--config", str(config)]) == 0
    assert capsys.readouterr().out == ""


def test_decisions_says_where_a_damaged_record_hides_others(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = config.parent / "state" / "aggregator"
    written(directory, 3)
    (path,) = journal_files(directory)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert main(["decisions", "--config", str(config)]) == 4
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert f"{path}: damaged" in printed.err


def test_no_journal_yet_is_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decisions", "--config", str(config)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("90s", NOW - 90 * 10**9),
        ("10m", NOW - 600 * 10**9),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("999999d", 0),
        ("0001-01-01T00:00+10:00", 0),
        ("9999-12-31T23:59-10:00", TIME_MAX_NS),
    ],
)
def test_since_takes_a_length_or_a_time(text: str, expected_ns: int) -> None:
    assert time_of(text, NOW, "--since") == expected_ns


@pytest.mark.parametrize("text", ["lately", ""])
def test_a_since_that_says_nothing_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert main(["decisions", "--since", text, "--config", str(config)]) == 2
    assert "write 90s, 10m" in capsys.readouterr().err


def test_recorded_scores_are_replayed_through_the_config_s_strategies(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = recorded(config.parent)
    arguments = [str(path) for paths in files.values() for path in paths]
    assert main(["replay-decisions", *arguments, "--json", "--config", str(config)]) == 0
    first = capsys.readouterr().out
    taken = [json.loads(line) for line in first.splitlines()]
    assert {each["strategy"] for each in taken} == {"threshold"}
    assert {each["action"] for each in taken} == {"enter", "exit"}
    assert main(["replay-decisions", *arguments, "--json", "--config", str(config)]) == 0
    assert capsys.readouterr().out == first


def test_keys_are_made_allowed_and_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node, alice = tmp_path / "node", tmp_path / "alice"
    assert main(["keys", "new", "--dir", str(node)]) == 0
    node_key = capsys.readouterr().out.strip()
    assert main(["keys", "new", "--dir", str(alice)]) == 0
    alice_key = capsys.readouterr().out.strip()
    assert main(["keys", "allow", "alice", alice_key, "--dir", str(node)]) == 0
    assert main(["keys", "trust", node_key, "--dir", str(alice)]) == 0
    assert (node / "allowed" / "alice.key").exists()
    assert (alice / "server.key").exists()
    assert main(["keys", "new", "--dir", str(node)]) == 2


@pytest.mark.parametrize("key", ["-n+{2BV@D^1awY#>Kw>(bH$={-zP&%Vi%sxQ]I1b", "--" + "x" * 38])
def test_a_key_that_looks_like_an_option_is_a_key(tmp_path: Path, key: str) -> None:
    assert main(["keys", "allow", "alice", key, "--dir", str(tmp_path)]) == 0
    assert main(["keys", "--config", "none.toml", "trust", key, f"--dir={tmp_path}"]) == 0
    assert list(allowed_keys(tmp_path)) == [key.encode()]
    assert f'"{key}"' in (tmp_path / "server.key").read_text()


def test_an_option_as_long_as_a_key_stays_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    option = "--dir=".ljust(KEY_CHARS, "k")
    assert main(["keys", "new", option]) == 0
    assert (tmp_path / option.removeprefix("--dir=") / "node.key").exists()


def test_a_key_can_be_given_as_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "--dir", str(tmp_path / "alice")]) == 0
    key = capsys.readouterr().out.strip()
    assert main(["keys", "allow", "alice", str(tmp_path / "alice" / "node.key"), "--dir", str(tmp_path)]) == 0
    assert list(allowed_keys(tmp_path)) == [key.encode()]


def test_what_is_no_key_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "allow", "alice", "nonsense", "--dir", str(tmp_path)]) == 2
    assert "'nonsense' is not a public key: give the 40 characters" in capsys.readouterr().err
    assert allowed_keys(tmp_path) == {}


def test_keys_without_a_directory_say_where_to_set_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "new", "--config", str(config)]) == 2
    assert "aggregator.keys_dir is not set" in capsys.readouterr().err


def test_outcomes_shows_a_markets_table_of_all_the_highest_tenths_and_json(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config.parent / "state" / "aggregator" / "outcomes.msgpack"
    assert main(["outcomes", "--config", str(config)]) == 4
    assert capsys.readouterr().err.count("\n") == 1
    path.parent.mkdir(parents=True)
    mids, scores = walked(60)
    save(path, fed(made(), mids, scores), NOW)
    assert main(["outcomes", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["market", "score", "stood", "at"]
    assert len(lines) == 1 + 3 * 8 + 1
    assert all("90 to 100" in line for line in lines[1:-1])
    assert main(["outcomes", "B", "--config", str(config)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 8 * 10 + 1
    assert main(["outcomes", "B", "--json", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["time_ns"] == NOW
    assert len(told["markets"]["B"]["scores"]["calm"]["hit_rate"][1]) == 10
    assert main(["outcomes", "Z", "--config", str(config)]) == 2
    assert "Z: nothing is known of it; known are A, B, C" in capsys.readouterr().err
