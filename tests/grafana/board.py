"""The Grafana board of config/grafana, made with Grafana's own library, so that Grafana reads it.

Rates are over fixed times of many scrapes, so that a test may ask a Prometheus what the board asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Series
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

from tests.documents import ROOT

PATH = ROOT / "config" / "grafana" / "signalnode.json"
COLUMNS = 24  # of Grafana's grid
STAT_HEIGHT, HEIGHT = 4, 8
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
BAD_STATES = "stale|silent|degraded|behind|unheard|down|backing_off|given_up"
GREEN, YELLOW, RED = "green", "yellow", "red"


def board() -> Dashboard:
    """All of it: the node at one look, markets, feeds, Layer 5, one market's scores, processes, a cluster."""
    made = (
        Dashboard("signalnode")
        .uid("signalnode")
        .tags(["signalnode"])
        .description("Markets, scores and processes of one signalnode. Made by python -m tests.grafana.")
        .time("now-1h", "now")
        .refresh("10s")
        .readonly()
        .with_variable(DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .with_variable(
            QueryVariable("market")
            .label("Market")
            .datasource(SOURCE)
            .query("label_values(signalnode_market_state, market)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
        )
    )
    number = 0  # of a panel: Grafana's links lead by it
    for title, panels in _rows():
        number += 1
        made = made.with_row(Row(title).id(number))
        for panel in panels:
            number += 1
            made = made.with_panel(panel.id(number))
    return made


NO_VARIABLE_KEYS = {"auto", "auto_count", "auto_min", "id"}  # which the kit writes; Grafana's schema has none


def text() -> str:
    """The file."""
    made = json.loads(JSONEncoder().encode(board().build()))
    made.pop("style", None)  # as these
    for variable in made["templating"]["list"]:
        for key in NO_VARIABLE_KEYS & variable.keys():
            del variable[key]
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def expressions(shown: Any) -> Iterator[str]:
    """Every expression that a board, as JSON reads, asks a Prometheus for."""
    if isinstance(shown, dict):
        if isinstance(shown.get("expr"), str):
            yield shown["expr"]
        for each in shown.values():
            yield from expressions(each)
    elif isinstance(shown, list):
        for each in shown:
            yield from expressions(each)


def write(path: Path = PATH) -> None:
    """Write the file anew."""
    path.write_text(text(), encoding="utf-8")


def _rows() -> tuple[tuple[str, tuple[Stat | Series, ...]], ...]:
    return (
        ("The node", _node()),
        ("Markets", _markets()),
        ("Feeds", _feeds()),
        ("Layer 5", _layer_5()),
        ("$market", _market()),
        ("Processes", _processes()),
        ("Cluster", _cluster()),
    )


def _node() -> tuple[Stat, ...]:
    usable = 'sum(signalnode_market_state{state=~"live|warming"}) / count(signalnode_market_state)'
    return (
        _stat("Layer 5 is heard", "min(signalnode_up)", (RED, (1.0, GREEN))).min(0.0).max(1.0),
        _stat(
            "Markets to be relied on",
            f"{usable} or vector(0)",
            (RED, (0.5, YELLOW), (1.0, GREEN)),
            "percentunit",
        ),
        _stat("Given up", _or_0('count(signalnode_process_state{state="given_up"})'), (GREEN, (1.0, RED))),
        _stat(
            "Restarts in an hour",
            "sum(increase(signalnode_process_restarts_total[1h]))",
            (GREEN, (1.0, YELLOW)),
        ),
        _stat("Decisions a minute", "60 * sum(rate(signalnode_decisions_total[5m]))", (GREEN,)),
        _stat("Decisions withheld", "sum(signalnode_decisions_withheld_total)", (GREEN, (1.0, RED))),
    )


def _markets() -> tuple[Series, ...]:
    return (
        _stacked(_series("Markets by state", ("sum by (state) (signalnode_market_state)", "{{state}}"))),
        _series(
            "In trouble",
            (f'signalnode_market_state{{state=~"{BAD_STATES}"}}', "{{market}} {{state}}"),
        ),
        _series("Oldest scores", ("topk(10, signalnode_score_age_seconds)", "{{market}}")).unit("s"),
        _series("Scores a second", ("sum(rate(signalnode_scores_total[1m]))", "all")),
        _series("Least warm", ("bottomk(10, signalnode_market_warm_ratio)", "{{market}}")).unit(
            "percentunit"
        ),
        _series(
            "Scores lost on the bus",
            ("topk(10, increase(signalnode_scores_missed_total[5m]))", "{{market}}"),
        ),
    )


def _feeds() -> tuple[Series, ...]:
    return (
        _series("Gaps", ("topk(10, increase(signalnode_feed_gaps_total[5m]))", "{{market}} {{channel}}")),
        _series("Silent channels", ("sum by (market) (signalnode_channel_silent)", "{{market}}")),
        _series("Oldest events", ("topk(10, signalnode_channel_age_seconds)", "{{market}} {{channel}}")).unit(
            "s"
        ),
        _series(
            "A score's way to Layer 5",
            (_quantile(0.5), "median"),
            (_quantile(0.99), "99 of 100"),
            (
                "rate(signalnode_delivery_latency_seconds_sum[5m]) / "
                "rate(signalnode_delivery_latency_seconds_count[5m])",
                "mean",
            ),
        ).unit("s"),
    )


def _layer_5() -> tuple[Series, ...]:
    return (
        _series(
            "Decisions a minute",
            ("60 * sum by (strategy) (rate(signalnode_decisions_total[5m]))", "{{strategy}}"),
        ),
        _series(
            "Turns lost",
            (
                "sum by (strategy, why) (increase(signalnode_strategy_turns_lost_total[5m]))",
                "{{strategy}} {{why}}",
            ),
            ("signalnode_strategy_failures", "{{strategy}} in a row"),
        ),
        _stacked(_series("Regime", ("signalnode_regime_ratio", "{{regime}}"))).unit("percentunit"),
        _series("View", ("signalnode_view_age_seconds", "age")).unit("s"),
        _series(
            "Kept", ("signalnode_journal_bytes", "journal"), ("signalnode_recorded_bytes", "recordings")
        ).unit("bytes"),
        _series(
            "Refused and missing",
            ("increase(signalnode_messages_rejected_total[5m])", "messages of no contract"),
            ("increase(signalnode_recording_gaps_total[5m])", "gaps of recordings"),
            ("1 - signalnode_recording", "recording rests"),
        ),
    )


def _market() -> tuple[Series, ...]:
    one = 'market="$market"'
    return (
        _series("Scores", (f"signalnode_score{{{one}}}", "{{signal}}")).min(0.0).max(100.0).span(16),
        _series(
            "State",
            (f"signalnode_market_state{{{one}}}", "{{state}}"),
            (f"signalnode_market_warm_ratio{{{one}}}", "warm"),
        ).span(8),
    )


def _processes() -> tuple[Series, ...]:
    return (
        _series(
            "Processor", ("topk(10, rate(signalnode_process_cpu_seconds_total[1m]))", "{{process}}")
        ).unit("percentunit"),
        _series("Memory", ("topk(10, signalnode_process_pss_bytes)", "{{process}}")).unit("bytes"),
        _series("Restarts", ("topk(10, increase(signalnode_process_restarts_total[10m]))", "{{process}}")),
        _stacked(_series("By state", ("sum by (state) (signalnode_process_state)", "{{state}}"))),
        _series("Browsers", ("signalnode_browsers", "on the page")),
        _series(
            "Alerts",
            ("increase(signalnode_alerts_sent_total[10m])", "sent"),
            ("increase(signalnode_alerts_lost_total[10m])", "lost"),
            ("signalnode_alerts_outage_seconds", "seconds that a receiver takes none"),
        ),
    )


def _cluster() -> tuple[Series, ...]:
    """Empty where there is none."""
    return (
        _stacked(_series("Hosts by state", ("sum by (state) (signalnode_cluster_host_state)", "{{state}}"))),
        _stacked(_series("Markets by host", ("signalnode_cluster_host_markets", "{{host}}"))),
        _stacked(_series("Shards by state", ("sum(signalnode_cluster_shard_state) by (state)", "{{state}}"))),
        _series(
            "Placement",
            ("signalnode_cluster_markets_wanted", "wanted"),
            ("signalnode_cluster_markets_ready", "ready"),
            ("signalnode_cluster_markets_unplaced", "unplaced"),
            ("signalnode_cluster_markets_moving", "moving"),
            ("increase(signalnode_cluster_moves_total[10m])", "moves in ten minutes"),
        ),
        _series(
            "Since last heard",
            ("signalnode_cluster_head_age_seconds", "head"),
            ("topk(10, signalnode_cluster_shard_age_seconds)", "{{shard}}"),
            ("topk(10, signalnode_source_age_seconds)", "{{source}}"),
        ).unit("s"),
        _series(
            "Since markets were given last",
            ("bottomk(10, signalnode_cluster_grant_age_seconds)", "{{shard}}"),
        ).unit("s"),
        _series("Markets by aggregator", ("signalnode_source_markets", "{{source}}")),
        _series("Checkpoints not in the store", ("signalnode_cluster_checkpoints_away == 1", "{{shard}}")),
    )


def _stat(title: str, expression: str, steps: tuple[Any, ...], unit: str = "short") -> Stat:
    first, *further = steps
    levels = [Threshold(color=first), *(Threshold(value=value, color=colour) for value, colour in further)]
    return (
        Stat()
        .title(title)
        .datasource(SOURCE)
        .with_target(_query(expression, title).instant())
        .unit(unit)
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(levels))
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .height(STAT_HEIGHT)
        .span(COLUMNS // 6)
    )


def _series(title: str, *asked: tuple[str, str]) -> Series:
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = Series().title(title).datasource(SOURCE).legend(legend.show_legend(True)).fill_opacity(10)
    for number, (expression, words) in enumerate(asked):
        panel = panel.with_target(_query(expression, words).range().ref_id("ABCDEF"[number]))
    return panel.height(HEIGHT).span(COLUMNS // 3)


def _stacked(panel: Series) -> Series:
    return panel.stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(60)


def _query(expression: str, words: str) -> Dataquery:
    return Dataquery().datasource(SOURCE).expr(expression).legend_format(words).ref_id("A")


def _quantile(share: float) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate(signalnode_delivery_latency_seconds_bucket[5m])))"


def _or_0(expression: str) -> str:
    return f"{expression} or vector(0)"
