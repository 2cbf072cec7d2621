"""The page: its cost with five browsers on 200 markets, metrics of 500, and a frame in a real browser."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from signalnode.names import PANEL
from signalnode.panels.metrics import Facts, Totals, exposition
from signalnode.settings import AggregatorSettings, NodeSettings, PanelSettings, panel_args
from tests.benchmarks.nodes import children, node_on, synthetic
from tests.benchmarks.panel_load import made_view
from tests.benchmarks.processor import cpu_s
from tests.benchmarks.table import Row, medians_s
from tests.ports import free_port

REPO = Path(__file__).parents[2]
MARKETS, BROWSERS, METRICS_MARKETS = 200, 5, 500
SETTLE_S, MEASURED_S = 3.0, 15.0
SCRAPED_S, SCRAPE_S = 8.0, 0.1
FRAMES_MS = 6_000
EMPTY_FRAMES = "window.count = 0, setInterval(() => requestAnimationFrame(() => count++), 250)"
EVENTS_PER_S = 2.0  # of each market of a real node; the panel hears views alone
OUTCOMES_S = 60.0  # then each market's outcomes have been told: one a view
VIEWS_PER_S = 4.0
SHARE_MOST = 0.25  # of what each score to each browser costs
VIEW_WAIT_MS = 125.0  # on average from a score's arrival to the view that has it


def rows() -> Iterator[Row]:
    """Every figure of the panel."""
    with tempfile.TemporaryDirectory(prefix="sn-") as name:
        endpoint = f"ipc://{name}/out"
        with _process("node", endpoint, str(MARKETS)):
            yield from _served(endpoint, Path(name))
        with _process("node", endpoint, str(METRICS_MARKETS)):
            yield _scraped(endpoint, Path(name))
    yield _metrics()
    with tempfile.TemporaryDirectory(prefix="sn-") as name:
        yield from _in_a_node(Path(name))


def _in_a_node(folder: Path) -> Iterator[Row]:
    """The panel as it runs: forked from a real node's fork server, its markets and their outcomes known."""
    port = free_port()
    feeds = [synthetic(seed, EVENTS_PER_S) for seed in range(MARKETS)]
    with (
        node_on(folder, feeds, f'[panel]\nendpoint = "127.0.0.1:{port}"') as config,
        _process("browsers", f"ws://127.0.0.1:{port}/ws", str(BROWSERS)) as browsers,
    ):
        pid = next(child["pid"] for child in children(config) if child["name"] == PANEL)
        time.sleep(OUTCOMES_S)
        before, began = cpu_s(pid), time.monotonic()
        time.sleep(MEASURED_S)
        share = 100 * (cpu_s(pid) - before) / (time.monotonic() - began)
        memory_mb = _pss_mb(pid)
        told = _ended(browsers)
        yield Row(
            what=f"the panel of a node of {MARKETS} markets, {BROWSERS} browsers",
            measured=memory_mb,
            unit="MB (PSS)",
            reference="% of a core, its CPU meanwhile",
            reference_value=share,
            aim="30 MB, 3%",
        )
        yield Row(
            what="frames that a browser of it was sent",
            measured=told["frames_per_s"],
            unit="frames/s",
            reference="views/s",
            reference_value=VIEWS_PER_S,
        )


def _served(endpoint: str, folder: Path) -> Iterator[Row]:
    port, other = free_port(), free_port()
    with (
        _process("panel", _panel_args(endpoint, folder, port)) as panel,
        _process("forwarding", endpoint, str(other)) as forwarding,
        _process("browsers", f"ws://127.0.0.1:{port}/ws", str(BROWSERS)) as browsers,
        _process("browsers", f"ws://127.0.0.1:{other}", str(BROWSERS)),
    ):
        time.sleep(SETTLE_S)
        before, began = [cpu_s(panel.pid), cpu_s(forwarding.pid)], time.monotonic()
        time.sleep(MEASURED_S)
        lasted = time.monotonic() - began
        ours, theirs = (
            100 * (cpu_s(each.pid) - was) / lasted
            for each, was in zip((panel, forwarding), before, strict=True)
        )
        yield Row(
            what=f"panel process, {MARKETS} markets, {BROWSERS} browsers",
            measured=ours,
            unit="% of a core",
            reference="% with each score sent to each",
            reference_value=theirs,
            at_most=SHARE_MOST,
            aim="3%",
        )
        yield Row(
            what="its memory, with an interpreter of its own",
            measured=_pss_mb(panel.pid),
            unit="MB (PSS)",
            reference="MB, the same server, no history",
            reference_value=_pss_mb(forwarding.pid),
        )
        yield from _drawn(port)
        told = _ended(browsers)
        yield Row(what="sent to one browser", measured=told["bytes_per_s"] / 1e3, unit="kB/s", aim="13")


def _panel_args(endpoint: str, folder: Path, port: int) -> str:
    settings = NodeSettings(
        runtime_dir=folder,
        state_dir=folder,
        markets_dir=folder,
        aggregator=AggregatorSettings(endpoint=endpoint),
        panel=PanelSettings(endpoint=f"127.0.0.1:{port}"),
        path=folder / "signalnode.toml",
    )
    return json.dumps(panel_args(settings))


def _drawn(port: int) -> Iterator[Row]:
    """A frame on the page; nothing where there is no browser."""
    from tests.browser.chromium import browser, until

    with contextlib.suppress(ImportError, pytest.skip.Exception), browser() as started:
        page = started.new_page(viewport={"width": 1440, "height": 5_200})  # all 200 rows in sight
        page.evaluate(EMPTY_FRAMES)
        _, empty = _main_thread_ms(page, "window.count")
        page.goto(f"http://127.0.0.1:{port}")
        until(page, "window.signalnode?.frames > 8", "frames are drawn")
        script, whole = _main_thread_ms(page, "signalnode.frames")
        waits = []
        for _ in range(40):
            page.wait_for_timeout(260)
            waits.append(page.evaluate("signalnode.sinceViewMs"))
        page.set_viewport_size({"width": 1440, "height": 900})
        page.wait_for_timeout(1_000)
        _, usual = _main_thread_ms(page, "signalnode.frames")
        yield Row(
            what=f"a frame on the page, {MARKETS} rows in sight, all their cells other ones",
            measured=script,
            unit="ms of main thread",
            reference="ms, an empty frame",
            reference_value=empty,
            aim="16 ms",
        )
        yield Row(
            what="with all that the browser does for it: layout, raster in software",
            measured=whole,
            unit="ms of CPU",
            reference="ms, an empty frame",
            reference_value=empty,
        )
        yield Row(
            what="the same in a window of 900 pixels",
            measured=usual,
            unit="ms of CPU",
            reference="ms, an empty frame",
            reference_value=empty,
            aim="16 ms",
        )
        yield Row(
            what="a score's arrival at Layer 5 to its pixel",
            measured=statistics.median(waits) + VIEW_WAIT_MS,
            unit="ms",
            reference="ms of it the mean wait for a view",
            reference_value=VIEW_WAIT_MS,
            aim="400 ms",
        )


def _main_thread_ms(page: Any, counter: str) -> tuple[float, float]:
    """CPU of the main thread a frame: of the page's own code, and with all that the browser does there.
    `counter` counts frames. CPU, for on a machine in use a clock measures the others.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def counted() -> tuple[float, float, int]:
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return 1e3 * metrics["ScriptDuration"], 1e3 * metrics["ThreadTime"], page.evaluate(counter)

    before = counted()
    page.wait_for_timeout(FRAMES_MS)
    script_ms, whole_ms, frames = (now - was for now, was in zip(counted(), before, strict=True))
    session.detach()
    return script_ms / max(frames, 1), whole_ms / max(frames, 1)


def _scraped(endpoint: str, folder: Path) -> Row:
    """How late a browser's frames are while `/metrics` is asked for, and before."""
    port = free_port()
    late = []
    with _process("panel", _panel_args(endpoint, folder, port)):
        for scrapes in (False, True):
            with _process("browsers", f"ws://127.0.0.1:{port}/ws", "1") as browser:
                until = time.monotonic() + SCRAPED_S
                while time.monotonic() < until:
                    if scrapes:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                            answer.read()
                    time.sleep(SCRAPE_S)
                late.append(_ended(browser)["late_ms_95"])
    return Row(
        what=f"how late 95% of frames are at most while /metrics of {METRICS_MARKETS} markets is scraped",
        measured=late[1],
        unit="ms after its view",
        reference="ms, unscraped",
        reference_value=late[0],
        aim="50 ms later",
    )


def _metrics() -> Row:
    view = made_view(1, METRICS_MARKETS)
    totals = Totals()
    totals.take(view)
    facts = Facts(view=view, age_s=0.1, totals=totals)
    encoder = msgspec.json.Encoder()
    times = medians_s({"text": lambda: exposition(facts), "json": lambda: encoder.encode(view)})
    series = exposition(facts).count(b"\nsignalnode_")
    return Row(
        what=f"/metrics of {METRICS_MARKETS} markets, {series:,} series",
        measured=1e3 * times["text"],
        unit="ms",
        reference="ms, msgspec's JSON of that view",
        reference_value=1e3 * times["json"],
        aim="20 ms",
    )


@contextlib.contextmanager
def _process(role: str, *given: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.benchmarks.panel_load", role, *given]
    process = subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", role
        yield process
    finally:
        process.kill()
        process.communicate()


def _ended(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdin = None
    return dict(json.loads(process.stdout.readline()))


def _pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1e3
    return 0.0
