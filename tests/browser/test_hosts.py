"""The page's tab of hosts, of a real node that is told of a cluster, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from signalnode.bus.cluster import Told
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.files import replace_file
from tests.browser.chromium import browser, playwright
from tests.browser.test_page import Node
from tests.effort import PATIENCE_S
from tests.panels.test_cluster import AT_WORK

GRANT = 1_764_230_400
TEXT = "document.querySelector('#tab').textContent"
TAB = "document.querySelector('[data-tab=hosts]')"
WELL = msgspec.structs.replace(
    AT_WORK, hosts=[msgspec.structs.replace(each, state="up") for each in AT_WORK.hosts]
)


class Layer5:
    """A node that is a cluster's Layer 5: its page, and the file by which it knows how the cluster stands."""

    def __init__(self, folder: Path, page: playwright.Page) -> None:
        self.overview, self.page = folder / "overview", page
        shard = f'[shard]\nname = "layer5"\ngrant = {GRANT}\noverview = "{self.overview}"\n'
        self.stands, self.ago_s = WELL, 0.0
        self.node = Node(folder, (), shard)

    def until(self, expression: str, what: str) -> None:
        """As `chromium.until`; the head says again and again how all stands, `ago_s` later."""
        until_ns = monotonic_ns() + int(PATIENCE_S * NS_PER_S)
        while monotonic_ns() < until_ns:
            said_ns = monotonic_ns() - int(self.ago_s * NS_PER_S)
            replace_file(self.overview, msgspec.json.encode(Told(self.stands, said_ns)))
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"never: {what} ({self.page.evaluate(TEXT)})")

    def until_said(self, *words: str) -> None:
        for each in words:
            self.until(f"{TEXT}.includes({each!r})", each)


@pytest.fixture
def layer5(tmp_path: Path) -> Iterator[Layer5]:
    with browser() as started:
        made = Layer5(tmp_path, started.new_page(viewport={"width": 1280, "height": 800}))
        try:
            made.node.reach(made.page)
            made.until(f"{TAB} && !{TAB}.hidden", "the tab is there")
            made.page.get_by_role("tab", name="hosts").click()
            yield made
        finally:
            made.node.end()


def test_hosts_shards_and_grants_are_shown_and_what_is_wrong_is_marked_and_said(layer5: Layer5) -> None:
    layer5.until_said("cluster up, 2 hosts, 1 of 2 shards up, 2 of 3 markets ready", "10.0.0.3", "101 to 105")
    layer5.until_said("Layer 5 is at tcp://10.0.0.2:7450 on 10.0.0.2", "2 of 3")
    layer5.until(f"{TAB}.textContent === 'hosts'", "nothing is wrong")
    layer5.stands = AT_WORK
    layer5.until(f"{TAB}.textContent === 'hosts ⚠'", "a lost host marks the tab")
    layer5.until("document.querySelector('#tab td.trouble')?.textContent === 'lost'", "its state is marked")
    layer5.stands = WELL
    layer5.until(f"{TAB}.textContent === 'hosts'", "it is back")
    layer5.stands = msgspec.structs.replace(WELL, unshipped={"s3://b cannot be written": ["s1", "s2"]})
    layer5.until_said("checkpoints not shipped by s1, s2: s3://b cannot be written")
    held = [
        msgspec.structs.replace(each, shards=["s"], markets=count)
        for each, count in zip(WELL.hosts, (6, 0), strict=True)
    ]
    layer5.stands = msgspec.structs.replace(WELL, hosts=held)
    layer5.until_said("markets stand unevenly, 6 on 10.0.0.2 and 0 on 10.0.0.3")
    layer5.until(f"{TAB}.textContent === 'hosts'", "that is no trouble")
    layer5.ago_s = 90.0
    layer5.until_said("the head has said nothing for 1m 3", "markets run on, nothing is moved or made good")
