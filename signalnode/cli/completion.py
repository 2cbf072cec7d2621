"""`completion`: a script for bash, zsh or fish, made from the parser; market names are asked for at the time.

A script holds verbs, options and words; for names it runs `signalnode completion names`, which looks at the
names of the market files and needs neither a running node nor a compiler.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator

from signalnode.cli.grammar import FILE, NAME, SHELLS, TEXT, WORD, Value, Verb, verbs_of
from signalnode.cli.logs import names_of
from signalnode.cli.parser import command_line
from signalnode.errors import UsageError
from signalnode.settings import load_node


def completion(arguments: argparse.Namespace) -> int:
    """Print the script for `arguments.shell`, or with `names` what may stand for a market."""
    if arguments.shell == "names":
        print("\n".join(names_of(load_node(arguments.config, with_markets=False))))
        return 0
    if arguments.shell not in SCRIPTS:
        raise UsageError(f"completion: {arguments.shell!r} is no shell it knows; use {', '.join(SHELLS)}")
    print(SCRIPTS[arguments.shell](verbs_of(command_line())), end="")
    return 0


# Both loops: the first word that is no option is the verb, and --config decides whose names are asked for.
_BASH = """\
# signalnode for bash: put `eval "$(signalnode completion bash)"` into ~/.bashrc
_signalnode() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb= words= kind= i
    local -a config=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            --config)
                [[ ${{COMP_WORDS[i+1]}} == = ]] && ((i++))
                ((i + 1 < COMP_CWORD)) && config=(--config "${{COMP_WORDS[i+1]/#\\~/$HOME}}")
                ((i++)) ;;
            -*) ;;
            *) [[ -n $verb ]] || verb=${{COMP_WORDS[i]}} ;;
        esac
    done
    if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
{cases}
    case $kind in
        name) words=$("${{COMP_WORDS[0]/#\\~/$HOME}}" completion names "${{config[@]}}" 2>/dev/null) ;;
        file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -F _signalnode signalnode
"""

_ZSH = """\
#compdef signalnode
# signalnode for zsh: put `eval "$(signalnode completion zsh)"` into ~/.zshrc, after compinit
_signalnode() {{
    local word=${{words[CURRENT]}} before=${{words[CURRENT-1]}} verb= kind= i
    local -a config offered
    for ((i = 2; i < CURRENT; i++)); do
        case ${{words[i]}} in
            --config) ((i + 1 < CURRENT)) && config=(--config ${{~words[i+1]}}); ((i++)) ;;
            --config=*) config=(${{words[i]}}) ;;
            -*) ;;
            *) [[ -n $verb ]] || verb=${{words[i]}} ;;
        esac
    done
{cases}
    case $kind in
        name) offered=(${{(f)"$(${{~words[1]}} completion names $config 2>/dev/null)"}}) ;;
        file) _files; return ;;
    esac
    (($#offered)) && _describe signalnode offered
}}
(($+functions[compdef])) && compdef _signalnode signalnode
"""

# What may stand here, in the words both shells read alike: an option's value, an option, or an operand.
_CASES = """\
    case $verb:$before in
{values}
    *)  if [[ $word == -* ]]; then
            case $verb in
{options}
            esac
        else
            case $verb in
{operands}
            esac
        fi ;;
    esac"""
_NO_VERB = "''"


def bash(verbs: tuple[Verb, ...]) -> str:
    """A completion function for bash 4 or later."""

    def words(offered: list[tuple[str, str]]) -> str:
        return f"words={shlex.quote(' '.join(word for word, _ in offered))}"

    return _filled(_BASH, verbs, words)


def zsh(verbs: tuple[Verb, ...]) -> str:
    """A completion function for zsh, with a description beside each verb and option."""

    def words(offered: list[tuple[str, str]]) -> str:
        described = (f"{word}:{text}" if text else word for word, text in offered)
        return f"offered=({' '.join(shlex.quote(each) for each in described)})"

    return _filled(_ZSH, verbs, words)


def _filled(script: str, verbs: tuple[Verb, ...], words: Callable[[list[tuple[str, str]]], str]) -> str:
    """A script of cases, in bash's and zsh's common language; `words` writes down what may be chosen."""

    def said(value: Value | None) -> str:
        if value is None or value.kind == TEXT:
            return ":"
        return words([(word, "") for word in value.words]) if value.kind == WORD else f"kind={value.kind}"

    values = [
        f"    {verb.name}:{option.name}) {said(option.value)} ;;"
        for verb in verbs
        for option in verb.options
        if option.value is not None
    ]
    options = [
        f"            {verb.name or _NO_VERB}) {words([(each.name, each.text) for each in verb.options])} ;;"
        for verb in verbs
    ]
    operands = [f"            {verb.name}) {said(verb.operand)} ;;" for verb in verbs if verb.name]
    first = words([(verb.name, verb.text) for verb in verbs if verb.name])
    operands.append(f"            {_NO_VERB}) {first} ;;")
    cases = _CASES.format(values="\n".join(values), options="\n".join(options), operands="\n".join(operands))
    return script.format(cases=cases)


def fish(verbs: tuple[Verb, ...]) -> str:
    """A `complete` command of fish for each verb and option."""
    return "\n".join(_fish_lines(verbs)) + "\n"


def _fish_lines(verbs: tuple[Verb, ...]) -> Iterator[str]:
    yield "# signalnode for fish: signalnode completion fish > ~/.config/fish/completions/signalnode.fish"
    yield "function __signalnode_names"
    yield "    set -l words (commandline -opc)"
    yield "    set -l at (contains -i -- --config $words)"
    yield "    and set -l config --config $words[(math $at + 1)]"
    yield "    command $words[1] completion names $config 2>/dev/null"
    yield "end"
    yield "complete -c signalnode -f"
    for verb in verbs:
        when = f"__fish_seen_subcommand_from {verb.name}" if verb.name else "__fish_use_subcommand"
        if verb.name:
            yield f"complete -c signalnode -n __fish_use_subcommand -a {verb.name} -d {_fish_text(verb.text)}"
        if verb.operand is not None:
            yield f"complete -c signalnode -n {_fish_text(when)} {_fish_value(verb.operand)}"
        for option in verb.options:
            value = f" -r {_fish_value(option.value)}" if option.value is not None else ""
            name, text = option.name.removeprefix("--"), _fish_text(option.text)
            yield f"complete -c signalnode -n {_fish_text(when)} -l {name} -d {text}{value}"


def _fish_value(value: Value) -> str:
    if value.kind == NAME:
        return "-f -a '(__signalnode_names)'"
    return {FILE: "-F", TEXT: "-f"}.get(value.kind) or f"-f -a {_fish_text(' '.join(value.words))}"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SCRIPTS: dict[str, Callable[[tuple[Verb, ...]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
