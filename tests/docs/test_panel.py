"""docs/panel.md and the alerts against what is written for Prometheus."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from signalnode.panels.metrics import HISTOGRAM, Facts, Totals, families
from tests.documents import DOCS, ROOT, quoted, table
from tests.panels.web.made import LIVE_HEALTH, market, view

PROCESS = {"name": "A", "state": "up", "restarts": 0, "cpu_s": 0.1, "pss_bytes": 1}
ALERTS = ROOT / "config" / "prometheus" / "alerts.yml"


def written() -> set[str]:
    shown = view(A=market(health=LIVE_HEALTH))
    facts = Facts(view=shown, age_s=0.1, totals=Totals(), processes=[PROCESS])
    return {f"signalnode_{name}" for name, *_ in families(facts)} | {f"signalnode_{HISTOGRAM}"}


def test_every_metric_is_told_and_no_other() -> None:
    told = [name for row in table(DOCS / "panel.md", "metric").rows for name in quoted(row[0])]
    assert set(told) == written()


def test_alerts_ask_for_metrics_that_there_are() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    asked = [each.removesuffix("_bucket") for each in re.findall(r"\bsignalnode_\w+", text)]
    assert asked
    assert set(asked) <= written()


def test_alerts_fire_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; it comes with Debian's prometheus")
    done = subprocess.run(
        [promtool, "test", "rules", str(ALERTS.with_name("alerts_test.yml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
