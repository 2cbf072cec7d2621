"""`record`: live markets into recordings, without a node: it runs one of its own for as long as it takes."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from signalnode.cli.init import addresses_typed, check_live, held
from signalnode.cli.spans import recordings_of
from signalnode.cli.venues import given_addresses
from signalnode.clock import NS_PER_S, await_signal, monotonic_ns
from signalnode.errors import AlreadyRunningError, DataError, OutputError, SignalnodeError, UsageError
from signalnode.files import ensure_directory, is_held
from signalnode.settings.writing import addresses_text, live_market_text
from signalnode_supervisor.linux.kernel import die_with_parent

HOURS_MAX = 24.0 * 366
LOOK_S = 1.0
STOPS = (signal.SIGINT, signal.SIGTERM)
_CONFIG = """runtime_dir = "run"
state_dir = {state}
[aggregator]
endpoint = "ipc://{runtime}/all"
[record]
folder = {folder}
raw = {raw}
events = {events}
"""


def record(arguments: argparse.Namespace) -> int:
    """Record until the time is over, Ctrl-C or SIGTERM; then every hour is a whole file."""
    venue, markets = arguments.venue, arguments.markets
    check_live("record", venue, markets)
    if arguments.hours is not None and not 0 < arguments.hours <= HOURS_MAX:
        raise UsageError(f"--hours {arguments.hours:g}: give it more than 0, and at most {HOURS_MAX:,.0f}")
    urls = given_addresses(arguments).get(venue, {}) | addresses_typed("record", arguments)
    symbols = held("record", venue, markets, urls).symbols
    folder = recordings_of(arguments, may_be_new=True).absolute()
    from signalnode.research.recorder import LOCK_FILE

    if is_held(folder / LOCK_FILE):
        raise AlreadyRunningError(f"{folder}: somebody records there already; choose another --recordings")
    try:
        ensure_directory(folder)
    except OSError as error:
        what = f"{folder}: cannot be made ({error.strerror})"
        raise OutputError(f"{what}; choose another --recordings") from None
    with tempfile.TemporaryDirectory(prefix="signalnode-") as runtime:
        config = _write_config(Path(runtime), folder, arguments.only)
        if urls:
            with config.open("a", encoding="utf-8") as file:
                file.write(addresses_text(venue, urls))
        for market, symbol in symbols.items():
            path = config.parent / "markets" / f"{market}.toml"
            path.write_text(live_market_text(venue, market, symbol), encoding="utf-8")
        before = _bytes_of(folder, symbols)
        fault = _run(config, folder, list(symbols), arguments.hours)
    _finish(folder)
    if _bytes_of(folder, symbols) == before:
        if fault:
            raise OutputError(f"{folder}: nothing was recorded: {fault}; or choose another --recordings")
        mend = f"try `signalnode doctor {venue}`"
        raise DataError(f"{folder}: nothing came of {', '.join(symbols)}, so nothing was recorded; {mend}")
    _list(folder)
    return 0


def _bytes_of(folder: Path, markets: Collection[str]) -> int:
    from signalnode.research.recordings import recorded_markets

    return sum(each.bytes for each in recorded_markets(folder) if each.market in markets)


def _write_config(runtime: Path, folder: Path, only: str) -> Path:
    config = runtime / "signalnode.toml"
    text = _CONFIG.format(
        state=_quoted(folder / ".state"),
        folder=_quoted(folder),
        runtime=runtime,
        raw=str(only != "events").lower(),
        events=str(only != "raw").lower(),
    )
    config.write_text(text, encoding="utf-8")
    ensure_directory(runtime / "markets")
    return config


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@contextlib.contextmanager
def _stops_noted() -> Iterator[list[int]]:
    """Those that came and were not waited for: a thread that a library began before they are blocked here may
    be given them instead. They stay blocked.
    """
    noted: list[int] = []
    before = {number: signal.signal(number, lambda number, _: noted.append(number)) for number in STOPS}
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield noted
    finally:
        for number, reaction in before.items():
            signal.signal(number, reaction)


def _run(config: Path, folder: Path, markets: list[str], hours: float | None) -> str:
    """The node, for so many hours; the last that kept it from recording, "" where nothing did."""
    with _stops_noted() as noted:
        return _node_run(config, folder, markets, hours, noted)


def _node_run(
    config: Path, folder: Path, markets: list[str], hours: float | None, noted: Collection[int]
) -> str:
    fault = ""
    begun_ns = monotonic_ns()
    end_ns = None if hours is None else begun_ns + int(hours * 3_600 * NS_PER_S)
    with (config.parent / "log").open("w+b") as log, (config.parent / "log").open("rb") as errors:
        node = subprocess.Popen(
            [sys.executable, "-P", "-m", "signalnode", "run", "--config", str(config)],
            stderr=log,
            process_group=0,  # Ctrl-C is for us, who then end it
            preexec_fn=_ready_node,  # noqa: PLW1509 - one thread here
        )
        print(f"{folder}: recording {', '.join(markets)}; Ctrl-C ends it", flush=True)
        is_over = False
        while node.poll() is None:
            now_ns = monotonic_ns()
            _show(folder, markets, now_ns - begun_ns)
            fault = tell_errors(errors) or fault
            is_over = end_ns is not None and now_ns >= end_ns
            if await_signal(STOPS, LOOK_S) is not None or noted or is_over:
                node.send_signal(signal.SIGTERM)
                is_over = True
                break
        status = node.wait()
        if sys.stderr.isatty():
            print(file=sys.stderr)
        if status and not (is_over and status == -signal.SIGTERM):  # so soon that it could not end by itself
            log.seek(0)
            lines = log.read().decode(errors="replace").splitlines()
            raise SignalnodeError(f"record: the node ended: {lines[-1] if lines else status}")
    return fault


def tell_errors(log: BinaryIO) -> str:
    """Print what has come into the node's log that keeps it from recording, as a full disk does; the last."""
    reason = ""
    for line in log:
        try:
            told = json.loads(line)
            if told["level"] == "error":
                reason = str(told["reason"])
                print(f"signalnode: {told['event']}: {reason}", file=sys.stderr, flush=True)
        except (ValueError, KeyError, TypeError):
            continue  # not a line of the log, or half of one
    return reason


def _ready_node() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    die_with_parent(signal.SIGTERM)


def _show(folder: Path, markets: list[str], passed_ns: int) -> None:
    """How far it is, in one line, where somebody looks."""
    if not sys.stderr.isatty():
        return
    from signalnode.research.recordings import recorded_markets

    found = [each for each in recorded_markets(folder) if each.market in markets]
    size, gaps = sum(each.bytes for each in found), sum(each.gaps for each in found)
    minutes, seconds = divmod(passed_ns // NS_PER_S, 60)
    heard = len({each.market for each in found})
    line = f"{minutes}:{seconds:02} {heard} of {len(markets)} markets, {size / 1e6:,.1f} MB, {gaps} gaps"
    print(f"\r{line:<60}", end="", file=sys.stderr, flush=True)


def _finish(folder: Path) -> None:
    """Every hour becomes a whole file; what Ctrl-C leaves of that, the next recorder does."""
    from signalnode.research.recorder import finish

    finish(folder)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _list(folder: Path) -> None:
    from signalnode.cli.recordings import recordings

    recordings(argparse.Namespace(recordings=folder, markets=[], check=False, json=False, config=None))
    print(f"score them with `signalnode replay MARKET --recordings {folder} --out scores.parquet`")
