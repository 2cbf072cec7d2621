"""`init`: a config to begin with, whole or not at all and never over a file that is there."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from signalnode.cli.venues import checked_live
from signalnode.errors import RuntimeDirectoryError, UsageError
from signalnode.files import NO_ROOM, ensure_directory
from signalnode.names import market_name_fault, market_name_of, scores_path, socket_path_fault
from signalnode.settings.addresses import URL_SCHEMES, url_fault
from signalnode.settings.environment import CONFIG_PATH_DEFAULT, config_option
from signalnode.settings.reading import shown
from signalnode.settings.writing import CONFIG_NAME, OWN_MARKET, demo_texts, live_texts, own_texts

if TYPE_CHECKING:
    from signalnode.cli.markets import Held

SAMPLE = Path(__file__).parents[1] / "sample"
DIRECTORY_MODE = 0o777  # less what the umask takes, as with mkdir(1)
LONGEST_MARKET = OWN_MARKET  # of those written here
DEMO = "BTC-USDT and ETH-USDT, recorded on Binance, in a loop; SOL-USD, made up"
OWN = f"{OWN_MARKET}, made up; its file shows what else a market may be"


def init(arguments: argparse.Namespace) -> int:
    """Write config and markets, and say the next two commands."""
    if arguments.config is not None:
        raise UsageError("init: DIR says where to write; leave --config out")
    folder: Path = (arguments.folder or CONFIG_PATH_DEFAULT.parent).expanduser()
    venue, *markets = arguments.venue or ("",)
    urls = addresses_typed("init", arguments)
    if venue:
        check_live("init: --venue", venue, markets)
    elif urls:
        raise UsageError("init: --ws-url and --rest-url are a venue's; name it by --venue")
    longest = max([LONGEST_MARKET, *markets], key=len)
    fault = socket_path_fault(scores_path(folder.resolve() / "run", longest))
    if fault:
        raise UsageError(f"init: {fault.rpartition(';')[0]}; choose a folder with a shorter path")
    is_heard = True
    if venue:
        symbols, is_heard = held("init: --venue", venue, markets, urls)
        texts, what = live_texts(venue, symbols, urls), f"{', '.join(symbols)}, live from {venue}"
    elif arguments.demo:
        texts, what = demo_texts(), DEMO
    else:
        texts, what = own_texts(), OWN
    samples = SAMPLE.iterdir() if arguments.demo else ()
    files = {f"sample/{path.name}": path.read_bytes() for path in samples}
    write_new(folder, files | {name: text.encode() for name, text in texts.items()})
    _tell(folder / CONFIG_NAME, what, () if is_heard else ("doctor",))
    return 0


def addresses_typed(what: str, arguments: argparse.Namespace) -> dict[str, str]:
    """`ws_url` and `rest_url` of the command line, where they are there. Raises UsageError."""
    urls: dict[str, str] = {key: getattr(arguments, key) for key in URL_SCHEMES if getattr(arguments, key)}
    for key, url in urls.items():
        fault = url_fault(url, URL_SCHEMES[key])
        if fault:
            raise UsageError(f"{what}: --{key.replace('_', '-')}: {fault}")
    return urls


def held(what: str, venue: str, markets: list[str], urls: Mapping[str, str]) -> Held:
    """See `markets.symbols_of`; a venue of another address is asked there or not at all."""
    from signalnode.cli.markets import not_held, symbols_of

    if "ws_url" in urls and "rest_url" not in urls:
        return not_held(what, venue, markets, "it is at another address; give --rest-url too")
    return symbols_of(what, venue, markets, urls.get("rest_url", ""))


def check_live(what: str, venue: str, markets: list[str]) -> None:
    """Raise UsageError unless these can be live markets of `venue`; `what` says where they stand."""
    checked_live(venue, what)
    if not markets:
        raise UsageError(f"{what}: no market named; write it like {venue} BTC-USD ETH-USD")
    for market in markets:
        fault = market_name_fault(market)
        if fault and not market_name_of(market):  # as its venue spells it, it may be listed
            raise UsageError(f"{what}: {fault}")
        if markets.count(market) > 1:
            raise UsageError(f"{what}: {market} is named twice; leave one out")


def refuse_written(paths: Iterable[Path], mend: str) -> None:
    """Raise RuntimeDirectoryError for the first of these that is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise RuntimeDirectoryError(f"{shown(path)}: is there, so nothing was written; {mend}")


def write_new(folder: Path, files: Mapping[str, bytes], mend: str = "name another folder") -> None:
    """Write every file below `folder`, in their order, or none; directories are made.

    Raises RuntimeDirectoryError where one is there already, or cannot be written.
    """
    refuse_written((folder / name for name in sorted(files, key=_comes_last)), mend)
    made: list[Path] = []
    try:
        for name, content in files.items():
            path = folder / name
            made += reversed(ensure_directory(path.parent, DIRECTORY_MODE))
            with path.open("xb") as file:
                made.append(path)
                file.write(content)
    except BaseException as error:
        _take_back(made)
        if not isinstance(error, OSError):
            raise
        error.filename = error.filename or str(path)  # a write does not say to what
        if error.errno in NO_ROOM:
            raise
        what = f"{shown(Path(error.filename))}: cannot be made ({error.strerror})"
        raise RuntimeDirectoryError(f"{what}; name another folder") from None


def _comes_last(name: str) -> bool:
    """The config itself tells most of what is there already."""
    return name != CONFIG_NAME


def _take_back(made: list[Path]) -> None:
    for path in reversed(made):
        with contextlib.suppress(OSError):  # a directory that somebody else wrote to meanwhile stays
            path.rmdir() if path.is_dir() else path.unlink()


def _tell(config: Path, what: str, first: Iterable[str]) -> None:
    print(f"{config}: written, with its markets: {what}")
    look = "see first whether the venue can be heard from here; then " if first else ""
    print(f"{look}run it, and in another terminal listen:")
    for verb in (*first, "run --panel", "subscribe"):
        print(f"  {_program()} {verb}{config_option(config)}")


def _program() -> str:
    """This program as it can be typed: by its name, where the shell would find it."""
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m signalnode"
    return "signalnode" if shutil.which("signalnode") else shlex.quote(sys.argv[0])
