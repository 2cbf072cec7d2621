"""docs/operate.md against the command line, the exit statuses, the states and the limits."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from signalnode import errors
from signalnode.cli import BROKEN_PIPE_STATUS, INTERRUPTED_STATUS
from signalnode.cli.run import LOG_BYTES_MAX
from signalnode.feeds.live.sessions import venue_of
from signalnode.names import NAME_CHARS_MAX, RESERVED_NAMES
from signalnode.settings import LIVE_VENUES, SupervisorSettings
from signalnode.settings.model import MARKETS_MAX
from signalnode_supervisor import spec
from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.settings import Settings
from tests.command_line import shown_by_help
from tests.documents import DOCS, ROOT, one_line, prose, quoted, same, table

PAGE = DOCS / "operate.md"


def test_the_commands_and_their_options_are_those_there_are() -> None:
    told: dict[str, set[str]] = {}
    for row in table(PAGE, "command").rows:
        options = {name.split()[0] for name in quoted(row[1]) if name.startswith("--")}
        told |= dict.fromkeys(quoted(row[0]), options)
    real = {}
    for verb in shown_by_help()[0]:
        below = [shown_by_help(verb, each)[1] for each in shown_by_help(verb)[0]]
        real[verb] = {*shown_by_help(verb)[1], *chain(*below)} - {"--config", "--help"}
    assert told == real


def test_a_markets_name_means_at_each_venue_what_is_told() -> None:
    told = table(PAGE, "venue")
    assert set(told.names()) == set(LIVE_VENUES)
    for name, *kinds in told.rows:
        (venue,) = quoted(name)
        spelled = quoted(" ".join(kinds))
        assert spelled
        for ours, theirs in zip(spelled[::2], spelled[1::2], strict=True):
            assert venue_of(venue).symbol(ours) == theirs


def test_the_exit_statuses_are_the_real_ones() -> None:
    told = [int(row[0]) for row in table(PAGE, "status").rows]
    faults = [each for each in vars(errors).values() if isinstance(each, type)]
    own = [each for each in faults if issubclass(each, errors.SignalnodeError)]
    real = {each.exit_status for each in own} - {errors.SignalnodeError.exit_status}
    assert told == sorted(real | {INTERRUPTED_STATUS, BROKEN_PIPE_STATUS})


def test_the_states_of_a_process_are_those_there_are() -> None:
    same(table(PAGE, "state").names(), [state.value.replace("_", " ") for state in ChildState])


def test_the_numbers_of_giving_up_are_the_defaults() -> None:
    policy = SupervisorSettings()
    assert (policy.intensity, policy.period_s, policy.retry_s) == (5, 60.0, 300.0)
    assert policy.heartbeats_missed_max == 3


def test_the_rating_of_the_unit_is_systemds() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = str(ROOT / "config" / "systemd" / "signalnode.service")
    command = ["systemd-analyze", "security", "--offline=true", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = re.search(r"rates it (\d\.\d) or better", prose(PAGE))
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", rated)
    assert told is not None
    assert exposure is not None
    assert float(exposure[1]) <= float(told[1])


def test_the_limits_told_are_the_real_ones() -> None:
    text, own = one_line(PAGE), Settings(runtime_dir=Path("/"), state_dir=Path("/"))
    assert f"up to {MARKETS_MAX:,} markets" in text
    assert f"A market's name has up to {NAME_CHARS_MAX} letters" in text
    logs = f"{own.log_file_bytes_max // 1_000_000} MB each of a process, {LOG_BYTES_MAX // 1_000_000} MB"
    assert logs in text
    lines = f"{own.log_lines_per_s:g} lines a second in the long run and {own.log_lines_burst_max} at once"
    assert lines in text
    (reserved,) = re.findall(r"and `-`; (.*?) are the node's own", text)
    assert set(quoted(reserved)) == {*RESERVED_NAMES, *spec.RESERVED_NAMES}
