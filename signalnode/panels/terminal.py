"""The panel on a terminal: a table that moves, or plain lines where nothing can move. Rendering only."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap

from rich.console import Group
from rich.table import Table
from rich.text import Text

from signalnode.bus.wire import SCORE_NAMES
from signalnode.panels.arrange import HEARD, Arrangement, most_needed
from signalnode.panels.cluster import trouble_lines, whole_line
from signalnode.panels.details import (
    causes,
    cluster_screen,
    decision_lines,
    heat,
    market_lines,
    problem_lines,
    times,
    troubles,
)
from signalnode.panels.keys import NEED, Controls
from signalnode.panels.status import SOUND, duration
from signalnode.panels.view import PanelView, Row, columns, price, rounded

BARS = " ▁▂▃▄▅▆▇█"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
HEADS = {
    "momentum_long": "mom↑",
    "momentum_short": "mom↓",
    "mean_reversion_long": "rev↑",
    "mean_reversion_short": "rev↓",
    "volatility_breakout": "vola",
    "volume_spike": "volu",
    "liquidity_opportunity": "liqu",
}
LEGEND = "mom momentum · rev mean reversion · ↑ long ↓ short · vola volatility · volu volume · liqu liquidity"
_STATUS_STYLES = {
    "live": "green",
    "warming": "cyan",
    "degraded": "yellow",
    "settling": "yellow",
    "behind": "yellow",
    "stale": "red",
    "silent": "red bold",
    "given up": "red bold",
    "backing off": "red",
    "starting": "cyan",
}
_HEAD_CHARS_MAX = 8
LEFT_COLUMNS = 2  # market and status; what follows are numbers
LOST = frozenset({"silent", "given up", "backing off"})
CAUSES_MAX = 3  # lines that say why processes are not up, or were started again
ROWS_MIN = 3  # markets shown however low the terminal is
# Left out in this order where the terminal is narrow; then scores, the last first, and the mid.
ORNAMENTS = ("seq", "note", "age", "warm")


def screen(
    panel: PanelView,
    now_ns: int,
    width: int,
    height: int,
    *,
    controls: Controls | None = None,
    arrangement: Arrangement | None = None,
) -> Group:
    """The whole panel: title, one line a market, what happened last, and how to go on; or what was asked for
    instead of it. Where the markets are too many for the terminal, those that do not speak as they should and
    those with the strongest scores are shown before the others.
    """
    controls, arrangement = controls or Controls(), arrangement or Arrangement()
    rows = panel.rows(now_ns)
    if controls.shows != "board":
        return _instead(panel, rows, now_ns, height, controls)
    elapsed_s = (now_ns - panel.started_ns) / 1e9
    below = _below(panel, rows, now_ns, controls)
    room = height - 2 - sum(max(1, len(wrap(line.plain, width))) if not line.no_wrap else 1 for line in below)
    found = arrangement.arranged(rows, controls, now_ns)
    room = max(ROWS_MIN, room if len(found) <= room else room - 1)
    if controls.sort == NEED and not controls.is_turned:
        first = most_needed(found, room)
        if len(first) < len(found):
            seen = {row.market for row in first}
            found = first + [row for row in found if row.market not in seen]
        else:
            found.sort(key=lambda row: row.market)
    controls.names = [row.market for row in found]
    at = controls.names.index(controls.selected) if controls.selected in controls.names else None
    begin, end = controls.window(len(found), room, at)
    shown = found[begin:end]
    parts: list[Text | Table] = [_title(rows, panel, elapsed_s), _table(shown, width, controls)]
    if len(shown) < len(found):
        left_out = Counter(row.status for row in (*found[:begin], *found[end:]))
        states = ", ".join(f"{number} {status}" for status, number in left_out.items())
        parts.append(Text(f"and {len(found) - len(shown)} more: {states}", style="dim"))
    return Group(*parts, *below)


def _instead(panel: PanelView, rows: list[Row], now_ns: int, height: int, controls: Controls) -> Group:
    """A market opened, decisions, problems or hosts, as far as there is room, and how to come back."""
    if controls.shows == "market":
        chosen = [row for row in rows if row.market == controls.selected]
        lines = (
            market_lines(chosen[0], panel) if chosen else [Text(f"{controls.selected} has left the config")]
        )
    elif controls.shows == "hosts":
        lines = cluster_screen(panel.cluster_at(now_ns))
    else:
        lines = decision_lines(panel) if controls.shows == "decisions" else problem_lines(panel, rows)
    begin, end = controls.window(len(lines), height - 3)
    left = len(lines) - (end - begin)
    more = f"{left} more lines: ↑ ↓   " if left else ""
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines[begin:end], Text(f"{more}Esc back   {_screens(panel)}   q quit", style="dim"))


def _below(panel: PanelView, rows: list[Row], now_ns: int, controls: Controls) -> list[Text]:
    """What stands under the table."""
    elapsed_s = (now_ns - panel.started_ns) / 1e9
    lines: list[Text] = [Text(silence, style="red")] if (silence := panel.silence(now_ns)) else []
    if panel.busy:
        spin = SPINNER[int(elapsed_s * 10) % len(SPINNER)]
        lines.append(Text(f"{spin} {panel.busy}  {duration(elapsed_s)}", style="cyan"))
    if (cluster := panel.cluster_at(now_ns)) is not None:
        lines.append(Text(whole_line(cluster), style="dim", overflow="ellipsis", no_wrap=True))
        lines += _first(trouble_lines(cluster), "of the cluster; key h", "yellow")
    if panel.regime:
        lines.append(_regime(panel.regime))
    lines += [Text(line, style="cyan", overflow="ellipsis", no_wrap=True) for line in panel.decisions]
    lines += [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in panel.events]
    lines += _first(causes(rows), "processes; see signalnode status", "yellow")
    lines += _first(troubles(rows), "markets; see signalnode status", "yellow")
    lines += _first(panel.failing, "strategies fail; see signalnode logs aggregator", "red")
    missed = " · −1 one score missed" if any(row.missed for row in rows) else ""
    missed += " · r1 restarted once" if any(row.restarts for row in rows) else ""
    lines.append(Text(f"0 to 100 by each market's own recent standard · {LEGEND}{missed}", style="dim"))
    if controls.has_keys:
        lines.append(_keys(panel, controls))
    lines.append(Text(ways(panel), style="dim"))
    return lines


def ways(panel: PanelView) -> str:
    """Where else to look, and how to end it."""
    page = f"open {panel.page}   " if panel.page else ""
    return f"{page}subscribe: signalnode subscribe --json{panel.config_option}   stop: Ctrl-C"


def _first(told: list[str], others: str, style: str) -> list[Text]:
    lines = told[:CAUSES_MAX]
    if len(told) > CAUSES_MAX:
        lines.append(f"and {len(told) - CAUSES_MAX} more {others}")
    return [Text(line, style=style, overflow="ellipsis", no_wrap=True) for line in lines]


def _screens(panel: PanelView) -> str:
    return f"d decisions   p problems{'   h hosts' if panel.cluster is not None else ''}"


def _keys(panel: PanelView, controls: Controls) -> Text:
    """What the keys do, and what they have done."""
    if controls.is_typing:
        text = Text("filter ", style="bold").append(f"{controls.filter}▏", style="cyan")
        return text.append("  by name or state; Enter keeps it, Esc clears it", style="dim")
    kept = f"filter {controls.filter}, Esc clears it" if controls.filter else "/ filter"
    way = ", turned round" if controls.is_turned else ""
    by = HEADS.get(controls.sort, controls.sort)
    words = f"↑ ↓ Enter open   s S sort (by {by}{way})   r turn   {kept}   {_screens(panel)}   q quit"
    return Text(words, style="dim", overflow="ellipsis", no_wrap=True)


def plain_lines(panel: PanelView, now_ns: int, time: str) -> list[str]:
    """One line a market, for a file or a pipe."""
    rows = panel.rows(now_ns)
    if panel.busy:
        return [f"{time} {panel.busy} ({duration((now_ns - panel.started_ns) / 1e9)})"]
    names = columns(rows, SCORE_NAMES)
    cluster = panel.cluster_at(now_ns)
    said = [whole_line(cluster), *trouble_lines(cluster)] if cluster is not None else []
    news = [line for line in (panel.silence(now_ns), *said, *panel.failing) if line]
    return [*(_plain(row, names, time) for row in rows), *(f"{time} {line}" for line in news)]


def _title(rows: list[Row], panel: PanelView, elapsed_s: float) -> Text:
    heard = sum(row.status in HEARD for row in rows)
    unsound = Counter(row.status for row in rows if row.status in HEARD and row.status not in SOUND)
    speaking = f"{heard} of {len(rows)} markets speaking"
    speaking += "".join(f", {number} {status}" for status, number in unsound.items())
    notes = {row.note for row in rows}
    parts = [speaking, *(notes if len(notes) == 1 else ()), duration(elapsed_s), panel.endpoint]
    title = Text("signalnode", style="bold", overflow="ellipsis", no_wrap=True)
    return title.append(f"  {' · '.join(filter(None, parts))}", style="dim")


def _table(rows: list[Row], width: int, controls: Controls) -> Table:
    """As much as fits: what says least goes first, before a number would be cut."""
    names = columns(rows, SCORE_NAMES)
    keys, drawn = _columns(rows, names, controls.sort)
    for left_out in (*ORNAMENTS, *reversed(names), "mid"):
        if sum(max(cell.cell_len for cell in cells) + 1 for cells in drawn) - 1 <= width:
            break
        if left_out == "note":
            drawn[0][1:] = [_name(row, noted=False) for row in rows]
        else:
            del drawn[keys.index(left_out)]
            keys.remove(left_out)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    for place in range(len(drawn)):
        table.add_column(justify="left" if place < LEFT_COLUMNS else "right", no_wrap=True)
    controls.columns = keys
    for row, line in zip((None, *rows), zip(*drawn, strict=True), strict=True):
        chosen = row is not None and row.market == controls.selected
        table.add_row(*line, style="reverse" if chosen else "")
    return table


def _columns(rows: list[Row], names: list[str], sort: str) -> tuple[list[str], list[list[Text]]]:
    """What each column may be sorted by, and its cells, its head first."""
    drawn = [
        ("market", "market", [_name(row, noted=True) for row in rows]),
        ("status", "status", [_status(row) for row in rows]),
        ("mid", "mid", [Text(price(row.mid)) for row in rows]),
        *(
            (name, HEADS.get(name, name[:_HEAD_CHARS_MAX]), [_score(row, name) for row in rows])
            for name in names
        ),
        ("warm", "warm", [Text(f"{row.warm:.0%}") for row in rows]),
        ("age", "age", [_age(row) for row in rows]),
        ("seq", "seq", [Text(f"{row.seq:,}", style="dim") for row in rows]),
    ]
    heads = [Text(head, style="bold underline" if key == sort else "dim") for key, head, _ in drawn]
    columns = [[head, *cells] for head, (_, _, cells) in zip(heads, drawn, strict=True)]
    return [key for key, _, _ in drawn], columns


def _regime(strengths: dict[str, float]) -> Text:
    text = Text("regime", style="dim")
    for name, value in strengths.items():
        text.append(f"  {name.replace('_', ' ')} ").append(f"{value:.0f}", style=heat(value))
    return text


def _name(row: Row, *, noted: bool) -> Text:
    text = Text(row.market, style="bold")
    if row.note and noted:
        text.append(f" {row.note}", style="dim italic")
    return text


def _status(row: Row) -> Text:
    text = Text(row.status, style=_STATUS_STYLES.get(row.status, "dim"))
    if row.restarts:
        text.append(f" r{row.restarts}", style="yellow")
    return text.append(f" −{row.missed}", style="red") if row.missed else text


def _age(row: Row) -> Text:
    late = row.age_s is not None and row.status in LOST
    return Text(duration(row.age_s), style="red" if late else "dim")


def _score(row: Row, name: str) -> Text:
    value = row.scores.get(name)
    if value is None:
        return Text("-" if name in row.scores else "·", style="dim")
    stale = row.status not in HEARD or row.status == "stale"
    return Text(f"{BARS[min(8, int(value * 9 / 100))]}{value:3.0f}", style="dim" if stale else heat(value))


def _plain(row: Row, names: list[str], time: str) -> str:
    note = f" ({row.note})" if row.note else ""
    head = f"{time} {row.market}{note} {row.status} mid {price(row.mid)}"
    scores = " ".join(
        f"{HEADS.get(name, name)} {rounded(row.scores[name], 0)}" for name in names if name in row.scores
    )
    lost = f" missed {row.missed}" if row.missed else ""
    again = f"{times(row.restarts)}: {row.why}" if row.why else times(row.restarts)
    again += f" ({row.trouble})" if row.trouble and row.status in HEARD else ""
    return f"{head} {scores} warm {row.warm:.0%} age {duration(row.age_s)} seq {row.seq}{lost}{again}"
