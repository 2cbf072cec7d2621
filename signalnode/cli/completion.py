"""`completion`: what lets a shell complete commands. At each Tab the shell then asks this very program.

argcomplete reads verbs and options off the parser, so that they are written down once; the values, among them
the markets of the config that is named on the line, are said here. Its question comes in the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from signalnode.errors import SignalnodeError

SHELLS = ("bash", "zsh", "fish")

# What argcomplete's scripts lack: they run the command as it was typed, where no shell expands "~", and in
# zsh and fish they look for it at the start of the line, where `sudo` or another command may stand.
_OWN = {
    "bash": r"""
_signalnode() { _python_argcomplete "${1/#\~/$HOME}"; }
complete -o nospace -o bashdefault -F _signalnode signalnode
""",
    "zsh": r"""
_signalnode() {
    if [[ $PREFIX == (|*=)\~* ]]; then compset -P '*='; _files; return; fi
    words[1]=(${~words[1]})
    local -h BUFFER="${(j: :)words[1,CURRENT]}"
    local -h CURSOR=$#BUFFER
    _python_argcomplete
}
compdef _signalnode signalnode
""",
    "fish": r"""
function __signalnode_typed
    set -l words (commandline -opc)
    for at in (seq (count $words))
        string match -qr '(?:^|/)signalnode$' -- $words[$at]; and break
    end
    set -lx _ARGCOMPLETE $at
    set -l typed (string replace -r '^~/' $HOME/ -- $words[$at])
    command -q $typed; and command $typed
end
""",
}


def completion(arguments: argparse.Namespace) -> int:
    """Print the script for `arguments.shell`."""
    from argcomplete.shell_integration import shellcode

    # No file is offered where none is meant.
    command = "__signalnode_typed" if arguments.shell == "fish" else None
    script = shellcode(["signalnode"], use_defaults=False, shell=arguments.shell, argcomplete_script=command)
    print(script + _OWN[arguments.shell], end="")
    return 0


def is_asked() -> bool:
    """Whether it is a shell that runs this program, to learn what may follow."""
    return "_ARGCOMPLETE" in os.environ


def answer(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Tell the shell what may follow, and end the process; `options` are further ones of `autocomplete`."""
    from argcomplete import autocomplete

    values: Any = _values  # hinted as a class of argcomplete's, where any callable will do
    autocomplete(parser, always_complete_options=False, default_completer=values, **options)


def _values(
    *, prefix: str, action: argparse.Action, parsed_args: argparse.Namespace, **_: Any
) -> Iterable[str]:
    """What may be given for one operand or option; nothing where nobody can guess it."""
    shown = action.metavar or action.dest.upper()
    if shown == "MARKET":
        return _names(getattr(parsed_args, "config", None))
    if shown == "VENUE":
        from signalnode.settings import VENUE_NAMES

        return VENUE_NAMES
    if action.type is Path or shown == "FILE":
        from argcomplete.completers import FilesCompleter

        return FilesCompleter()(prefix)
    return ()


def _names(config: Path | None) -> list[str]:
    from signalnode.settings import find_node, names_of

    with contextlib.suppress(SignalnodeError):
        return names_of(find_node(config))
    return []
