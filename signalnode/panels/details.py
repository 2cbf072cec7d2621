"""What the terminal panel shows instead of its board: a market opened, decisions, problems. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich.text import Text

from signalnode.bus.cluster import ClusterState
from signalnode.bus.wire import DecisionMessage
from signalnode.clock import local_time
from signalnode.panels.arrange import HEARD
from signalnode.panels.child import channel_facts
from signalnode.panels.cluster import cluster_rows
from signalnode.panels.status import SOUND, duration
from signalnode.panels.view import PanelView, Row, price

BAR_CHARS = 30
GROUPS_MAX = 60  # strategies and markets told of
DECISIONS_MAX = 20  # of one market
_CLUSTER_STYLES = {"up": "green", "lost": "red bold"} | dict.fromkeys(
    ("asked", "ending", "draining", "trouble"), "yellow"
)
ARROWS = {"long": "▲", "short": "▼", "neutral": "◆"}


def market_lines(row: Row, panel: PanelView) -> list[Text]:
    """One market in full: how it stands and why, each score as a bar, its channels, decisions about it."""
    note = f" ({row.note})" if row.note else ""
    title = Text(f"{row.market}{note}", style="bold")
    title.append(f"  {row.status}", style="green" if row.status in SOUND else "red bold")
    facts = (
        f"mid {price(row.mid)}",
        _heard(row),
        f"warm {row.warm:.0%}",
        f"seq {row.seq:,}",
        f"epoch {row.epoch}",
    )
    title.append("  " + "  ".join(facts), style="dim")
    lines = [title, Text()]
    lines += [Text(text, style="yellow") for text in (*causes([row]), *troubles([row])) if text]
    if row.missed:
        lines.append(Text(f"{row.missed} scores were sent and never came", style="red"))
    wide = max((len(name) for name in row.scores), default=0)
    lines += [_bar(name, value, wide) for name, value in row.scores.items()]
    last = panel.markets[row.market].last if row.market in panel.markets else None
    if last is not None and last.health is not None:
        told = channel_facts(msgspec.to_builtins(last.health))
        lines += [Text(), *(Text(f"{name:<8} {text}") for name, text in told)]
    about = [each for each in panel.decided if row.market in each.markets][-DECISIONS_MAX:]
    lines += [Text(), *(_decision(each, 1) for each in reversed(about))]
    if not about:
        lines.append(Text("no decision about it since this panel began", style="dim"))
    return lines


def decision_lines(panel: PanelView) -> list[Text]:
    """The newest of each strategy and market, how often it came, its reasons and the scores it rests on."""
    groups: dict[tuple[str, ...], tuple[DecisionMessage, int]] = {}
    for each in panel.decided:
        key = (each.strategy, *each.markets)
        _, count = groups.pop(key, (each, 0))
        groups[key] = (each, count + 1)
    lines = [Text("decisions, the newest of each strategy and market", style="bold"), Text()]
    for decision, count in list(reversed(groups.values()))[:GROUPS_MAX]:
        lines.append(_decision(decision, count))
        lines += [
            Text(f"         {text}", style="dim") for text in (*decision.reasons, _rests_on(decision)) if text
        ]
    return lines if groups else [*lines, Text("none since this panel began", style="dim")]


def problem_lines(panel: PanelView, rows: Sequence[Row]) -> list[Text]:
    """All that is not as it should be, and the newest lines of the log."""
    lines = [Text(text, style="red") for text in panel.failing]
    lines += [Text(text, style="yellow") for text in (*causes(rows), *troubles(rows))]
    for row in rows:
        if row.status not in SOUND and not row.why and not (row.trouble and row.status in HEARD):
            lines.append(Text(f"{row.market} {row.status}, {_heard(row)}"))
    if not lines:
        lines = [Text("none: every market and strategy is well", style="green")]
    events = [Text(), Text("log", style="bold"), *(Text(line, style="dim") for line in panel.events)]
    return [Text("problems", style="bold"), Text(), *lines, *(events if panel.events else ())]


def cluster_screen(cluster: ClusterState | None) -> list[Text]:
    """Hosts, shards, grants and ages of the cluster."""
    if cluster is None:
        return [Text("this node is of no cluster: it has the one host", style="dim")]
    return [Text(line, style=_CLUSTER_STYLES.get(state, "")) for line, state in cluster_rows(cluster)]


def _heard(row: Row) -> str:
    return "never heard" if row.age_s is None else f"heard {duration(row.age_s)} ago"


def causes(rows: Iterable[Row]) -> list[str]:
    """Why processes are not up, and why they were started again: the worst first."""
    told = sorted((row for row in rows if row.why), key=lambda row: (row.status in SOUND, -row.restarts))
    return [f"{row.market} {row.status}{times(row.restarts)}: {row.why}" for row in told]


def troubles(rows: Iterable[Row]) -> list[str]:
    """What is wrong with the data of markets whose processes are well."""
    return [
        f"{row.market} {row.status}: {row.trouble}" for row in rows if row.trouble and row.status in HEARD
    ]


def times(restarts: int) -> str:
    """`, 2 restarts`; "" for none."""
    return f", {restarts} restart{'s' * (restarts != 1)}" if restarts else ""


def heat(value: float) -> str:
    """The style of a score."""
    if value >= 90:
        return "bold bright_yellow"
    if value >= 75:
        return "yellow"
    return "white" if value >= 25 else "bright_black"


def _bar(name: str, value: float | None, wide: int) -> Text:
    text = Text(f"{name:<{wide}}  ", style="dim")
    if value is None:
        return text.append("unknown: the market lacks its evidence", style="dim")
    return text.append("█" * round(value / 100 * BAR_CHARS) or "▏", style=heat(value)).append(
        f" {value:.0f}", style=heat(value)
    )


def _decision(decision: DecisionMessage, count: int) -> Text:
    text = Text(f"{local_time(decision.time_published_ns)} ", style="dim").append(
        f"{decision.strategy} ", style="cyan"
    )
    what = f"{decision.action} {ARROWS[decision.direction]} {decision.direction} {' '.join(decision.markets)}"
    text.append(what, style="bold").append(f" {decision.strength:.0f}")
    return text.append(f" ×{count}", style="dim") if count > 1 else text


def _rests_on(decision: DecisionMessage) -> str:
    told = [
        f"{market}: " + ", ".join(f"{name} {value:.1f}" for name, value in scores.items())
        for market, scores in decision.scores.items()
    ]
    return f"rests on {'; '.join(told)}" if told else ""
