"""The page of a real node in a real browser: seen, sorted, opened, and what it says when things die."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from signalnode.panels.web.asked import REQUESTS_MAX
from signalnode_supervisor.control import request
from tests.browser.chromium import browser, playwright, until
from tests.browser.colours import BLINDNESSES, apart, contrast
from tests.browser.timed import SAID_MS_MAX, TIMED
from tests.effort import PATIENCE_S, drawn
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
MARKETS = ("ALPHA-USD", "BETA-USD", "GAMMA-USD")
FRAMES_PER_S = 4
PATIENCE_MS = 1_000 * PATIENCE_S
POLICY, TOO_BIG = 1008, 1009  # why a connection is closed, RFC 6455
NODES_MAX = 3_000  # of three markets: the board, one opened, and as many decisions as are shown


class Node:
    """A real node with markets and the page."""

    def __init__(self, folder: Path, markets: tuple[str, ...] = MARKETS, extra: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.control = folder / "run" / "control.sock"
        self.markets = folder / "config" / "markets"
        self.markets.mkdir(parents=True)
        config = folder / "config" / "signalnode.toml"
        bus = f'[aggregator]\nendpoint = "tcp://127.0.0.1:{free_port()}"\n'
        config.write_text(f'{bus}[panel]\nendpoint = "127.0.0.1:{self.port}"\n{extra}')
        for seed, name in enumerate(markets):
            text = f'market = "{name}"\n[feed]\nkind = "synthetic"\nseed = {seed}\n'
            (self.markets / f"{name}.toml").write_text(text)
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "signalnode", "run", "--config", str(config)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=log,
            )

    def child(self, name: str) -> dict[str, Any]:
        children = request(self.control, "status", timeout_s=PATIENCE_S)["children"]
        (found,) = [each for each in children if each["name"] == name]
        return dict(found)

    def kill(self, name: str) -> None:
        os.kill(self.child(name)["pid"], signal.SIGKILL)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def reach(self, page: playwright.Page) -> None:
        """Open its page as soon as it is there."""
        page.set_default_timeout(PATIENCE_MS)
        while True:
            try:
                page.goto(self.url)
            except playwright.Error:
                assert self.process.poll() is None
                page.wait_for_timeout(200)
            else:
                return

    def end(self) -> None:
        """In order."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def started() -> Iterator[playwright.Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, started: playwright.Browser) -> Iterator[Node]:
    running = Node(tmp_path_factory.mktemp("node"))
    page = started.new_page()
    try:
        page.wait_for_timeout(500)
        running.reach(page)
        until(page, "document.querySelector('#fresh').textContent === '3/3 fresh'", "all markets are seen")
        yield running
    finally:
        running.end()


@pytest.fixture
def page(node: Node, started: playwright.Browser) -> Iterator[playwright.Page]:
    made = started.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
    made.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    made.goto(node.url)
    until(made, "window.signalnode?.frames > 1", "frames are drawn")
    yield made
    made.close()
    assert not [each for each in errors if "WebSocket" not in each], errors


def order(page: playwright.Page) -> list[str]:
    """The markets in the order of the table, as a screen reader has them."""
    rows = page.evaluate(
        "[...document.querySelectorAll('.rows tr')].map((r) => [+r.ariaRowIndex, r.firstChild.textContent])"
    )
    assert [at for at, _ in rows] == [2 + i for i in range(len(rows))]
    return [name for _, name in rows]


def test_the_first_sight_has_every_market_its_state_and_its_scores(page: playwright.Page) -> None:
    page.evaluate("location.hash = '#%'")  # an address that was cut off in the middle of a sign: no error
    assert sorted(order(page)) == list(MARKETS)
    assert page.locator("#alarm").is_hidden()
    until(page, "document.querySelector('#age').textContent.startsWith('live')", "it says how old it is")
    until(page, "document.querySelectorAll('#regimes b').length === 4", "the regime is there")
    written = "[...document.querySelectorAll('.rows td')].every((cell) => cell.textContent !== '')"
    until(page, written, "the table has words")
    for width in (1280, 1000, 720):  # what is clicked keeps its corner, however much there is to say
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("document.querySelector('#chips').innerHTML = '<button>12 degraded</button>'.repeat(3)")
        corner = page.locator("#theme").bounding_box()
        said = [page.locator(each).bounding_box() for each in ("#fresh", "#chips", "#regimes")]
        assert corner is not None
        assert corner["y"] < 10
        assert corner["x"] + corner["width"] <= width
        tools = page.locator("#tools").bounding_box()
        assert tools is not None
        assert all(box is not None and box["x"] + box["width"] <= tools["x"] for box in said)
    pixels = "document.querySelector('#cells').getContext('2d').getImageData(0, 30, 900, 60).data"
    assert page.evaluate(f"[...{pixels}].some(Boolean)")


def test_a_click_on_a_head_sorts_and_a_second_one_turns_it_round(page: playwright.Page) -> None:
    head = page.get_by_role("button", name="market")
    head.click()
    assert order(page) == sorted(MARKETS)
    head.click()
    assert order(page) == sorted(MARKETS, reverse=True)
    assert page.locator("#heads th[aria-sort=descending]").count() == 1


def test_keys_filter_select_open_and_close(page: playwright.Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("bet")
    assert order(page) == ["BETA-USD"]
    page.keyboard.press("Enter")
    assert page.get_by_role("heading", name="BETA-USD").is_visible()
    page.keyboard.press("Escape")
    assert sorted(order(page)) == list(MARKETS)
    page.keyboard.press("Escape")
    assert page.locator("#market").is_hidden()
    page.get_by_role("tab", name="processes").click()  # a button that has the focus takes no Enter for itself
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.get_by_role("heading", level=2).is_visible()


def test_an_opened_market_has_its_past_at_once_and_goes_on(page: playwright.Page, node: Node) -> None:
    page.goto(f"{node.url}/#ALPHA-USD")
    until(page, "document.querySelectorAll('.uplot').length === 6", "mid and five strips are drawn")
    until(page, "document.querySelector('.charts .value:last-child').textContent !== ''", "with values")
    assert "ALPHA-USD" in page.locator("#market h2").inner_text()
    assert (
        "live" in page.locator("#market .state").inner_text()
        or "warming" in page.locator("#market .state").inner_text()
    )


def test_tabs_show_processes_and_relations(page: playwright.Page) -> None:
    assert not page.get_by_role("tab", name="hosts").is_visible()  # it is of no cluster
    page.get_by_role("tab", name="processes").click()
    until(page, "document.querySelectorAll('#tab tr').length >= 6", "every process has a line")
    assert "aggregator" in page.locator("#tab").inner_text()
    page.get_by_role("tab", name="relations").click()
    until(page, "document.querySelectorAll('#tab canvas + p + table tr').length === 4", "three couples")
    unanswered = page.evaluate(
        "import('./relations.js').then(({ Relations }) => { const root = document.createElement('div');"
        " const shown = new Relations(root, null); shown.take({ is_answered: false }); shown.draw();"
        " return root.textContent; })"
    )
    assert "gives no answer" in unanswered  # which is not that nothing was seen


def test_colours_say_side_and_strength_to_the_colour_blind_too_and_words_can_be_read(
    page: playwright.Page,
) -> None:
    """In both schemes: the sides from a fifth of their strength on, strengths a quarter apart; and text."""
    for theme in ("dark", "light"):
        look = page.evaluate(
            "theme => { document.documentElement.dataset.theme = theme;"
            " return import('./colours.js').then((colours) => colours.look()) }",
            theme,
        )
        ramps = {side: look[side] for side in ("long", "short", "plain")}
        for blindness in BLINDNESSES:
            for level in range(20, 101, 5):
                sides = [ramps[side][level]["fill"] for side in ("long", "short")]
                assert apart(*sides, blindness) >= 20, (theme, blindness, level)
            for side, ramp in ramps.items():
                for level in range(0, 76, 5):
                    far = apart(ramp[level]["fill"], ramp[level + 25]["fill"], blindness)
                    assert far >= 10, (theme, blindness, side, level)
        words = [(cell["fill"], cell["ink"]) for ramp in ramps.values() for cell in ramp]
        words += [
            (look[under], look[word]) for word in ("text", "quiet", "warn") for under in ("ground", "mark")
        ]
        assert min(contrast(*pair) for pair in words) >= 4.5, theme
        assert contrast("#fff", look["alarm"]) >= 4.5
        assert min(contrast(line, look["ground"]) for line in look["line"].values()) >= 3.0  # WCAG 1.4.11


def test_a_killed_market_is_seen_and_is_seen_to_come_back(page: playwright.Page, node: Node) -> None:
    page.get_by_role("tab", name="processes").click()
    before = node.child("GAMMA-USD")["restarts"]
    node.kill("GAMMA-USD")
    page.goto(f"{node.url}/#GAMMA-USD")
    until(page, "document.querySelector('.why')?.textContent.includes('restart')", "its restart is told")
    assert "SIGKILL" in page.locator("#market .why").inner_text()
    until(page, "document.querySelector('#fresh').textContent === '3/3 fresh'", "it is back")
    assert node.child("GAMMA-USD")["restarts"] == before + 1


def test_without_layer_5_the_page_says_so_loudly_and_heals(page: playwright.Page, node: Node) -> None:
    page.evaluate(TIMED)
    pid = node.child("aggregator")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(page, "document.querySelector('#alarm').textContent.includes('No data for')", "it says so")
        assert page.locator("#alarm").is_visible()
        assert page.title() == "⚠ signalnode"
        timed = page.evaluate("window.timed")
        assert timed["saidAt"] - timed["frameAt"] <= SAID_MS_MAX + timed["lateMs"]
        until(page, "parseFloat(document.querySelector('#alarm').textContent.slice(12)) >= 4", "and how long")
        status, text = node.get("/healthz")
        assert (status, text[:13]) == (503, "nothing heard")
    finally:
        os.kill(pid, signal.SIGKILL)
    until(page, "document.querySelector('#alarm').hidden", "it heals")
    until(page, "document.querySelector('#fresh').textContent === '3/3 fresh'", "all are back")


def test_a_panel_that_dies_comes_back_and_so_does_its_page(page: playwright.Page, node: Node) -> None:
    frames = page.evaluate("window.signalnode.frames")
    os.kill(node.child("panel")["pid"], signal.SIGSTOP)
    until(page, "document.querySelector('#alarm').textContent.includes('nothing comes from')", "it is silent")
    node.kill("panel")
    until(page, f"window.signalnode.frames > {frames + 2 * FRAMES_PER_S}", "frames come again")
    assert page.locator("#alarm").is_hidden()


def test_on_a_phone_a_market_opens_over_the_board_and_closes(node: Node, started: playwright.Browser) -> None:
    page = started.new_page(viewport={"width": 390, "height": 844}, color_scheme="light")
    page.set_default_timeout(PATIENCE_MS)
    page.goto(node.url)
    until(page, "window.signalnode?.frames > 1", "frames are drawn")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".rows tr").first.click()
    assert page.locator("#market").is_visible()
    page.get_by_role("button", name="close").click()
    assert page.locator("aside").is_hidden()
    page.get_by_role("button", name="decisions, relations").click()
    assert page.locator("#tab").is_visible()
    page.close()


def test_nothing_grows_while_a_market_is_watched(page: playwright.Page, node: Node) -> None:
    """Heap and nodes of the page, over seconds here and over ten minutes in the long tests."""
    page.goto(f"{node.url}/#ALPHA-USD")
    until(page, "document.querySelectorAll('.uplot').length === 6", "the market is open")
    page.wait_for_timeout(drawn(1_000, 60_000))
    before = counted(page)
    page.wait_for_timeout(drawn(2_000, 600_000))
    after = counted(page)
    assert after["Nodes"] <= NODES_MAX
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 3e6


def test_nothing_is_left_of_what_was_opened_and_closed(page: playwright.Page) -> None:
    """Every view again and again: nodes, listeners and heap are as after the first times."""
    some, many = drawn(3, 20), drawn(3, 200)
    look_at_everything(page, some)
    before = counted(page)
    look_at_everything(page, many)
    after = counted(page)
    assert after["Nodes"] <= before["Nodes"] + 200
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 20
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 3e6


def look_at_everything(page: playwright.Page, times: int) -> None:
    for turn in range(times):
        page.get_by_role("tab", name=("relations", "processes", "decisions")[turn % 3]).click()
        page.evaluate(f"location.hash = '{MARKETS[turn % 3]}'")
        until(page, "document.querySelectorAll('.uplot').length === 6", "the market is open")
        page.get_by_role("button", name="dark or light").click()
        page.get_by_role("button", name="close").click()
    page.get_by_role("tab", name="processes").click()  # whose lines are as many at any time
    until(page, "document.querySelectorAll('#tab tr').length >= 6", "every process has a line")


def counted(page: playwright.Page) -> dict[str, float]:
    """What the page holds, garbage not counted."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    found = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return {each["name"]: each["value"] for each in found}


def test_metrics_and_readiness_are_of_the_same_node(node: Node) -> None:
    status, text = node.get("/metrics")
    assert status == 200
    assert 'signalnode_market_state{market="ALPHA-USD",state="' in text
    assert 'signalnode_process_pss_bytes{process="ALPHA-USD"} ' in text
    assert node.get("/readyz") == (200, "ok\n")
    assert node.get("/metrics", Accept="application/openmetrics-text")[1].endswith("# EOF\n")
    assert node.get("/../../etc/passwd")[0] == 404
    assert node.get("/", Host="evil.example")[0] == 421


def close_code(address: str, *messages: str | bytes) -> int:
    """What the server says when it lets go of a client that sends these."""
    with connect(address) as client:
        try:
            for message in messages:
                client.send(message)
            while True:
                client.recv(PATIENCE_S)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 0


def test_a_client_that_talks_nonsense_is_let_go_and_nobody_else_notices(
    page: playwright.Page, node: Node
) -> None:
    address = f"ws://127.0.0.1:{node.port}/ws"
    for nonsense in ("{", b"\x00" * 100, '{"open": "ALPHA-USD", "verb": "stop"}'):
        assert close_code(address, nonsense) == POLICY
    assert close_code(address, "x" * 100_000) == TOO_BIG
    assert close_code(address, *['{"show": null}'] * 2 * REQUESTS_MAX) == POLICY
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, origin="http://evil.example")
    frames = page.evaluate("window.signalnode.frames")
    until(page, f"window.signalnode.frames > {frames + 2}", "the page goes on")


def test_the_page_asks_nobody_else_for_anything(node: Node, started: playwright.Browser) -> None:
    page = started.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(node.url)
    until(page, "window.signalnode?.frames > 1", "frames are drawn")
    assert asked
    assert all(url.startswith(node.url) for url in asked), json.dumps(asked)
    page.close()


def test_an_opened_market_that_leaves_the_config_says_so_until_it_is_back(
    page: playwright.Page, node: Node
) -> None:
    state = "document.querySelector('#market .state').textContent"
    until(page, "document.querySelectorAll('.rows tr').length === 3", "three markets")
    page.evaluate("location.hash = 'GAMMA-USD'")
    until(page, f"document.querySelector('#market .state') && {state}.includes('heard')", "it is open")
    file = node.markets / "GAMMA-USD.toml"
    text = file.read_text()
    file.unlink()
    request(node.control, "reload", timeout_s=PATIENCE_S)
    until(page, f"{state}.includes('has left the config')", "it has left")
    file.write_text(text)
    request(node.control, "reload", timeout_s=PATIENCE_S)
    until(page, f"{state}.includes('heard') && !{state}.includes('never')", "it is back")
