"""What may be typed, and which function each verb calls. Building it imports nothing of the node."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from signalnode import __version__
from signalnode.cli.cluster_words import add_cluster
from signalnode.cli.completion import SHELLS
from signalnode.cli.numbers import count, lines
from signalnode.cli.recording_words import add_recordings, add_worth
from signalnode.cli.url_words import add_rest_url, add_ws_url
from signalnode.errors import UsageError

_KEY_HELP = {
    "name": "what to call this subscriber",
    "key": "the 40 characters that `keys new` printed there, in single quotes, or the node.key file it wrote",
}

_Verb = Callable[[str, str, str], argparse.ArgumentParser]


class _Parser(argparse.ArgumentParser):
    """Raises UsageError, one line, where argparse would print its whole usage and exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse does, with the nearest choice instead of all, where there is one."""
        known = [str(choice) for choice in action.choices or ()]
        near = difflib.get_close_matches(str(value), known, n=1) if known and value not in known else []
        if near:
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}; did you mean {near[0]}")
        super()._check_value(action, value)


class _Program(_Parser):
    """The whole command line; its help lists the verbs by what one wants to do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.verbs: dict[str, list[argparse.Action]] = {}  # by group

    def format_help(self) -> str:
        """Usage, then each group with its verbs, then the options."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        options = [each for each in self._actions if each.option_strings]
        for title, rows in (*self.verbs.items(), ("options", options)):
            formatter.start_section(title)
            formatter.add_arguments(rows)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read `argv`; the result always has `target` ("module:function") and `config` (Path or None).

    Raises UsageError; `--help`, `--version` and nothing at all end the process as usual.
    """
    words = _keys_as_values(argv) if "keys" in argv else argv
    arguments = _whole().parse_args(words or ["--help"])
    arguments.config = getattr(arguments, "config", None)
    return arguments


def _keys_as_values(argv: Sequence[str]) -> list[str]:
    """`argv` with a blank before each CURVE key that begins with "-" and would be taken for an option."""
    from signalnode.names import is_key

    options = ("--dir=", "--config=")
    return [
        f" {word}" if word.startswith("-") and not word.startswith(options) and is_key(word) else word
        for word in argv
    ]


def command_line() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    common = _Parser(add_help=False)
    # No default here: the verb's parser would overwrite what was given before the verb.
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the node's TOML file (default: $SIGNALNODE_CONFIG, else config/signalnode.toml)",
    )
    parser = _Program(
        prog="signalnode",
        description="Seven continuous scores a market, from 0 to 100, over ZeroMQ.",
        epilog="`signalnode COMMAND --help` tells more of one; `signalnode init --demo` is a good beginning.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"signalnode {__version__}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    def verb(group: str, name: str, target: str, text: str) -> argparse.ArgumentParser:
        parser.verbs.setdefault(group, []).append(argparse.Action([], dest=name, help=text))
        made = verbs.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)
        made.set_defaults(target=f"signalnode.cli.{target}")
        return made

    for group, add in _GROUPS:
        add(partial(verb, group), common)
    return parser


_whole = cache(command_line)  # 40 parsers take 20 ms


def _add_first_steps(verb: _Verb, _: _Parser) -> None:
    init = verb("init", "init:init", "Write a config to begin with, and say how to run it.")
    init.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="where to, all of it (default: config)"
    )
    what = init.add_mutually_exclusive_group()
    what.add_argument(
        "--demo", action="store_true", help="with recordings of two Binance markets, which play in a loop"
    )
    what.add_argument(
        "--venue", nargs="+", metavar=("VENUE", "MARKET"), help="live markets of a venue: dydx BTC-USD, say"
    )
    add_rest_url(init)
    add_ws_url(init)
    verb("check", "check:check", "Check the config and list every fault.")


def _add_watching(verb: _Verb, common: _Parser) -> None:
    run = verb("run", "run:run", "Run the whole node in the foreground; Ctrl-C ends it.")
    run.add_argument("--panel", action="store_true", help="show the scores; the log then goes to a file")
    verb("shutdown", "requests:shutdown", "Stop the whole node: every market, then Layer 5.")
    status = verb("status", "requests:status", "Show every process of the running node.")
    status.add_argument(
        "names", nargs="*", metavar="MARKET", help="only these, in full: every exit, last traceback"
    )
    status.add_argument("--json", action="store_true", help="one JSON object")
    top = verb("top", "streams:top", "Watch every market's scores, ages and states.")
    # For `run --panel`, which sends them on stdin.
    top.add_argument("--events", action="store_true", help=argparse.SUPPRESS)
    top.set_defaults(endpoint=None, keys=None)
    logs = verb("logs", "logs:logs", "Show what the processes have logged and printed.")
    logs.add_argument(
        "name", nargs="?", metavar="MARKET", help="or `aggregator`, or `supervisor` (default: all, by time)"
    )
    logs.add_argument("--follow", action="store_true", help="go on with each new entry until Ctrl-C")
    logs.add_argument("--lines", type=lines, default=50, metavar="N", help="the last N (default: 50)")
    logs.add_argument("--json", action="store_true", help="one JSON object a line")
    alerts = verb("alerts", "alerts:test", "Messages to people when something is wrong.")
    kinds = alerts.add_subparsers(metavar="WHAT", required=True, parser_class=_Parser)
    text = "Send one to each receiver of the config, and say how it was taken."
    kinds.add_parser("test", help=text, description=text, parents=[common], allow_abbrev=False)
    _add_subscribe(verb)


def _add_subscribe(verb: _Verb) -> None:
    subscribe = verb("subscribe", "streams:subscribe", "Print scores as they come.")
    subscribe.add_argument("markets", nargs="*", metavar="MARKET", help="only these (default: all)")
    subscribe.add_argument(
        "--json", action="store_true", help="one JSON object a line, with the keys of the wire"
    )
    subscribe.add_argument("--count", type=count, metavar="N", help="end after N scores")
    subscribe.add_argument(
        "--newest", action="store_true", help="where the reader is slow, each market's newest score only"
    )
    subscribe.add_argument("--endpoint", help="where to listen (default: the config's aggregator.endpoint)")
    subscribe.add_argument(
        "--keys", type=Path, metavar="DIR", help="your CURVE keys, for a node that asks for them"
    )


def _add_venues(verb: _Verb, _: _Parser) -> None:
    venues = verb("venues", "venues:venues", "List the venues: live or not, their limits and addresses.")
    venues.add_argument("--json", action="store_true", help="one JSON object")
    markets = verb("markets", "markets:markets", "Ask a venue which markets it has.")
    markets.add_argument("venue", metavar="VENUE", help="dydx, say")
    markets.add_argument("--search", default="", metavar="TEXT", help="only those with this in their name")
    markets.add_argument("--sort", choices=("name", "volume"), default="name", help="default: name")
    markets.add_argument("--json", action="store_true", help="one JSON object")
    add_rest_url(markets)

    doctor = verb("doctor", "doctor:doctor", "Say what is wrong between here and a venue, step by step.")
    doctor.add_argument("venue", nargs="?", metavar="VENUE", help="default: those of the config, else all")
    doctor.add_argument(
        "--market", default="", metavar="NAME", help="what to ask for (default: the config's)"
    )
    add_rest_url(doctor)
    add_ws_url(doctor)


def _add_markets(verb: _Verb, _: _Parser) -> None:
    add = verb(
        "add", "add:add", "Write the files of live markets beside the others; `reload` brings them in."
    )
    add.add_argument("venue", metavar="VENUE", help="whose markets: dydx, say")
    add.add_argument("markets", nargs="+", metavar="NAME", help="BTC-USD, say")
    add.add_argument("--as", dest="own_name", default="", metavar="NAME", help="our name of the one market")
    add_rest_url(add)
    add_ws_url(add)
    add.add_argument("--reload", action="store_true", help="and have the running node bring them in")
    verb("reload", "requests:reload", "Read the config again and apply what changed.")
    for name, what in (
        ("start", "Start markets that are down, or have been given up."),
        ("stop", "Stop markets; they stay down until started."),
        ("restart", "Stop and start markets; each goes on where it was."),
    ):
        each = verb(name, f"requests:{name}", what)
        each.add_argument("names", nargs="*", metavar="MARKET", help="or `aggregator`")
        each.add_argument("--all", action="store_true", help="every market of the node")


def _add_layer5(verb: _Verb, _: _Parser) -> None:
    decisions = verb("decisions", "layer5:decisions", "Print what the strategies decided.")
    decisions.add_argument(
        "--since", metavar="WHEN", help="only since 10m, 2h, 1d ago, or an ISO date and time"
    )
    decisions.add_argument(
        "--json", action="store_true", help="one JSON object a line, with the keys of the wire"
    )
    outcomes = verb("outcomes", "outcomes:outcomes", "Show what each score was followed by, so far.")
    outcomes.add_argument(
        "market", nargs="?", metavar="MARKET", help="all of its table (default: of all, the highest tenths)"
    )
    outcomes.add_argument("--json", action="store_true", help="one JSON object")
    replay = verb(
        "replay-decisions", "layer5:replay_decisions", "Put recorded scores through the config's strategies."
    )
    replay.add_argument(
        "files", nargs="+", metavar="FILE", help="score files of `replay`, MARKET.parquet or MARKET=FILE"
    )
    replay.add_argument(
        "--json", action="store_true", help="one JSON object a line, with the keys of the wire"
    )


def _add_machine(verb: _Verb, common: _Parser) -> None:
    install = verb("install-systemd", "install:install", "Write the systemd unit that runs this config.")
    install.add_argument("--user", action="store_true", help="for your own service manager, without root")
    install.add_argument("--name", help="of the service (default: signalnode, or with -head)")
    which = install.add_mutually_exclusive_group()
    which.add_argument("--head", action="store_true", help="the head of a cluster instead")
    which.add_argument("--join", default="", metavar="HEAD:PORT", help="a host of that cluster instead")
    install.add_argument("--print", action="store_true", help="print the unit and write nothing")
    completion = verb("completion", "completion:completion", "Print what lets a shell complete commands.")
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    keys = verb("keys", "layer5:keys_new", "Keys for subscribers from beyond this machine (CURVE).")
    kinds = keys.add_subparsers(metavar="WHAT", required=True, parser_class=_Parser)
    for name, text, arguments in (
        ("new", "Make a pair of keys and print the public one.", ()),
        ("allow", "Let the holder of a public key subscribe.", ("name", "key")),
        ("trust", "Remember the public key of a node, where you subscribe from.", ("key",)),
    ):
        each = kinds.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)
        each.set_defaults(target=f"signalnode.cli.layer5:keys_{name}")
        each.add_argument(
            "--dir", type=Path, help="the keys' directory (default: the config's aggregator.keys_dir)"
        )
        for argument in arguments:
            each.add_argument(argument, metavar=argument.upper(), type=str.strip, help=_KEY_HELP[argument])


# How the help lists the verbs: by what one wants to do.
_GROUPS: tuple[tuple[str, Callable[[_Verb, _Parser], None]], ...] = (
    ("first steps", _add_first_steps),
    ("run and watch", _add_watching),
    ("markets", _add_markets),
    ("venues", _add_venues),
    ("recordings", add_recordings),
    ("worth", add_worth),
    ("decisions (Layer 5)", _add_layer5),
    ("this machine and others", _add_machine),
    ("many machines", add_cluster),
)
