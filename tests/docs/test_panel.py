"""docs/panel.md and the alerts against what is written for Prometheus."""

from __future__ import annotations

import re
import shutil
import subprocess

import msgspec
import pytest

from signalnode.panels.metrics import HISTOGRAM, Facts, Totals, families
from tests.documents import DOCS, ROOT, quoted, table
from tests.panels.test_cluster import AT_WORK
from tests.panels.web.made import LIVE_HEALTH, market, view

PROCESS = {"name": "A", "role": "alerts", "state": "up", "restarts": 0, "cpu_s": 0.1, "pss_bytes": 1}
RECORDER = {
    "name": "recorder",
    "role": "recorder",
    "state": "up",
    "recording": "on",
    "gaps": 0,
    "recorded_bytes": 1,
}
ALERTS = ROOT / "config" / "prometheus" / "alerts.yml"


def written() -> set[str]:
    shown = msgspec.structs.replace(view(A=market(health=LIVE_HEALTH)), cluster=AT_WORK)
    facts = Facts(view=shown, age_s=0.1, totals=Totals(), processes=[{**PROCESS, "sent": 1}, RECORDER])
    return {f"signalnode_{name}" for name, *_ in families(facts)} | {f"signalnode_{HISTOGRAM}"}


def test_every_metric_is_told_and_no_other() -> None:
    told = [name for row in table(DOCS / "panel.md", "metric").rows for name in quoted(row[0])]
    assert set(told) == written()


def test_alerts_ask_for_metrics_that_there_are() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    asked = [each.removesuffix("_bucket") for each in re.findall(r"\bsignalnode_\w+", text)]
    assert asked
    assert set(asked) <= written()


@pytest.mark.parametrize(
    "words", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")]
)
def test_promtool_takes_the_config_and_alerts_fire_when_they_should(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; it comes with Debian's prometheus")
    command = [promtool, *words[:-1], str(ALERTS.with_name(words[-1]))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test() -> None:
    rules = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    tested = re.findall(r"alertname: (\w+)", ALERTS.with_name("alerts_test.yml").read_text(encoding="utf-8"))
    assert set(rules) == set(tested)
