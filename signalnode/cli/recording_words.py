"""What may be typed of recordings, and of what scores were worth on them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from signalnode.cli.numbers import count, interval_ms, jobs, trials
from signalnode.cli.url_words import add_rest_url, add_ws_url

Verb = Callable[[str, str, str], argparse.ArgumentParser]


def add_recordings(verb: Verb, _: argparse.ArgumentParser) -> None:
    """The verbs that record, list, score and bring in."""
    record = verb("record", "record:record", "Record live markets of a venue, without a node.")
    record.add_argument("venue", metavar="VENUE", help="whose markets: dydx, say")
    record.add_argument("markets", nargs="+", metavar="MARKET", help="BTC-USD, say")
    record.add_argument("--hours", type=float, metavar="H", help="end after so long (default: at Ctrl-C)")
    record.add_argument("--only", choices=("raw", "events"), default="", help="keep these alone")
    _add_where(record)
    add_rest_url(record)
    add_ws_url(record)
    recordings = verb("recordings", "recordings:recordings", "List what was recorded, and what is missing.")
    recordings.add_argument("markets", nargs="*", metavar="MARKET", help="only these, with their newest gaps")
    recordings.add_argument("--check", action="store_true", help="read all: what is damaged or missing?")
    recordings.add_argument("--json", action="store_true", help="one JSON object")
    _add_where(recordings)
    replay = verb("replay", "data:replay", "Score recordings as fast as possible, into a file.")
    replay.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a market that was recorded; or captures (plain, .gz, .xz, .zst), or recordings (Parquet)",
    )
    _add_span(replay)
    replay.add_argument("--raw", action="store_true", help="of a market, from its frames, not its events")
    replay.add_argument("--market", default="", help="whose the files are, for example BTC-USDT")
    replay.add_argument("--symbol", default="", help="what the files call it, if not that: ETHUSDT, say")
    replay.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the file to write: Parquet, or CSV (.csv)"
    )
    replay.add_argument(
        "--interval-ms", type=interval_ms, default=100, metavar="MS", help="between two rows (default: 100)"
    )

    brings = verb("import", "data:bring_in", "Make a recording of CSV files, or of tables in Parquet.")
    brings.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="CSV (plain, .gz, .xz, .zst, .zip) or Parquet"
    )
    brings.add_argument("--out", required=True, type=Path, metavar="FILE", help="the recording to write")
    brings.add_argument("--market", default="", help="what to call it (default: as the files do)")
    brings.add_argument("--symbol", default="", help="of several in the files, the one that is meant")
    brings.add_argument("--kind", choices=("trades", "quotes", "depth"), help="take these alone")
    brings.add_argument("--unit", choices=("s", "ms", "us", "ns"), help="what times as whole numbers count")
    brings.add_argument(
        "--columns", default="", metavar="ROLE=NAME,…", help="what columns are called: price=px,time=when"
    )


def _add_span(verb: argparse.ArgumentParser) -> None:
    """Options of who works on recorded markets, or on files instead; see `spans.sources_of`."""
    verb.add_argument(
        "--from", dest="from_time", default="", metavar="WHEN", help="2026-08-09T12:00, or 8h for 8 hours ago"
    )
    verb.add_argument("--to", dest="to_time", default="", metavar="WHEN", help="likewise; up to then")
    verb.add_argument(
        "--venue", default="", help="whose the market, or the frames of a capture, is: binance, say"
    )
    _add_where(verb)


def _add_where(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--recordings", type=Path, metavar="DIR", help="where they are (default: as in the config)"
    )


def add_worth(verb: Verb, _: argparse.ArgumentParser) -> None:
    """The verbs that say what recorded scores are worth."""
    evaluate = verb("evaluate", "evaluate:evaluate", "Say what scores were worth, on recordings.")
    evaluate.add_argument(
        "what", nargs="+", metavar="MARKET", help="that was recorded, or plays files; or FILE, or MARKET=FILE"
    )
    _add_span(evaluate)
    evaluate.add_argument("--out", type=Path, metavar="FILE", help="write a page of it: report.html, say")
    evaluate.add_argument("--json", action="store_true", help="every number, as one JSON object")
    evaluate.add_argument(
        "--horizon", type=float, default=30.0, metavar="S", help="of signals of your own (default: 30)"
    )
    evaluate.add_argument(
        "--strategy", action="append", metavar="NAME", help="its trades instead: built in, or of the config"
    )
    evaluate.add_argument("--fee-bps", type=float, default=0.0, metavar="F", help="of a trade's side (0)")
    evaluate.add_argument(
        "--hold", type=float, default=30.0, metavar="S", help="how long what has no exit is held (30)"
    )
    evaluate.add_argument("--market", default="", help="whose the files are (default: as they are called)")
    evaluate.add_argument("--symbol", default="", help="what the files call it, if not that: ETHUSDT, say")
    tune = verb("tune", "tune:tune", "Say which other parameters a market deserves, if any, on recordings.")
    tune.add_argument(
        "what", nargs="+", metavar="MARKET", help="that was recorded, or plays files; or FILE, or MARKET=FILE"
    )
    _add_span(tune)
    tune.add_argument(
        "--signal", action="append", metavar="NAME", help="only this; may come again (default: all)"
    )
    tune.add_argument("--trials", type=trials, default=200, metavar="N", help="of a signal (default: 200)")
    tune.add_argument("--budget", default="", metavar="TIME", help="90s, 10m, 2h, whatever is done by then")
    tune.add_argument("--seed", type=count, default=1, metavar="N", help="of what is tried (default: 1)")
    tune.add_argument("--jobs", type=jobs, default=0, metavar="N", help="processes (default: one a core)")
    tune.add_argument(
        "--horizon", type=float, default=30.0, metavar="S", help="of signals of your own (default: 30)"
    )
    tune.add_argument("--market", default="", help="whose the files are (default: as they are called)")
    tune.add_argument("--symbol", default="", help="what the files call it, if not that: ETHUSDT, say")
    tune.add_argument(
        "--out", type=Path, default=Path("tune.html"), metavar="FILE", help="its page (default: tune.html)"
    )
