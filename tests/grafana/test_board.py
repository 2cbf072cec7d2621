"""The shipped board is what the tool makes, and asks for metrics that there are."""

from __future__ import annotations

import json
import re
from itertools import combinations

from tests.docs.test_panel import written
from tests.grafana.board import PATH, expressions, text

SHOWN = json.loads(PATH.read_text(encoding="utf-8"))


def test_the_file_is_what_the_tool_makes() -> None:
    assert PATH.read_text(encoding="utf-8") == text(), "run python -m tests.grafana"


def test_the_board_asks_for_every_metric_and_no_other() -> None:
    asked = set(re.findall(r"\bsignalnode_\w+", " ".join(expressions(SHOWN))))
    histogram = r"(delivery_latency_seconds)_(bucket|sum|count)"
    assert {re.sub(histogram, r"\1", each) for each in asked} == written()


def test_no_panel_lies_on_another_and_each_has_a_number_of_its_own() -> None:
    panels = SHOWN["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    for one, other in combinations([each["gridPos"] for each in panels], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


def test_every_panel_asks_the_prometheus_that_was_chosen() -> None:
    sources = re.findall(r'"uid": "(\$\{\w+\})"', PATH.read_text(encoding="utf-8"))
    assert set(sources) == {"${source}"}
