"""The panel on a terminal: a table that moves, or plain lines where nothing can move. Rendering only."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap

from rich.console import Group
from rich.table import Table
from rich.text import Text

from signalnode.bus.wire import SCORE_NAMES, STATUSES
from signalnode.panels.status import SETTLING, SOUND, duration
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
    "stale": "red",
    "silent": "red bold",
    "given up": "red bold",
    "backing off": "red",
    "starting": "cyan",
}
HEARD = frozenset({*STATUSES, SETTLING})
_HEAD_CHARS_MAX = 8
LEFT_COLUMNS = 2  # market and status; what follows are numbers
LOST = frozenset({"silent", "given up", "backing off"})
CAUSES_MAX = 3  # lines that say why processes are not up, or were started again
ROWS_MIN = 3  # markets shown however low the terminal is
ORNAMENTS = ("seq", "note")  # left out in this order where the terminal is narrow


def screen(panel: PanelView, now_ns: int, width: int, height: int) -> Group:
    """The whole panel: title, one line a market, what happened last, and how to go on. Where the markets are
    too many for the terminal, those that do not speak as they should are shown before the others.
    """
    rows = panel.rows(now_ns)
    elapsed_s = (now_ns - panel.started_ns) / 1e9
    below = _below(panel, rows, now_ns)
    room = height - 2 - sum(max(1, len(wrap(line.plain, width))) if not line.no_wrap else 1 for line in below)
    shown = _most_needed(rows, max(ROWS_MIN, room if len(rows) <= room else room - 1))
    parts: list[Text | Table] = [_title(rows, panel, elapsed_s), _table(shown, width)]
    if len(shown) < len(rows):
        left_out = Counter(row.status for row in rows if row not in shown)
        states = ", ".join(f"{number} {status}" for status, number in left_out.items())
        parts.append(Text(f"and {len(rows) - len(shown)} more: {states}", style="dim"))
    return Group(*parts, *below)


def _below(panel: PanelView, rows: list[Row], now_ns: int) -> list[Text]:
    """What stands under the table."""
    elapsed_s = (now_ns - panel.started_ns) / 1e9
    lines: list[Text] = [Text(silence, style="red")] if (silence := panel.silence(now_ns)) else []
    if panel.busy:
        spin = SPINNER[int(elapsed_s * 10) % len(SPINNER)]
        lines.append(Text(f"{spin} {panel.busy}  {duration(elapsed_s)}", style="cyan"))
    if panel.regime:
        lines.append(_regime(panel.regime))
    lines += [Text(line, style="cyan", overflow="ellipsis", no_wrap=True) for line in panel.decisions]
    lines += [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in panel.events]
    lines += _causes(rows)
    lines += _troubles(rows)
    lines += _failing(panel.failing)
    missed = " · −1 one score missed" if any(row.missed for row in rows) else ""
    missed += " · r1 restarted once" if any(row.restarts for row in rows) else ""
    lines.append(Text(f"0 to 100 by each market's own recent standard · {LEGEND}{missed}", style="dim"))
    page = f"open {panel.page}   " if panel.page else ""
    subscribe = f"subscribe: signalnode subscribe --json{panel.config_option}"
    lines.append(Text(f"{page}{subscribe}   stop: Ctrl-C", style="dim"))
    return lines


def _causes(rows: list[Row]) -> list[Text]:
    """Why processes are not up, and why they were started again."""
    told = sorted((row for row in rows if row.why), key=lambda row: (row.status in SOUND, -row.restarts))
    lines = [f"{row.market} {row.status}{_times(row.restarts)}: {row.why}" for row in told[:CAUSES_MAX]]
    if len(told) > CAUSES_MAX:
        lines.append(f"and {len(told) - CAUSES_MAX} more processes; see signalnode status")
    return [Text(line, style="yellow", overflow="ellipsis", no_wrap=True) for line in lines]


def _troubles(rows: list[Row]) -> list[Text]:
    """What is wrong with the data of markets whose processes are well."""
    told = [
        f"{row.market} {row.status}: {row.trouble}" for row in rows if row.trouble and row.status in HEARD
    ]
    lines = told[:CAUSES_MAX]
    if len(told) > CAUSES_MAX:
        lines.append(f"and {len(told) - CAUSES_MAX} more markets; see signalnode status")
    return [Text(line, style="yellow", overflow="ellipsis", no_wrap=True) for line in lines]


def _failing(told: list[str]) -> list[Text]:
    """The strategies that fail; the log has their tracebacks."""
    lines = told[:CAUSES_MAX]
    if len(told) > CAUSES_MAX:
        lines.append(f"and {len(told) - CAUSES_MAX} more strategies fail; see signalnode logs aggregator")
    return [Text(line, style="red", overflow="ellipsis", no_wrap=True) for line in lines]


def _times(restarts: int) -> str:
    """`, 2 restarts`; "" for none."""
    return f", {restarts} restart{'s' * (restarts != 1)}" if restarts else ""


def _most_needed(rows: list[Row], rows_max: int) -> list[Row]:
    """At most so many, in the order they have; of a market that is well, nobody needs to be told first."""
    by_need = sorted(range(len(rows)), key=lambda at: rows[at].status in SOUND)
    return [rows[at] for at in sorted(by_need[:rows_max])]


def plain_lines(panel: PanelView, now_ns: int, time: str) -> list[str]:
    """One line a market, for a file or a pipe."""
    rows = panel.rows(now_ns)
    if panel.busy:
        return [f"{time} {panel.busy} ({duration((now_ns - panel.started_ns) / 1e9)})"]
    names = columns(rows, SCORE_NAMES)
    news = [line for line in (panel.silence(now_ns), *panel.failing) if line]
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


def _table(rows: list[Row], width: int) -> Table:
    """As much as fits: what says least goes first, before a number would be cut."""
    names = columns(rows, SCORE_NAMES)
    for left_out in range(len(ORNAMENTS) + 1):
        drawn = _columns(rows, names, frozenset(ORNAMENTS[left_out:]))
        if sum(max(cell.cell_len for cell in cells) + 1 for cells in drawn) - 1 <= width:
            break
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    for place in range(len(drawn)):
        table.add_column(justify="left" if place < LEFT_COLUMNS else "right", no_wrap=True)
    for line in zip(*drawn, strict=True):
        table.add_row(*line)
    return table


def _columns(rows: list[Row], names: list[str], ornaments: frozenset[str]) -> list[list[Text]]:
    """The cells of each column, its head first."""
    drawn = [
        ("market", [_name(row, noted="note" in ornaments) for row in rows]),
        ("status", [_status(row) for row in rows]),
        ("mid", [Text(price(row.mid)) for row in rows]),
        *((HEADS.get(name, name[:_HEAD_CHARS_MAX]), [_score(row, name) for row in rows]) for name in names),
        ("warm", [Text(f"{row.warm:.0%}") for row in rows]),
        ("age", [_age(row) for row in rows]),
    ]
    if "seq" in ornaments:
        drawn.append(("seq", [Text(f"{row.seq:,}", style="dim") for row in rows]))
    return [[Text(head, style="dim"), *cells] for head, cells in drawn]


def _regime(strengths: dict[str, float]) -> Text:
    text = Text("regime", style="dim")
    for name, value in strengths.items():
        text.append(f"  {name.replace('_', ' ')} ").append(f"{value:.0f}", style=_heat(value))
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
    return Text(f"{BARS[min(8, int(value * 9 / 100))]}{value:3.0f}", style="dim" if stale else _heat(value))


def _heat(value: float) -> str:
    if value >= 90:
        return "bold bright_yellow"
    if value >= 75:
        return "yellow"
    return "white" if value >= 25 else "bright_black"


def _plain(row: Row, names: list[str], time: str) -> str:
    note = f" ({row.note})" if row.note else ""
    head = f"{time} {row.market}{note} {row.status} mid {price(row.mid)}"
    scores = " ".join(
        f"{HEADS.get(name, name)} {rounded(row.scores[name], 0)}" for name in names if name in row.scores
    )
    lost = f" missed {row.missed}" if row.missed else ""
    again = f"{_times(row.restarts)}: {row.why}" if row.why else _times(row.restarts)
    again += f" ({row.trouble})" if row.trouble and row.status in HEARD else ""
    return f"{head} {scores} warm {row.warm:.0%} age {duration(row.age_s)} seq {row.seq}{lost}{again}"
