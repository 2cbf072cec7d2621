"""The verb `evaluate`: what scores, or a strategy, were worth on recordings."""

from __future__ import annotations

import argparse
import contextlib
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from signalnode.errors import DataError, UsageError

if TYPE_CHECKING:
    from signalnode.cli.evaluation import Progress
    from signalnode.cli.spans import Source
    from signalnode.research.evaluation import Evaluation

PAGES = (".html", ".htm")
TEXT_COLUMNS = 100


def evaluate(arguments: argparse.Namespace) -> int:
    """Print the verdicts, or all numbers with `--json`; with `--out` write the page."""
    check_out(arguments.out)
    from signalnode.cli.sources import sources_of
    from signalnode.compiled.loader import compile_missing
    from signalnode.files import replacing

    sources = sources_of(arguments)
    compile_missing(lambda line: print(line, file=sys.stderr, flush=True))
    with _shown(sys.stderr.isatty()) as progress:
        found = (_of_strategies if arguments.strategy else _of_scores)(sources, arguments, progress)
    if arguments.out is not None:
        with writing(arguments.out), replacing(arguments.out) as draft:
            draft.write_text(found.page(), encoding="utf-8")
    print(msgspec.json.encode(found.numbers).decode() if arguments.json else "\n".join(found.lines))
    for source in sources:
        for fault in source.decoding.faults.lines():
            print(f"signalnode: {fault}", file=sys.stderr)
    if arguments.out is not None:
        print(f"{arguments.out}: the page, for a browser", file=sys.stderr if arguments.json else sys.stdout)
    return 0


class _Found(NamedTuple):
    """What was found, in each of its forms."""

    numbers: object
    lines: Iterable[str]
    page: Callable[[], str]


def _of_scores(sources: Sequence[Source], arguments: argparse.Namespace, progress: Progress | None) -> _Found:
    from signalnode.cli.evaluation import evaluated
    from signalnode.research.report import page_of

    found = evaluated(sources, own_horizon_s=arguments.horizon, progress=progress)
    return _Found(found, _lines(found), lambda: page_of(found))


def _of_strategies(
    sources: Sequence[Source], arguments: argparse.Namespace, progress: Progress | None
) -> _Found:
    from signalnode.cli.trading import traded
    from signalnode.research.trading_report import strategies_page, strategy_lines

    found = traded(
        sources,
        list(dict.fromkeys(arguments.strategy)),
        arguments.config,
        hold_s=arguments.hold,
        fee_bps=arguments.fee_bps,
        progress=progress,
    )
    return _Found(found, strategy_lines(found), lambda: strategies_page(found))


def _lines(found: Evaluation) -> Iterator[str]:
    for market in found.markets:
        yield f"{market.market}: {market.events:,} events"
        for score in market.scores:
            text = f"{score.claim.score}: {score.verdict}. {score.words}"
            yield from textwrap.wrap(text, TEXT_COLUMNS, initial_indent="  ", subsequent_indent="    ")
    yield (
        f"{found.claims} claims looked at, {found.looks} with every horizon; of all called shown, the chance "
        f"that any is noise is {found.level:.0%}"
    )


def check_out(out: Path | None) -> None:
    """What can be wrong with it is found before the first file is read."""
    if out is None:
        return
    if not out.absolute().parent.is_dir():
        raise DataError(f"{out}: there is no directory {out.parent}; create it or choose another --out")
    if out.exists() and not out.is_file():
        raise DataError(f"{out}: is no plain file; choose another --out")
    if out.suffix.lower() not in PAGES:
        raise UsageError(f"--out {out}: a page is written as {' or '.join(PAGES)}; call it so")


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None


@contextlib.contextmanager
def _shown(on_terminal: bool) -> Iterator[Progress | None]:
    """Progress as bars, a market each; nothing where nobody looks."""
    if not on_terminal:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(market: str, done: float) -> None:
            if market not in tasks:
                tasks[market] = bars.add_task(market, total=1.0)
            bars.update(tasks[market], completed=done)

        yield show
