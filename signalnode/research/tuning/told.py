"""What a study found, in words, and as a change of the market's file that nobody has made yet."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from signalnode.research.tuning.decision import Finding
from signalnode.research.tuning.space import Values
from signalnode.research.tuning.study import Verdict, spoken

TABLE = "[signals]"


def lines_of(verdicts: Sequence[Verdict], stands: Mapping[str, Values]) -> Iterator[str]:
    """Every verdict with its figures, market by market."""
    for market in dict.fromkeys(each.market for each in verdicts):
        yield f"{market}:"
        for verdict in (each for each in verdicts if each.market == market):
            yield f"  {verdict.target.name}: {sentence_of(verdict, stands[market])}"
            if verdict.finding is not None:
                yield f"    {figures_of(verdict, verdict.finding)}"


def sentence_of(verdict: Verdict, stands: Values) -> str:
    """`volume_s = 30 (now 12)`, or why the defaults are kept."""
    if verdict.proposed:
        changes = (f"{name} = {value:g} (now {stands[name]:g})" for name, value in verdict.proposed.items())
        return f"try {', '.join(changes)}"
    return f"keep the defaults: {'; '.join(verdict.doubts)}"


def figures_of(verdict: Verdict, finding: Finding) -> str:
    """The figures that a decision rests on."""
    told = [
        f"IC {verdict.ic:+.3f}",
        f"{finding.inside:+.3f} inside",
        f"{finding.held_out:+.3f} ± {finding.error:.3f} held out in {finding.held_out_blocks} of "
        f"{finding.blocks} blocks of {spoken(verdict.block_s)}",
        f"PBO {finding.overfitting:.0%}",
        f"{finding.deflated:.0%} real after {finding.trials} trials",
    ]
    if finding.own_share > 0.0:
        told.append(f"{finding.own_share:.0%} its own, the rest of all markets")
    if verdict.proposed:
        told.append(f"neighbours at ±20% keep {verdict.nearby:.0%}")
    return ", ".join(told)


def proposed_for(market: str, verdicts: Iterable[Verdict]) -> Values:
    """All that is proposed for a market, by parameter."""
    return {
        name: value for each in verdicts if each.market == market for name, value in each.proposed.items()
    }


def difference(text: str, values: Values, name: str) -> str:
    """A unified diff that sets these parameters in the market's file of that name, which holds `text`."""
    after = with_parameters(text, values)
    lines = difflib.unified_diff(
        text.splitlines(keepends=True), after.splitlines(keepends=True), name, name, n=2
    )
    return "".join(lines)


def with_parameters(text: str, values: Values) -> str:
    """The text of a market's file with these numbers in its `[signals]`, comments as they are."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    start = next((at for at, line in enumerate(lines) if line.split("#")[0].strip() == TABLE), None)
    if start is None:
        added = [f"{name} = {value!r}\n" for name, value in values.items()]
        return "".join([*lines, *(["\n"] if lines else []), f"{TABLE}\n", *added])
    stop = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("[")), len(lines))
    table, new = lines[start + 1 : stop], []
    for name, value in values.items():
        place = _line_of(name, table)
        if place is None:
            new.append(f"{name} = {value!r}\n")
        else:
            table[place] = _set(table[place], name, value)
    return "".join([*lines[: start + 1], *new, *table, *lines[stop:]])


def _line_of(name: str, table: Sequence[str]) -> int | None:
    """The line that sets a parameter, else the comment that shows how to."""
    for pattern in (rf"\s*{name}\s*=", rf"\s*#\s*{name}\s*="):
        for place, line in enumerate(table):
            if re.match(pattern, line):
                return place
    return None


def _set(line: str, name: str, value: float) -> str:
    """That line with another value; the comment behind it stays in its column where there is room."""
    _, _, after = line.partition("=")
    _, mark, comment = after.partition("#")
    told = f"{name} = {value!r}"
    if not mark:
        return f"{told}\n"
    column = len(line) - len(comment) - 1
    return f"{told.ljust(column - 1)} #{comment}"
