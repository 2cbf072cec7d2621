"""The page's end of its connection, without a node: sockets are made up."""

from __future__ import annotations

from signalnode.panels.web.files import FOLDER
from tests.browser.chromium import browser
from tests.effort import PATIENCE_S

SOURCE = (FOLDER / "link.js").read_text(encoding="utf-8")
SILENT_TWICE = """
async (source) => {
  const { Link } = await import("data:text/javascript," + encodeURIComponent(source));
  const made = [];
  window.WebSocket = class {
    constructor() { made.push(this); }
    send() {}
    close() { this.isClosed = true; }
  };
  const link = new Link(() => {}, () => {});
  made[0].onopen();
  link.watch();
  const early = made[0].isClosed === true;
  link.heardAt -= 60000;
  link.watch();
  link.watch();
  await new Promise((done) => setTimeout(done, 1000));
  return [early, made[0].isClosed, made.length];
}
"""


def test_a_line_that_was_lost_without_a_word_is_left_for_a_new_one() -> None:
    """As after a night in which the machine slept: the other end has gone, and nobody said so."""
    with browser() as started:
        page = started.new_page()
        page.set_default_timeout(1_000 * PATIENCE_S)
        assert page.evaluate(SILENT_TWICE, SOURCE) == [False, True, 2]


TOLD_LATE = """
async (source) => {
  const { Link } = await import("data:text/javascript," + encodeURIComponent(source));
  window.WebSocket = class { send() {} };
  const link = new Link(() => {}, () => {}), ages = [];
  const take = (...told) => {
    link.aged(...told);
    ages.push(link.ageS() === null ? null : Math.floor(link.ageS()));
  };
  take(7, true);
  take(0, false);
  link.dataAt -= 5000;
  take(1, true);
  take(9, true);
  take(0, false);
  take(null, true);
  return ages;
}
"""


def test_what_is_seen_gets_no_younger_by_a_word_that_was_long_under_way() -> None:
    with browser() as started:
        page = started.new_page()
        page.set_default_timeout(1_000 * PATIENCE_S)
        assert page.evaluate(TOLD_LATE, SOURCE) == [7, 0, 5, 9, 0, None]
